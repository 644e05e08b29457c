"""What Kedro is told of this project, and what it is told where the project cannot run."""

import os
import subprocess
import sys

import pytest

ON_WINDOWS = "import sys; sys.platform = 'win32'; sys.modules['fcntl'] = None; import mnist_resnet.settings"


def test_on_windows_one_line_names_the_remedy() -> None:
    ended = subprocess.run([sys.executable, "-c", ON_WINDOWS], capture_output=True, encoding="utf-8", check=False)
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        "mnist_resnet runs on Linux and macOS. On Windows, use it within WSL2, where all works as on Linux."
    ]


@pytest.mark.parametrize(("variables", "value"), [({}, "true"), ({"MLFLOW_DISABLE_TELEMETRY": "false"}, "false")])
def test_mlflow_sends_no_telemetry_unless_the_user_wants_it(variables, value):
    environment = {name: each for name, each in os.environ.items() if name != "MLFLOW_DISABLE_TELEMETRY"}
    program = "import os, mnist_resnet; print(os.environ['MLFLOW_DISABLE_TELEMETRY'])"
    shown = subprocess.run(
        [sys.executable, "-c", program], env=environment | variables, capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == value
