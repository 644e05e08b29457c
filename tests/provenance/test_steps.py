from hashlib import sha256

import numpy as np
import pytest

from mnist_resnet.data.idx import encode
from mnist_resnet.preprocessing import Preprocessing
from mnist_resnet.provenance.steps import STEPS, epoch_values, step_values
from mnist_resnet.storage.digests import digest_of_array, digests_of_onnx
from mnist_resnet.training.events import EpochResult

VALUES = {
    "learning_rate": 0.1,
    "train_loss": 0.5,
    "train_accuracy": 0.8,
    "validation_loss": None,
    "validation_accuracy": None,
}
FIRST, SECOND = (EpochResult(**VALUES, epoch=epoch, seconds=2.0, images_per_second=100.0) for epoch in (1, 2))
PREPROCESSING = Preprocessing("pad", (32, 32), 33.0, 0.01)
PROBABILITIES = np.full((5, 2), 0.5, np.float32)


@pytest.mark.parametrize(
    ("role", "artifact", "entry"),
    [
        ("train_images", "published_images", "published_images"),
        ("test_labels", "published_test_labels", "test_labels"),
    ],
)
@pytest.mark.parametrize("kind", ["u1", ">i4", ">f4"])
def test_raw_data_are_recorded_by_the_digest_of_their_file(made_data, role, artifact, entry, kind):
    array = made_data.arrays[role].astype(kind)
    assert step_values(artifact, array) == ("raw_data", {entry: sha256(encode(array)).hexdigest()})


def test_each_array_of_the_split_is_recorded(made_split):
    for name, array in (made_split._asdict() | {"test_labels": made_split.train_labels}).items():
        assert step_values(name, array) == ("split", {name: digest_of_array(array)})


@pytest.mark.parametrize(
    ("artifact", "content", "recorded"),
    [
        ("preprocessing", PREPROCESSING, ("prepared_data", vars(PREPROCESSING))),
        ("history", [FIRST, SECOND], ("epochs", {"1": VALUES, "2": VALUES})),
        ("metrics", {"test_accuracy": 0.9}, ("metrics", {"test_accuracy": 0.9})),
        (
            "test_probabilities",
            PROBABILITIES,
            ("probabilities", {"sha256": digest_of_array(PROBABILITIES), "images": 5, "classes": 2}),
        ),
        ("variants", {}, ("export", {})),
        ("learning_curves", object(), None),
    ],
)
def test_few_values_are_recorded_themselves_and_arrays_by_their_digest(artifact, content, recorded):
    assert step_values(artifact, content) == recorded
    assert epoch_values(SECOND) == {"2": VALUES}  # without what depends on the clock


def test_exported_files_are_recorded_by_graph_and_initializers(model_bytes):
    digests = digests_of_onnx(model_bytes)
    assert digests.keys() == {"graph", "initializers"}
    assert step_values("onnx", model_bytes) == ("export", digests)
    of_variant = {f"model.int8.onnx: {part}": digest for part, digest in digests.items()}
    assert step_values("variants", {"model.int8.onnx": model_bytes}) == ("export", of_variant)


def test_the_steps_follow_the_flow():
    flow = "raw_data split prepared_data initial_weights epochs final_weights export probabilities metrics"
    assert list(STEPS) == flow.split()
