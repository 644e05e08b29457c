"""What Kedro is told of this project, and what it is told where the project cannot run."""

import subprocess
import sys

ON_WINDOWS = "import sys; sys.platform = 'win32'; sys.modules['fcntl'] = None; import mnist_resnet.settings"


def test_on_windows_one_line_names_the_remedy() -> None:
    ended = subprocess.run([sys.executable, "-c", ON_WINDOWS], capture_output=True, encoding="utf-8", check=False)
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        "mnist_resnet runs on Linux and macOS. On Windows, use it within WSL2, where all works as on Linux."
    ]
