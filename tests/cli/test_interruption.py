import pytest

from mnist_resnet.cli.interruption import resuming_command


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        (["run"], {}, "kedro run --only-missing-outputs"),
        (["run", "--only-missing-outputs", "-e", "fast"], {}, "kedro run --only-missing-outputs -e fast"),
        (
            ["run", "--env", "my recipe", "--params", "mnist.training.epochs=5"],
            {"HOME": "/root"},
            "kedro run --env 'my recipe' --params mnist.training.epochs=5 --only-missing-outputs",
        ),
        (["run"], {"KEDRO_ENV": "smoke"}, "KEDRO_ENV=smoke kedro run --only-missing-outputs"),
    ],
)
def test_the_resuming_command_can_be_pasted_into_a_shell(arguments, environment, expected):
    assert resuming_command(arguments, environment) == expected
