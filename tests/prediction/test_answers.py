import json
from unittest.mock import Mock

import numpy as np
import pytest
from onnx import TensorProto
from PIL import Image

from mnist_resnet.errors import UserError
from mnist_resnet.evaluation.classifier import ModelFileError, open_classifier
from mnist_resnet.evaluation.providers import CPU_PROVIDER
from mnist_resnet.evaluation.session import Session
from mnist_resnet.prediction.answers import classify
from mnist_resnet.prediction.pictures import PictureError
from tests.made_model import BRIGHT, CLASS_NAMES, DARK, bright_half, halves_model


@pytest.fixture
def pictures(tmp_path):
    paths = [tmp_path / f"{side}.png" for side in ("left", "right")]
    for path in paths:
        Image.fromarray(bright_half(path.stem)).save(path)
    return paths


@pytest.fixture
def classifier():
    return open_classifier(halves_model(), "model.onnx")


def test_the_file_says_its_size_and_its_classes(classifier) -> None:
    assert classifier.image_size == (8, 8)
    assert classifier.class_names == CLASS_NAMES
    assert classifier.session.provider == CPU_PROVIDER


def test_each_picture_gets_its_most_probable_classes_in_order(classifier, pictures) -> None:
    left, right = classify(classifier, pictures)
    powers = np.exp([BRIGHT, DARK, 0.0])
    assert [guess.class_name for guess in left.guesses] == ["left", "dark", "right"]
    assert [guess.class_name for guess in right.guesses] == ["right", "dark", "left"]
    # Answers are rounded to six digits.
    assert [guess.probability for guess in left.guesses] == pytest.approx(powers / powers.sum(), abs=2e-6)
    assert (left.file, right.file) == tuple(map(str, pictures))


@pytest.mark.parametrize(("top", "named"), [(1, 1), (2, 2), (9, 3)])
def test_as_many_classes_are_named_as_asked_for(classifier, pictures, top, named) -> None:
    (prediction,) = classify(classifier, pictures[:1], top=top)
    assert len(prediction.guesses) == named


def test_inverted_pictures_get_the_answers_of_their_opposites(classifier, pictures) -> None:
    guesses = [each.guesses for each in classify(classifier, pictures)]
    assert [each.guesses for each in classify(classifier, pictures, invert=True)] == guesses[::-1]


@pytest.mark.parametrize("invert", [False, True])
def test_what_the_model_saw_is_what_may_look_inverted(classifier, tmp_path, invert) -> None:
    paper = np.full((8, 8), 255, np.uint8)
    paper[3:5, 3:5] = 0
    Image.fromarray(paper).save(tmp_path / "paper.png")
    (prediction,) = classify(classifier, [tmp_path / "paper.png"], invert=invert)
    assert prediction.looks_inverted is not invert


def test_one_bad_picture_ends_it_all(classifier, pictures, tmp_path) -> None:
    with pytest.raises(PictureError, match=r"nowhere\.png: No such file"):
        classify(classifier, [*pictures, tmp_path / "nowhere.png"])


def test_classes_without_names_are_numbered() -> None:
    assert open_classifier(halves_model({}), "model.onnx").class_names == ("0", "1", "2")


@pytest.mark.parametrize("stored", ["left, right, dark", json.dumps(["left", "right"]), '{"0": "left"}'])
def test_names_that_do_not_fit_the_classes_are_refused(stored) -> None:
    said = r"^other\.onnx: its metadata class_names is .* expected a JSON list of 3 names"
    with pytest.raises(ModelFileError, match=said):
        open_classifier(halves_model({"class_names": stored}), "other.onnx")


@pytest.mark.parametrize("content", [b"", b"no protocol buffer"])
def test_what_is_no_model_is_refused_by_name(content) -> None:
    with pytest.raises(ModelFileError, match=r"^other\.onnx: not an ONNX model") as refused:
        open_classifier(content, "other.onnx")
    assert isinstance(refused.value, UserError)


def test_a_model_of_other_inputs_is_refused_with_what_it_takes() -> None:
    with pytest.raises(ModelFileError, match=r"tensor\(float\).*uint8 \[N, height, width\]"):
        open_classifier(halves_model(dtype=TensorProto.FLOAT), "other.onnx")


def test_an_answer_that_is_no_number_is_an_error_that_names_the_picture(classifier, pictures, monkeypatch) -> None:
    answers = np.array([[0.5, 0.25, 0.25], [np.nan] * 3], np.float32)
    monkeypatch.setattr(type(classifier.session), "probabilities", lambda *_: answers)
    with pytest.raises(ModelFileError, match=r"--model: received one that answers \[nan, nan, nan\] to .*right\.png"):
        classify(classifier, pictures)


def test_two_classes_of_one_name_are_refused() -> None:
    with pytest.raises(ModelFileError, match=r"expected a JSON list of 3 names, each once"):
        open_classifier(halves_model({"class_names": '["left", 1, "1"]'}), "other.onnx")


def test_names_too_deep_for_json_are_refused() -> None:
    with pytest.raises(ModelFileError, match=r"^other\.onnx: not an ONNX model that onnxruntime can load and run: "):
        open_classifier(halves_model({"class_names": "[" * 200_000}), "other.onnx")


def test_a_model_that_loads_and_does_not_run_is_refused(monkeypatch) -> None:
    monkeypatch.setattr(Session, "run", Mock(side_effect=RuntimeError("Non-zero status code returned")))
    with pytest.raises(ModelFileError, match=r"^other\.onnx: not an ONNX model .*: Non-zero status"):
        open_classifier(halves_model(), "other.onnx")
