import json
from types import SimpleNamespace

import numpy as np
import pytest

from mnist_resnet.evaluation.latency import Speed
from mnist_resnet.evaluation.metrics import accuracy_interval, measure
from mnist_resnet.evaluation.report import evaluation_results, report, variant_results
from mnist_resnet.evaluation.session import Session

DIGEST = "0123456789abcdef" * 4
SPEED = Speed({"1": {"p50": 1.25, "p95": 2.5, "p99": 3.75}}, {"32": 12345.6, "256": 23456.7})
PARITY = {"savedmodel_max_abs_diff": 1.5e-7, "onnx_max_abs_diff": 2.5e-7, "argmax_agreement": 1.0}
HISTORY = [
    {
        "epoch": epoch,
        "learning_rate": 0.1,
        "train_loss": 1.1111 / epoch,
        "train_accuracy": 0.7777,
        "validation_loss": 1.2222 / epoch,
        "validation_accuracy": 0.8888,
        "seconds": 12.4,
        "images_per_second": 100.0,
    }
    for epoch in (1, 2)
]
PREPROCESSING = {"method": "pad", "size": [10, 12], "mean": 33.3184, "scale": 0.0127}
ARCHITECTURE = [
    {"name": "image", "kind": "InputLayer", "output_shape": [10, 12], "parameters": 0, "trainable_parameters": 0},
    {
        "name": "conv",
        "kind": "Convolution",
        "output_shape": [5, 6, 64],
        "parameters": 3136,
        "trainable_parameters": 3136,
    },
    {"name": "norm", "kind": "Norm", "output_shape": [5, 6, 64], "parameters": 256, "trainable_parameters": 128},
    {"name": "logits", "kind": "Dense", "output_shape": [3], "parameters": 195, "trainable_parameters": 195},
]


@pytest.fixture
def fp32(made_data) -> dict:
    """Three of four images are right: accuracy 0.75."""
    session = Session(SimpleNamespace(), ("CUDAExecutionProvider", "CPUExecutionProvider"), "CPUExecutionProvider")
    probabilities = np.array([[0.8, 0.1, 0.1], [0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]], np.float32)
    metrics = measure(probabilities, np.array([0, 1, 1, 2], np.uint8), made_data.dataset.class_names)
    return variant_results("model.onnx", DIGEST, session, metrics, PARITY, SPEED)


@pytest.fixture
def evaluation(made_data, fp32) -> dict:
    return evaluation_results("made", "smoke", made_data.dataset, 4, {"fp32": fp32})


@pytest.fixture
def text(evaluation, made_data) -> str:
    return report(evaluation, made_data.dataset, HISTORY, PREPROCESSING, ARCHITECTURE)


def test_the_whole_evaluation_has_its_keys(evaluation):
    assert set(evaluation) == {"schema", "dataset", "recipe", "images", "class_names", "variants"}
    assert evaluation | {"variants": None} == {
        "schema": 1,
        "dataset": "made",
        "recipe": "smoke",
        "images": 4,
        "class_names": ["left", "right", "below"],
        "variants": None,
    }
    assert set(evaluation["variants"]) == {"fp32"}


def test_an_exported_file_has_its_keys(fp32):
    assert set(fp32) == {
        "file",
        "model_sha256",
        "provider",
        "providers_asked",
        "accuracy",
        "accuracy_interval",
        "loss",
        "per_class",
        "parity",
        "latency_ms",
        "throughput_images_per_s",
    }
    assert (fp32["file"], fp32["model_sha256"]) == ("model.onnx", DIGEST)
    assert fp32["provider"] == "CPUExecutionProvider"
    assert fp32["providers_asked"] == ["CUDAExecutionProvider", "CPUExecutionProvider"]
    assert fp32["accuracy"] == 0.75
    assert fp32["accuracy_interval"] == list(accuracy_interval(3, 4))
    assert fp32["parity"] == PARITY
    assert fp32["latency_ms"] == {"1": {"p50": 1.25, "p95": 2.5, "p99": 3.75}}
    assert fp32["throughput_images_per_s"] == {"32": 12345.6, "256": 23456.7}


def test_classes_are_keyed_by_label(fp32):
    assert list(fp32["per_class"]) == ["0", "1", "2"]
    assert fp32["per_class"]["1"] == pytest.approx({"precision": 1.0, "recall": 0.5, "f1": 2 / 3, "support": 2})


