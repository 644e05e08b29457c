from hashlib import sha256

import numpy as np
import pytest

from mnist_resnet.data.idx import encode
from mnist_resnet.preprocessing import Preprocessing
from mnist_resnet.provenance.steps import STAGES, epoch_values, stage_values
from mnist_resnet.storage.digests import digest_of_array
from mnist_resnet.training.events import EpochResult

RESULT = {
    "epoch": 2,
    "learning_rate": 0.1,
    "train_loss": 0.5,
    "train_accuracy": 0.8,
    "validation_loss": None,
    "validation_accuracy": None,
    "seconds": 2.0,
    "images_per_second": 100.0,
}
VALUES = {name: RESULT[name] for name in RESULT if name not in {"epoch", "seconds", "images_per_second"}}


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
    digest = sha256(encode(array)).hexdigest()
    assert stage_values(artifact, array) == ("raw_data", {entry: digest})


def test_each_array_of_the_split_is_recorded(made_split):
    for name, array in (made_split._asdict() | {"test_labels": made_split.train_labels}).items():
        assert stage_values(name, array) == ("split", {name: digest_of_array(array)})


def test_an_epoch_is_recorded_without_what_depends_on_the_clock():
    assert epoch_values(RESULT) == {"2": VALUES}
    history = [EpochResult(**RESULT | {"epoch": 1}), EpochResult(**RESULT)]
    assert stage_values("history", history) == (
        "epochs",
        {"1": VALUES, "2": VALUES},
    )


def test_probabilities_are_recorded_with_their_size():
    probabilities = np.full((5, 2), 0.5, np.float32)
    recorded = {"sha256": digest_of_array(probabilities), "images": 5, "classes": 2}
    assert stage_values("test_probabilities", probabilities) == ("probabilities", recorded)


def test_few_values_are_recorded_themselves():
    preprocessing = Preprocessing("pad", (32, 32), 33.0, 0.01)
    assert stage_values("preprocessing", preprocessing) == ("prepared_data", vars(preprocessing))
    assert stage_values("metrics", {"test_accuracy": 0.9}) == ("metrics", {"test_accuracy": 0.9})


def test_an_exported_file_is_recorded_by_graph_and_initializers(model_bytes):
    stage, recorded = stage_values("onnx", model_bytes)
    assert stage == "export"
    assert recorded.keys() == {"graph", "initializers"}


def test_each_variant_is_recorded_like_the_file_it_was_made_from(model_bytes):
    digests = stage_values("onnx", model_bytes)[1]
    stage, recorded = stage_values("variants", {"model.int8.onnx": model_bytes})
    assert stage == "export"
    assert recorded == {f"model.int8.onnx: {part}": digest for part, digest in digests.items()}
    assert stage_values("variants", {}) == ("export", {})


def test_of_other_artifacts_nothing_is_recorded():
    assert stage_values("learning_curves", object()) is None


def test_the_stages_follow_the_flow():
    assert STAGES.index("raw_data") < STAGES.index("split") < STAGES.index("epochs") < STAGES.index("metrics")
