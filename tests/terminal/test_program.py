"""What a user has typed, as it is recorded and shown."""

import shlex

import pytest

from mnist_resnet.terminal.program import command_line, typed_command

SECRET = "https://me:secret@host/conf.zip"


def test_a_run_that_another_command_makes_is_recorded_as_that_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["kedro", "run", "--config", "gone/run.yml"])
    assert typed_command() == ["run", "--config", "gone/run.yml"]
    monkeypatch.setenv("MNIST_RESNET_COMMAND", "reproduce 0123")
    assert typed_command() == ["reproduce", "0123"]
    assert command_line() == "kedro reproduce 0123"


def test_a_command_line_can_be_pasted_into_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["run", "--conf-source", "my conf.zip", "--params", "mnist.preprocessing.size=[28,28]"]
    monkeypatch.setattr("sys.argv", ["/bin/mnist_resnet", *words])
    assert shlex.split(command_line()) == ["mnist_resnet", *words]


def test_credentials_are_no_part_of_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["kedro", "run", "--conf-source", SECRET])
    assert typed_command() == ["run", "--conf-source", "https://host/conf.zip"]
    assert command_line() == "kedro run --conf-source https://host/conf.zip"
