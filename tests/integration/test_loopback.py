"""The servers that the documentation starts are for this machine only, unless a user says otherwise."""

import socket
from importlib import import_module

import click
import pytest

from tests.integration.conftest import listening_addresses

pytestmark = pytest.mark.integration

# Each with the module and the group of commands, if any, that it is found in.
COMMANDS = {
    "mlflow ui": ("mlflow.cli", "cli", "ui"),
    "mlflow models serve": ("mlflow.models.cli", "commands", "serve"),
    "kedro viz": ("kedro_viz.launchers.cli.run", "run", None),
}


@pytest.mark.filterwarnings("ignore:'BaseCommand' is deprecated:DeprecationWarning")  # which Kedro-Viz 12.5 names
@pytest.mark.parametrize("name", COMMANDS)
def test_a_documented_server_is_on_loopback_by_default(name: str) -> None:
    module, attribute, member = COMMANDS[name]
    command = getattr(import_module(module), attribute)
    if member is not None:
        command = command.get_command(click.Context(command), member)
    (host,) = [option for option in command.params if "--host" in option.opts]
    assert host.default == "127.0.0.1"


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])  # noqa: S104  # what the other tests would notice
def test_where_something_listens_is_seen(address: str) -> None:
    with socket.create_server((address, 0)) as server:
        assert listening_addresses(server.getsockname()[1]) == {address}
