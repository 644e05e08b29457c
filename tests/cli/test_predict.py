"""What ``kedro predict`` prints of names that files bring along."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from mnist_resnet.cli.predict import predict
from tests.made_model import bright_half, halves_model

CLEARING = "\x1b[2J"


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Of a model and of a picture, with signs that a terminal obeys."""
    monkeypatch.chdir(tmp_path)
    model, picture = f"{CLEARING}model.onnx", f"{CLEARING}two\nlines.png"
    Path(model).write_bytes(halves_model({"class_names": json.dumps([f"{CLEARING}a\nb", "right", "dark"])}))
    Image.fromarray(255 - bright_half("right")).resize((24, 24)).save(picture)
    return model, picture


def typed(*words: str) -> Result:
    return CliRunner().invoke(predict, words)


def test_names_are_printed_in_one_line_without_what_a_terminal_obeys(names: tuple[str, str]) -> None:
    model, picture = names
    ended = typed(picture, "--model", model, "--top", "1")
    assert ended.exit_code == 0, ended.output
    assert "\x1b" not in ended.output
    assert [line.split() for line in ended.stdout.splitlines()[1:]] == [
        ["[2Jtwo", "lines.png", "[2Ja", "b", "0.9910"],
        ["Model:", "[2Jmodel.onnx,", "run", "by", "CPUExecutionProvider"],
    ]


@pytest.mark.parametrize("picture", [f"{CLEARING}nowhere.png", "\x9b2Jnowhere.png"])
def test_errors_have_nothing_that_a_terminal_obeys(names: tuple[str, str], picture: str) -> None:
    ended = typed(picture, "--model", names[0])
    assert ended.exit_code == 1
    assert "2Jnowhere.png: No such file or directory" in ended.stderr
    assert all(sign.isprintable() or sign == "\n" for sign in ended.stderr)
