import signal
import subprocess
import sys

import pytest

from mnist_resnet.cli.interruption import resuming_command


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        (["/bin/kedro", "run"], {}, "kedro run --only-missing-outputs"),
        (["kedro", "run", "--only-missing-outputs", "-e", "fast"], {}, "kedro run --only-missing-outputs -e fast"),
        (
            ["kedro", "run", "--env", "my recipe", "--params", "mnist.training.epochs=5"],
            {"HOME": "/root"},
            "kedro run --env 'my recipe' --params mnist.training.epochs=5 --only-missing-outputs",
        ),
        (
            ["/lib/mnist_resnet/__main__.py", "run", "--conf-source", "conf"],
            {},
            "python -m mnist_resnet --conf-source conf --only-missing-outputs",
        ),
        (["kedro", "run"], {"KEDRO_ENV": "smoke"}, "KEDRO_ENV=smoke kedro run --only-missing-outputs"),
    ],
)
def test_the_resuming_command_can_be_pasted_into_a_shell(arguments, environment, expected):
    assert resuming_command(arguments, environment) == expected


PROGRAM = """
import time
from mnist_resnet.cli.interruption import resumably
from mnist_resnet.cli.project import plainly

def work():
    print("begun", flush=True)
    try:
        time.sleep(60)
    except BaseException:
        raise ValueError("structure had 11 atoms")

resumably(plainly(work))()
"""


def test_an_error_that_a_library_has_made_of_a_signal_is_not_shown():
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
    assert errors == "Interrupted by SIGTERM. To continue: kedro --only-missing-outputs\n"
    assert process.returncode == 128 + signal.SIGTERM
