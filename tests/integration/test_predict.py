"""`kedro predict`, as typed in a project."""

import json
import shutil
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path

import pytest
from click.testing import Result
from PIL import Image

from mnist_resnet.batch_inference import run_job
from mnist_resnet.storage.artifacts import sha256_of_path
from mnist_resnet.storage.fingerprints import Fingerprint
from tests.conftest import flip_a_bit
from tests.integration.conftest import Project, make_project, type_command
from tests.made_model import bright_half, halves_model

pytestmark = pytest.mark.integration
EXPORTED = "data/recipes/smoke/06_models/mnist/model.onnx"
FINGERPRINT = "data/recipes/smoke/fingerprints/mnist/export.json"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with one exported model, of MNIST by the smoke recipe, and pictures."""
    project = make_project(tmp_path)
    (tmp_path / EXPORTED).parent.mkdir(parents=True)
    (tmp_path / EXPORTED).write_bytes(halves_model())
    Fingerprint({}, {}, {"mnist.onnx": sha256_of_path(tmp_path / EXPORTED)}).write(tmp_path / FINGERPRINT)
    for side in ("left", "right"):
        Image.fromarray(bright_half(side)).save(tmp_path / f"{side}.png")
    paper = Image.new("L", (320, 320), 255)
    paper.save(tmp_path / "[b]lank.jpg")
    paper.paste(0, (120, 120, 200, 200))
    paper.save(tmp_path / "paper.jpg")
    return project


def test_pictures_are_answered_in_aligned_lines(project: Project) -> None:
    ended = project.kedro("predict", "left.png", "[b]lank.jpg", "--env", "smoke", "--top", "2")
    assert (ended.returncode, ended.stderr) == (0, "")
    # Softmax of 10, 5, 0 and of 10, 10, 5.
    assert ended.stdout.splitlines() == [
        "picture      class  probability",
        "left.png     left        0.9933",
        "             dark        0.0067",
        "[b]lank.jpg  left        0.4983",
        "             right       0.4983",
        f"Model: {EXPORTED}, run by CPUExecutionProvider",
    ]


def test_json_is_one_document_and_warnings_are_apart(project: Project) -> None:
    shutil.move(project.folder / EXPORTED, project.folder / "own.onnx")
    ended = project.kedro("predict", "right.png", "paper.jpg", "--model", "own.onnx", "--json", "--top", "1")
    assert ended.returncode == 0, ended.stderr
    document = json.loads(ended.stdout)
    assert (document["model"], document["provider"]) == ("own.onnx", "CPUExecutionProvider")
    right, paper = document["predictions"]
    # 1 / (1 + e⁻⁵ + e⁻¹⁰), rounded to six digits.
    assert right["guesses"] == [{"class_name": "right", "probability": pytest.approx(0.993262, abs=2e-6)}]
    assert (right["looks_inverted"], paper["looks_inverted"]) == (False, True)
    (warning,) = ended.stderr.splitlines()
    assert warning.startswith("Warning: paper.jpg is dark on bright")
    assert "--invert" in warning


@pytest.fixture
def predict(project: Project, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Type ``kedro predict`` within this process."""
    monkeypatch.chdir(project.folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return partial(project.typed, "predict")


def test_inverting_mends_the_polarity(predict: Callable[..., Result]) -> None:
    ended = predict("paper.jpg", "--env", "smoke", "--invert", "--top", "1")
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert "dark" in ended.stdout.splitlines()[1]


def test_a_digit_is_fitted_whether_dark_or_bright(predict: Callable[..., Result]) -> None:
    # The ink fills a box of 6 by 6 pixels, of which 18 lie in each half of 32: softmax of 5.625, 5.625 and 5.
    ended = predict("paper.jpg", "--env", "smoke", "--fit", "digit", "--json")
    assert (ended.exit_code, ended.stderr) == (0, "")
    (prediction,) = json.loads(ended.stdout)["predictions"]
    assert prediction["looks_inverted"] is False
    assert [guess["probability"] for guess in prediction["guesses"][:2]] == pytest.approx([0.394437] * 2, abs=2e-6)


def test_an_exported_file_that_has_changed_is_refused(project: Project, predict: Callable[..., Result]) -> None:
    exported = project.folder / EXPORTED
    flip_a_bit(exported)
    ended = predict("left.png", "--env", "smoke")
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert "model.onnx has changed since it was exported; `kedro run --only-missing-outputs`" in ended.stderr


def test_an_exported_file_that_nothing_tells_of_is_used_with_a_warning(
    project: Project, predict: Callable[..., Result]
) -> None:
    (project.folder / FINGERPRINT).unlink()
    ended = predict("left.png", "--env", "smoke")
    assert ended.exit_code == 0
    assert ended.stderr.startswith("Nothing tells whether ")
    assert "model.onnx is as it was exported: its export was not completed, or the fingerprint is gone" in ended.stderr


def test_a_variant_classifies_only_as_the_last_whole_export_has_made_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[bytes]()
    monkeypatch.chdir(project.folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(import_module("mnist_resnet.cli.classify"), "require_extra", lambda *_: None)
    monkeypatch.setattr(run_job, "run_job", lambda request: asked.append(request.content) or sys.exit(7))
    words = ("classify", "left.png", "--output", "answers", "--env", "smoke", "--variant", "int8")
    variant = (project.folder / EXPORTED).parent / "variants" / "model.int8.onnx"
    variant.parent.mkdir()
    variant.write_bytes(halves_model())
    refused = "variants are not those of the last whole export; `kedro run --only-missing-outputs`"

    ended = project.typed(*words)
    assert (ended.exit_code, refused in ended.stderr) == (1, True)  # it was broken off
    outputs = {
        "mnist.onnx": sha256_of_path(project.folder / EXPORTED),
        "mnist.variants": sha256_of_path(variant.parent),
    }
    Fingerprint({}, {}, outputs).write(project.folder / "data/recipes/smoke/fingerprints/mnist/export.json")
    assert project.typed(*words).exit_code == 7
    assert asked == [variant.read_bytes()]
    flip_a_bit(variant)
    ended = project.typed(*words)
    assert (ended.exit_code, refused in ended.stderr, len(asked)) == (1, True, 1)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["left.png", "nowhere.png", "--env", "smoke"], 1, "Error: nowhere.png: No such file or directory"),
        (["left.png"], 1, "Error: data/06_models/mnist/model.onnx does not exist. Make it with `kedro run`"),
        (["left.png", "--model", "nowhere.onnx"], 1, "Error: --model: received 'nowhere.onnx'"),
        (["left.png", "--model", "left.png"], 1, "Error: left.png: not an ONNX model"),
        (["left.png", "--model", "models:/mnist@champion"], 1, "mlflow.db does not exist"),
        (["left.png", "--namespace", "letters"], 2, "received 'letters'; the data sets are mnist, fashion_mnist"),
        (["left.png", "--namespace", "mnist", "--model", "x.onnx"], 2, "--model and --namespace cannot be given"),
        (["left.png", "--fit", "digit", "--invert"], 2, "--invert and --fit digit cannot be given together"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_else(predict: Callable[..., Result], arguments, code, message) -> None:
    ended = predict(*arguments)
    assert (ended.exit_code, ended.stdout) == (code, "")
    assert isinstance(ended.exception, SystemExit)
    assert message in ended.stderr


@pytest.mark.parametrize("arguments", [["--env", "smoke"], ["--model", EXPORTED]])
def test_nothing_that_is_slow_to_import_is_needed(project: Project, arguments: list[str]) -> None:
    slow = ("tensorflow", "keras", "mlflow", "onnx", "pandas", "sklearn", "scipy", "matplotlib")
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({slow}))\n"
        "from kedro.framework.cli.cli import main\n"
        f"sys.argv = ['kedro', 'predict', 'left.png', *{arguments}]; main()"
    )
    ended = type_command([sys.executable, "-c", program], project.folder)
    assert ended.returncode == 0, ended.stderr
    assert "left.png  left" in ended.stdout
