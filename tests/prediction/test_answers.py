import json
import subprocess
import sys

import numpy as np
import pytest
from onnx import TensorProto
from PIL import Image

from mnist_resnet.errors import UserError
from mnist_resnet.evaluation.classifier import ModelFileError, open_classifier
from mnist_resnet.evaluation.session import CPU_PROVIDER
from mnist_resnet.prediction.answers import classify
from mnist_resnet.prediction.pictures import PictureError
from tests.conftest import PROJECT
from tests.made_model import BRIGHT, CLASS_NAMES, DARK, bright_half, halves_model


@pytest.fixture
def pictures(tmp_path):
    paths = [tmp_path / f"{side}.png" for side in ("left", "right")]
    for path in paths:
        Image.fromarray(bright_half(path.stem)).save(path)
    return paths


def test_the_file_says_its_size_and_its_classes() -> None:
    classifier = open_classifier(halves_model(), "model.onnx")
    assert classifier.image_size == (8, 8)
    assert classifier.class_names == CLASS_NAMES
    assert classifier.session.provider == CPU_PROVIDER


def test_each_picture_gets_its_most_probable_classes_in_order(pictures) -> None:
    left, right = classify(open_classifier(halves_model(), "model.onnx"), pictures)
    powers = np.exp([BRIGHT, DARK, 0.0])
    assert [guess.class_name for guess in left.guesses] == ["left", "dark", "right"]
    assert [guess.class_name for guess in right.guesses] == ["right", "dark", "left"]
    # Answers are rounded to six digits.
    assert [guess.probability for guess in left.guesses] == pytest.approx(powers / powers.sum(), abs=2e-6)
    assert (left.file, right.file) == tuple(map(str, pictures))


@pytest.mark.parametrize(("top", "named"), [(1, 1), (2, 2), (9, 3)])
def test_as_many_classes_are_named_as_asked_for(pictures, top, named) -> None:
    (prediction,) = classify(open_classifier(halves_model(), "model.onnx"), pictures[:1], top=top)
    assert len(prediction.guesses) == named


def test_inverted_pictures_get_the_answers_of_their_opposites(pictures) -> None:
    classifier = open_classifier(halves_model(), "model.onnx")
    guesses = [each.guesses for each in classify(classifier, pictures)]
    assert [each.guesses for each in classify(classifier, pictures, invert=True)] == guesses[::-1]


def test_what_the_model_saw_is_what_may_look_inverted(tmp_path) -> None:
    paper = np.full((8, 8), 255, np.uint8)
    paper[3:5, 3:5] = 0
    Image.fromarray(paper).save(tmp_path / "paper.png")
    classifier = open_classifier(halves_model(), "model.onnx")
    for invert, expected in ((False, True), (True, False)):
        (prediction,) = classify(classifier, [tmp_path / "paper.png"], invert=invert)
        assert prediction.looks_inverted is expected


def test_one_bad_picture_ends_it_all(pictures, tmp_path) -> None:
    with pytest.raises(PictureError, match=r"nowhere\.png: No such file"):
        classify(open_classifier(halves_model(), "model.onnx"), [*pictures, tmp_path / "nowhere.png"])


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


def test_pictures_are_classified_without_tensorflow_and_keras(tmp_path, pictures) -> None:
    (tmp_path / "model.onnx").write_bytes(halves_model())
    program = (
        "import sys; sys.modules.update(tensorflow=None, keras=None, onnx=None, mlflow=None, kedro=None)\n"
        "from pathlib import Path\n"
        "from mnist_resnet.evaluation.classifier import open_classifier\n"
        "from mnist_resnet.prediction.answers import classify\n"
        "model, picture = map(Path, sys.argv[1:])\n"
        "(answer,) = classify(open_classifier(model.read_bytes(), str(model)), [picture])\n"
        "print(answer.guesses[0].class_name, *{'pandas', 'sklearn', 'matplotlib', 'scipy'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", program, tmp_path / "model.onnx", pictures[0]]
    ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["left"]
