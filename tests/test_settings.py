"""The settings of this project for Kedro, also where the project cannot run."""

import json
import os
import subprocess
import sys

import pytest

ON_WINDOWS = "import sys; sys.platform = 'win32'; sys.modules['fcntl'] = None; import mnist_resnet.settings"


def test_on_windows_one_line_names_the_remedy() -> None:
    ended = subprocess.run([sys.executable, "-c", ON_WINDOWS], capture_output=True, encoding="utf-8", check=False)
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == ["mnist_resnet runs on Linux and macOS. On Windows, use WSL2, which is Linux."]


TELEMETRY = {"MLFLOW_DISABLE_TELEMETRY": "true", "ORT_DISABLE_TELEMETRY": "1"}


@pytest.mark.parametrize("set_by_user", [{}, {"MLFLOW_DISABLE_TELEMETRY": "false", "ORT_DISABLE_TELEMETRY": "0"}])
def test_no_telemetry_is_sent_unless_the_user_wants_it(set_by_user):
    environment = {name: value for name, value in os.environ.items() if name not in TELEMETRY}
    program = f"import json, os, mnist_resnet; print(json.dumps({{name: os.environ[name] for name in {[*TELEMETRY]}}}))"
    shown = subprocess.run(
        [sys.executable, "-c", program], env=environment | set_by_user, capture_output=True, text=True, check=True
    )
    assert json.loads(shown.stdout) == TELEMETRY | set_by_user
