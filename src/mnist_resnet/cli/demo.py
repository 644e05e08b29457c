"""``kedro demo``: a page on which the exported models classify what a person draws."""

import sys
from collections.abc import Mapping
from pathlib import Path

import click
from kedro.framework.cli.utils import env_option

from mnist_resnet.cli.chosen_model import model_option, read_exported_models, read_model
from mnist_resnet.cli.project import conf_source_option, without_traceback
from mnist_resnet.terminal.signals import graceful_shutdown
from mnist_resnet.terminal.streams import write_line


@click.command()
@model_option
@click.option("--namespace", help="Data set whose model is shown. Default: all that the recipe has exported.")
@env_option
@conf_source_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8028,
    show_default=True,
    help="Port to listen at; 0 for any that is free.",
)
@click.option(
    "--build",
    type=click.Path(path_type=Path),
    help="Write the page into this folder, for any web server to hand out, and stop.",
)
@without_traceback
def demo(model: str | None, namespace: str | None, env: str | None, host: str, port: int, build: Path | None) -> None:
    """Draw a digit or drop a picture on a page; the exported model itself answers in the browser.

    Nothing that is drawn or dropped leaves the browser. The page needs onnxruntime-web, which npm fetches once.
    """
    models = _read_models(model, namespace, env)

    from mnist_resnet.demo.onnxruntime_web import web_runtime
    from mnist_resnet.demo.site import make_site, write_site

    site = make_site(models, web_runtime())
    if build is None:
        _serve(site, host, port)
    else:
        write_site(site, build)
        write_line(f"Wrote the page to {build}; any web server can hand it out, such as `python -m http.server`.")


def _read_models(model: str | None, namespace: str | None, env: str | None) -> dict[str, tuple[str, bytes]]:
    if model is None and namespace is None:
        return read_exported_models(env)
    return {namespace or "model": read_model(model, namespace, env)}


def _serve(site: Mapping[str, bytes], host: str, port: int) -> None:
    from mnist_resnet.demo.server import PageServer

    with (
        graceful_shutdown(lambda signal: write_line(f"Stopped by {signal}.", sys.stderr)),
        PageServer(site, host, port) as server,
    ):
        write_line(f"The page is at {server.address} until you press Ctrl-C.")
        server.serve_forever()
