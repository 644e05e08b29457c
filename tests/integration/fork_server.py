"""Commands of the project in processes that start at once: forked from one that has imported everything.

Each request is a line of JSON on the standard input, each answer one on the standard output. TensorFlow may be
imported before a fork, but not used.
"""

import atexit
import functools
import importlib
import json
import os
import pkgutil
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from kedro.framework.cli import cli
from kedro.framework.hooks import hook_impl
from kedro.pipeline.node import Node

import mnist_resnet
from mnist_resnet import settings
from mnist_resnet.tracking.tracked_run import TrackedRun

LIBRARIES = (
    *("git", "kedro_viz.launchers.cli.main", "matplotlib.pyplot", "mlflow.pyfunc.scoring_server"),
    *("mlflow.store.model_registry.sqlalchemy_store", "mlflow.store.tracking.sqlalchemy_store"),
    *("onnxruntime.quantization", "sklearn.metrics", "tf2onnx.convert"),
)
STARTING_AT_ONCE = ("mnist_resnet.tracking.served_model",)


class Marks:
    """Write down when which kind of work begins: a line with the time and the kind."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._now = "start"
        self.write("start")

    def write(self, kind: str) -> None:
        self._now = kind
        os.write(self._file, f"{time.monotonic():.4f} {kind}\n".encode())

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        (stage,) = node.tags
        of_data = "fetch" if node.name.endswith("fetch_files") else "prepare"
        self.write(of_data if stage == "data" else stage)

    def around(self, function: Any) -> Any:
        @functools.wraps(function)
        def wrapped(*arguments: Any, **options: Any) -> Any:
            before = self._now
            self.write("logging")
            try:
                return function(*arguments, **options)
            finally:
                self.write(before)

        return wrapped


def prepare() -> None:
    """Import what a whole run needs."""
    for name in LIBRARIES:
        importlib.import_module(name)
    for module in pkgutil.walk_packages(mnist_resnet.__path__, "mnist_resnet."):
        if module.name not in STARTING_AT_ONCE:
            importlib.import_module(module.name)


def run(request: dict[str, Any]) -> None:
    """Do what ``kedro`` does with these arguments."""
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    output = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream, name in ((0, os.devnull), (1, None), (2, None)):
        os.dup2(os.open(name, os.O_RDONLY) if name else output, stream)
    marks = Marks(Path(request["marks"]))
    settings.HOOKS = (*settings.HOOKS, marks)
    for name in ("__init__", "log_artifact", "log_metrics", "log_model", "close"):
        setattr(TrackedRun, name, marks.around(getattr(TrackedRun, name)))
    sys.argv = ["kedro", *request["arguments"]]
    cli.main()


def start(request: dict[str, Any]) -> int:
    """Fork a process; its number."""
    pid = os.fork()
    if pid:
        return pid
    try:
        run(request)
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001  # nothing may go on with the server's work
        traceback.print_exc()
        code = 70
    finally:
        sys.stdout.flush()
        sys.stderr.flush()

    atexit._run_exitfuncs()
    os._exit(code)


def main() -> None:
    prepare()
    alive = set()
    for line in sys.stdin:
        request = json.loads(line)
        if "ended" in request:
            pid, status = os.waitpid(request["ended"], 0 if request["wait"] else os.WNOHANG)
            alive.discard(pid)
            answer = json.dumps(os.waitstatus_to_exitcode(status) if pid else None)
        else:
            pid = start(request)
            alive.add(pid)
            answer = json.dumps(pid)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()
    for pid in alive:  # of a test that has failed
        os.kill(pid, signal.SIGKILL)
    os._exit(0)


if __name__ == "__main__":
    main()
