"""``kedro classify``: what it says when it is interrupted, and of what was refused."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from mnist_resnet.batch_inference.answer_files import write_refused
from mnist_resnet.batch_inference.sources.chunks import Refusal
from mnist_resnet.cli.classify import _refusals_in_words, _show
from tests.conftest import PROJECT
from tests.made_model import halves_model

# The command itself, with a job that is interrupted at once. A process of its own, which the signal ends.
PROGRAM = """
import os
import signal
import sys
import time
from types import ModuleType

made = ModuleType("mnist_resnet.batch_inference.run_job")
made.ClassifyRequest = dict
made.run_job = lambda request: os.kill(os.getpid(), int(sys.argv.pop())) or time.sleep(60)
sys.modules[made.__name__] = made
sys.argv = sys.argv[1:]

from mnist_resnet.cli.classify import classify
from mnist_resnet.computing import cluster

cluster.find_spec = lambda _: True

classify(sys.argv[2:-1])
"""


@pytest.mark.parametrize(
    ("typed", "program", "number"),
    [
        ("/home/ada/.venv/bin/kedro", "kedro", signal.SIGINT),
        ("/home/ada/.venv/bin/mnist_resnet", "mnist_resnet", signal.SIGTERM),
    ],
)
def test_an_interrupted_command_says_how_it_goes_on(
    tmp_path: Path, typed: str, program: str, number: signal.Signals
) -> None:
    (tmp_path / "model.onnx").write_bytes(halves_model())
    options = ["--model", str(tmp_path / "model.onnx"), "--output", "my answers", "--batch-size", "8"]
    words = ["classify", "s3://ada:secret@bucket/digits", *options]
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, typed, *words, str(int(number))],
        cwd=PROJECT,
        env=os.environ | {"RAY_ADDRESS": "auto"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 128 + number, ended.stderr
    shown = f"classify s3://bucket/digits --model {tmp_path}/model.onnx --output 'my answers' --batch-size 8"
    said = f"Interrupted by {number.name}. What is finished stays. To continue: RAY_ADDRESS=auto {program} {shown}"
    assert ended.stderr.splitlines()[-1] == said


def test_what_was_refused_is_counted_in_images_and_told_by_its_first_reasons(tmp_path: Path) -> None:
    reasons = [Refusal(7, "a.png", None, "not a picture", 1), Refusal(8, "b.parquet", 3, "of another size", 20)]
    write_refused(tmp_path, 0, reasons)
    finished = SimpleNamespace(folder=tmp_path, summary=SimpleNamespace(refusals=2, refused=1021))
    assert _refusals_in_words(finished).splitlines() == [  # type: ignore[arg-type]
        "--strict: 1,021 refused, such as:",
        "a.png: not a picture",
        "b.parquet, image 3: of another size",
    ]


def test_names_of_classes_are_printed_without_what_a_terminal_obeys(capsys: pytest.CaptureFixture[str]) -> None:
    summary = SimpleNamespace(classified=3, classes={"\x1b[2Jleft\n": 3}, refusals=0)
    _show(SimpleNamespace(folder="answers", summary=summary, made=3, before=0), 1.0)  # type: ignore[arg-type]
    assert capsys.readouterr().out.splitlines() == [
        "3 images classified in 1 s, 3 images/s: answers",
        "  [2Jleft: 3",
    ]
