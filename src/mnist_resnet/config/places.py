"""The places of the published files and of the split, as globals.yml names them."""

import os
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from mnist_resnet.config.validation import ConfigurationError
from mnist_resnet.config.variables import OUTPUTS_VARIABLE, TEMPORARY_VARIABLE
from mnist_resnet.terminal.redaction import without_credentials

_EXAMPLES = {"raw": "data/01_raw or s3://bucket/mnist/01_raw", "model_input": "null or s3://bucket/mnist"}
# The package that fsspec reaches an object store with; the extras s3, gcs and azure have them.
CLIENTS = {
    **dict.fromkeys(("s3", "s3a"), "s3fs"),
    **dict.fromkeys(("gs", "gcs"), "gcsfs"),
    **dict.fromkeys(("az", "abfs", "abfss"), "adlfs"),
}


def model_input_place(place: str | None, outputs: str, recipe: str) -> str:
    """The folder or the address of a recipe's split; conf/base/catalog.yml asks for it as ``${model_input:…}``.

    Args:
        place: ``model_input`` of globals.yml, in which each recipe has a folder of its own; None: among the outputs.
        outputs: The folder of the recipe's outputs.
        recipe: Its name.
    """
    # A run that is made again for a comparison, or a trial of a sweep, must not replace what others use.
    if place is None or os.environ.get(TEMPORARY_VARIABLE) or os.environ.get(OUTPUTS_VARIABLE):
        return f"{outputs}/05_model_input"
    return f"{place}/{recipe}/05_model_input"


def check_places(names: Mapping[str, Any]) -> None:
    """Refuse places that cannot be used.

    Args:
        names: The content of ``globals.yml``.

    Raises:
        ConfigurationError: If ``raw`` or ``model_input`` is no folder and no address that can be written.
    """
    for key, example in _EXAMPLES.items():
        value = names.get(key)
        if key not in names or (value is None and key == "model_input"):
            continue
        if reason := next(_objections(value), None):
            shown = "an address with credentials" if "credentials" in reason else repr(value)
            raise ConfigurationError(f"globals.{key}: received {shown}, {reason}. State, for example, {key}: {example}")


def _objections(value: Any) -> Iterator[str]:
    if not isinstance(value, str) or not value.strip():
        yield "which is neither a folder nor an address"
        return
    if value.startswith("~"):
        yield "but ~ is not expanded there: write the whole path"
    if "://" in value:
        yield from _objections_to_address(value)


def _objections_to_address(value: str) -> Iterator[str]:
    if without_credentials(value) != value:
        yield "but credentials are taken from the environment alone: remove them from the address"
        return
    try:
        address = urlsplit(value)
    except ValueError as error:
        yield f"which is no address: {error}"
        return
    if address.scheme in {"http", "https"}:
        yield "which cannot be written; set MNIST_RESNET_DATA_MIRROR to a web server that has the files"
    elif address.scheme == "file" and address.netloc not in {"", "localhost"}:
        yield f"which names the host '{address.netloc}'; a folder of this machine needs three slashes"
    elif value.endswith("/") or ".." in PurePosixPath(value).parts:
        yield "which ends with a slash or has the part '..'; write it without"
    else:
        yield from _missing_package(address.scheme)


def _missing_package(scheme: str) -> Iterator[str]:
    import fsspec

    try:
        fsspec.get_filesystem_class(scheme)
    except ValueError:
        yield f"but fsspec knows no addresses that begin with {scheme}://"
    except ImportError as error:
        yield f"whose client is not installed: pip install {CLIENTS[scheme]}" if scheme in CLIENTS else f"but {error}"
