from dataclasses import replace

import numpy as np
import pytest

from mnist_resnet.evaluation.cuda import CUDA_PROVIDER, cuda_obstacle
from mnist_resnet.evaluation.providers import ProviderError
from mnist_resnet.evaluation.validation_split import Validation
from tests.made_gpu import play_gpu
from tests.made_model import bright_half, halves_model


@pytest.fixture
def validation() -> Validation:
    images = np.stack([bright_half("left"), bright_half("right"), bright_half("right"), bright_half("left")])
    return Validation(images, np.array([0, 1, 1, 1], np.uint8), ["CPUExecutionProvider"])


def test_accuracy_is_the_share_of_right_answers(validation):
    assert validation.correct(halves_model()).mean() == 0.75


def test_the_digest_is_that_of_images_and_labels(validation):
    assert validation.digest == replace(validation, images=validation.images.copy()).digest
    others = validation.images.copy()
    others[3, 7, 7] += 1
    assert replace(validation, images=others).digest != validation.digest
    assert replace(validation, labels=np.array([0, 1, 1, 2], np.uint8)).digest != validation.digest


def test_each_answer_is_right_or_not(validation):
    assert validation.correct(halves_model()).tolist() == [True, True, True, False]


def test_a_file_is_asked_once_in_a_process(validation, monkeypatch):
    asked, model, probabilities = [], halves_model({"asked": "once"}), Validation.probabilities
    monkeypatch.setattr(Validation, "probabilities", lambda *given: asked.append(given) or probabilities(*given))
    first = validation.correct(model)
    providers = [CUDA_PROVIDER, *validation.providers]  # of which the processor is the first that there is
    again = replace(validation, images=validation.images.copy(), providers=providers).correct(model)
    assert (first.tolist(), again.tolist(), len(asked)) == ([True, True, True, False], first.tolist(), 1)


def test_a_file_is_asked_again_of_other_images_or_labels(validation):
    assert validation.correct(halves_model()).tolist() == [True, True, True, False]
    swapped = validation.images[[1, 0, 2, 3]]
    assert replace(validation, images=swapped).correct(halves_model()).tolist() == [False, False, True, False]
    others = np.array([1, 1, 1, 0], np.uint8)
    assert replace(validation, labels=others).correct(halves_model()).tolist() == [False, True, True, True]


def test_perturbed_images_are_drawn_from_these_and_no_more_than_asked_for(validation):
    assert validation.robustness(halves_model(), count=3, seed=0).images == 3
    whole = validation.robustness(halves_model(), count=500, seed=0)
    assert (whole.images, whole.untouched) == (4, 0.75)
    assert whole == validation.robustness(halves_model(), count=4, seed=0)


def correct_of(validation: Validation):
    return validation.correct(halves_model())


def robustness_of(validation: Validation):
    return validation.robustness(halves_model(), count=3, seed=0)


@pytest.mark.parametrize("judge", [correct_of, robustness_of])
def test_without_a_gpu_that_is_required_nothing_is_judged(validation, judge):
    with pytest.raises(ProviderError, match=r"evaluation\.require_gpu is true"):
        judge(replace(validation, require_gpu=True))


def test_cuda_runs_with_the_settings_asked_for(validation, evaluation_parameters, monkeypatch):
    play_gpu(monkeypatch)
    settings = replace(evaluation_parameters.cuda, deterministic=True, graphs=True)
    session = replace(validation, providers=[CUDA_PROVIDER], cuda=settings).open(halves_model())
    cuda_obstacle.cache_clear()
    assert (session.fixed, session.provider_options) == (True, {"use_deterministic_compute": "1"})
