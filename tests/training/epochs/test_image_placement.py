import logging
from dataclasses import replace

import pytest

from mnist_resnet.models.resnet import build_network
from mnist_resnet.training.epochs import image_placement
from mnist_resnet.training.epochs.host_fed import HostFedEpochs
from mnist_resnet.training.epochs.image_placement import fits, make_suitable_epochs
from mnist_resnet.training.epochs.on_device import DeviceEpochs
from mnist_resnet.training.trainee import build_trainee


@pytest.fixture(scope="module")
def models(model_parameters, preprocessing, training_parameters):
    network = build_network(model_parameters, preprocessing, (8, 8), 3)
    return build_trainee(network, 12, training_parameters), network


# 192 and 48 images of 64 bytes.
IMAGES = 240 * 64


@pytest.mark.parametrize(
    ("memory", "kind", "said"),
    [
        (None, HostFedEpochs, "Each batch is fed from the host's memory: there is no GPU"),
        (
            4 * IMAGES,
            HostFedEpochs,
            "Each batch is fed from the host's memory: the images take 0 MB, and the GPU has 0 MB",
        ),
        (
            80_000_000_000,
            DeviceEpochs,
            "The images stay on the GPU, and many steps are one compiled program: the images take 0 MB, and the GPU "
            "has 80,000 MB",
        ),
    ],
)
def test_images_stay_on_a_gpu_that_has_room(
    models, made_split, training_parameters, monkeypatch, caplog, memory, kind, said
):
    caplog.set_level(logging.INFO, "mnist_resnet.training")
    monkeypatch.setattr(image_placement, "gpu_memory", lambda: memory)
    assert type(make_suitable_epochs(*models, made_split, training_parameters)) is kind
    assert caplog.messages == [said]


def test_several_gpus_are_fed(models, made_split, training_parameters, monkeypatch, caplog):
    caplog.set_level(logging.INFO, "mnist_resnet.training")
    monkeypatch.setattr(image_placement, "gpu_memory", lambda: 80_000_000_000)
    monkeypatch.setattr(image_placement, "devices_in_use", lambda: 2)
    assert type(make_suitable_epochs(*models, made_split, training_parameters)) is HostFedEpochs
    assert caplog.messages == ["Each batch is fed from the host's memory, to the GPUs that share it"]


@pytest.mark.parametrize(("images", "memory", "fit"), [(24, 100, True), (25, 100, False), (0, 0, False)])
def test_images_take_less_than_a_quarter_of_the_memory(images, memory, fit):
    assert fits(images, memory) is fit


def test_a_cpu_is_no_gpu():
    assert image_placement.gpu_memory() is None


def test_epochs_on_small_images_have_a_copy_of_the_images(models, made_split, training_parameters, monkeypatch):
    monkeypatch.setattr(image_placement, "gpu_memory", lambda: 6 * IMAGES)
    once, twice = (replace(training_parameters, small_epochs=epochs) for epochs in (0, 1))
    assert isinstance(make_suitable_epochs(*models, made_split, once), DeviceEpochs)
    assert isinstance(make_suitable_epochs(*models, made_split, twice), HostFedEpochs)