def test_the_evaluation_survives_json(evaluation):
    assert json.loads(json.dumps(evaluation, allow_nan=False)) == evaluation


def test_the_report_opens_with_what_and_how_good(text):
    lines = text.splitlines()
    assert lines[0] == "# Made squares, recipe `smoke`"
    assert lines[2].startswith("Test accuracy **0.7500** (loss ")
    assert "on 4 images" in lines[2]
    assert "`model.onnx`" in lines[2]
    assert "CPUExecutionProvider" in lines[2]


def test_the_report_has_a_row_for_each_class(text):
    assert "| class | precision | recall | F1 | images |" in text
    assert "| left | 0.5000 | 1.0000 | 0.6667 | 1 |" in text
    assert "| right | 1.0000 | 0.5000 | 0.6667 | 2 |" in text
    assert "| below | 1.0000 | 1.0000 | 1.0000 | 1 |" in text


def test_the_report_has_a_row_for_each_epoch(text):
    assert "| 1 | 1.1111 | 0.7777 | 1.2222 | 0.8888 | 12 s |" in text
    assert "| 2 | 0.5555 | 0.7777 | 0.6111 | 0.8888 | 12 s |" in text


def test_without_validation_images_there_are_dashes_for_their_figures(evaluation, made_data):
    history = [entry | {"validation_loss": None, "validation_accuracy": None} for entry in HISTORY]
    text = report(evaluation, made_data.dataset, history, PREPROCESSING, ARCHITECTURE)
    assert "| 1 | 1.1111 | 0.7777 | – | – | 12 s |" in text
    assert "| 2 | 0.5555 | 0.7777 | – | – | 12 s |" in text
    assert "None" not in text


def test_the_report_has_a_row_for_each_layer_and_their_sum(text):
    _, section = text.split("## Network\n\n")
    sentence, table, *_ = section.split("\n\n")
    assert sentence == "3,587 parameters, 3,459 of them trainable; shapes are those of one image."
    assert table.splitlines() == [
        "| layer | kind | output | parameters |",
        "| --- | --- | --- | --- |",
        "| `image` | InputLayer | 10×12 | 0 |",
        "| `conv` | Convolution | 5×6×64 | 3,136 |",
        "| `norm` | Norm | 5×6×64 | 256 |",
        "| `logits` | Dense | 3 | 195 |",
    ]


def test_the_report_has_the_digests_of_model_and_data(text, made_data):
    assert f"`{DIGEST}`" in text
    for role in ("train_images", "train_labels", "test_images", "test_labels"):
        file = getattr(made_data.dataset.files, role)
        assert f"| `{file.name}` | `{file.sha256}` |" in text


def test_the_report_has_parity_and_providers(text):
    assert "2.50e-07" in text
    assert "1.50e-07" in text
    assert "| same class | 100.00% |" in text
    assert "| providers asked for | CUDAExecutionProvider, CPUExecutionProvider |" in text
    assert "| provider used | CPUExecutionProvider |" in text


def test_the_report_has_the_speed(text):
    assert "| 1 | p50 1.25 ms, p95 2.50 ms, p99 3.75 ms |" in text
    assert "| 32 | 12,346 images/s |" in text
    assert "| 256 | 23,457 images/s |" in text


@pytest.mark.parametrize(("method", "words"), [("pad", "padded with zeros"), ("resize", "resized bilinearly")])
def test_the_report_says_how_images_are_prepared(evaluation, made_data, method, words):
    text = report(evaluation, made_data.dataset, HISTORY, PREPROCESSING | {"method": method}, ARCHITECTURE)
    assert f"{words} to 10×12 pixels; then (value − 33.3184) × 0.012700" in text


def test_the_report_shows_the_figures_beside_it(text):
    for name in ("confusion_matrix", "mistakes", "learning_curves", "prepared_images"):
        assert f"]({name}.png)" in text


def test_tables_are_whole(text):
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) == 6
    for header, rule, *rows in tables:
        columns = header.count("|")
        assert set(rule) == set("| -")
        assert rows
        assert {row.count("|") for row in [rule, *rows]} == {columns}
    assert text.endswith("|\n")
