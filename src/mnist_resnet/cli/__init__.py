"""The project's own commands, for ``kedro`` inside this project and for ``mnist_resnet``; one file for each."""

import click
from kedro.framework.cli.utils import CONTEXT_SETTINGS

from mnist_resnet import __version__
from mnist_resnet.cli.classify import classify
from mnist_resnet.cli.compare import compare
from mnist_resnet.cli.demo import demo
from mnist_resnet.cli.layers import layers
from mnist_resnet.cli.predict import predict
from mnist_resnet.cli.reproduce import reproduce
from mnist_resnet.cli.run import run
from mnist_resnet.cli.sweep import sweep
from mnist_resnet.cli.sync_tracking import sync_tracking

__all__ = ["classify", "cli", "compare", "demo", "layers", "predict", "reproduce", "run", "sweep", "sync_tracking"]


@click.group(context_settings=CONTEXT_SETTINGS, name="mnist_resnet")
@click.version_option(__version__, prog_name="mnist_resnet")
def cli() -> None:
    """Train, export and evaluate ResNets on MNIST-shaped data; classify pictures with them; compare and repeat runs."""


for command in (run, sweep, layers, predict, classify, demo, compare, reproduce, sync_tracking):
    cli.add_command(command)
