"""The files of the page: what is shown, the models, and onnxruntime for browsers."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path, PurePath
from string import Template

from mnist_resnet.demo.onnxruntime_web import PACKAGE, VERSION
from mnist_resnet.errors import UserError
from mnist_resnet.evaluation.classifier import open_classifier
from mnist_resnet.storage.artifacts import replacing, sha256_of_bytes, write_files

# Only files of the page itself; the last one of script-src lets WebAssembly be compiled, and no text become code.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'"
)
_MANIFEST = "models.json"
_DIGITS = tuple("0123456789")


class FolderError(UserError, ValueError):
    """A folder that the page cannot be written to."""


@dataclass(frozen=True)
class ShownModel:
    """An exported model, as the page describes it.

    Attributes:
        title: The data set that it was trained on.
        source: Where it was read from, without the folders of its user.
        file: Its address, relative to the page.
        sha256: Of the file, in hexadecimal.
        size: Of the file, in bytes.
        image_size: (height, width) of the input, in pixels.
        class_names: In the order of the probabilities.
        fit: How a picture is fitted; see ``prediction.pictures.Fit``. A model of the ten digits takes digits.
    """

    title: str
    source: str
    file: str
    sha256: str
    size: int
    image_size: tuple[int, int]
    class_names: tuple[str, ...]
    fit: str


def make_site(models: Mapping[str, tuple[str, bytes]], runtime: Mapping[str, bytes]) -> dict[str, bytes]:
    """Put the page together.

    Args:
        models: Where each ONNX file was read from, and its content, by a name that is one for a file, too.
        runtime: The files of onnxruntime for browsers by name.

    Returns:
        The contents of all files by their addresses, relative to the page.

    Raises:
        ModelFileError: If one of the models is no classifier of images.
    """
    shown = [_describe(name, source, content) for name, (source, content) in models.items()]
    manifest = {"runtime": f"{PACKAGE} {VERSION}", "models": [asdict(model) for model in shown]}
    return {
        # Written first: it tells that a folder is a page's.
        _MANIFEST: json.dumps(manifest, indent=2).encode(),
        **_page(),
        **{f"runtime/{name}": content for name, content in runtime.items()},
        **{model.file: content for model, (_, content) in zip(shown, models.values(), strict=True)},
    }


def write_site(site: Mapping[str, bytes], folder: Path) -> None:
    """Write the page into a folder, over an earlier one.

    Args:
        site: See ``make_site``.
        folder: Made if it is missing. Hidden files in it, such as a repository's, are left alone.

    Raises:
        FolderError: If files are in the folder that are not of an earlier page.
        StorageError: If it cannot be written.
    """
    parts: dict[str, dict[str, bytes]] = {}
    for name, content in site.items():
        top, _, rest = name.partition("/")
        parts.setdefault(top, {})[rest] = content
    _require_own(folder, site)
    for top, inner in parts.items():
        with replacing(folder / top) as written:
            write_files(written, inner) if "" not in inner else written.write_bytes(inner[""])


def _require_own(folder: Path, site: Collection[str]) -> None:
    if folder.exists() and not folder.is_dir():
        raise FolderError(f"--build: received '{folder}', which is a file; name a folder")
    kinds = {_kind(PurePath(name)) for name in site} if _holds_a_page(folder) else set()
    if other := next(_others(folder, kinds), None):
        raise FolderError(f"--build: received '{folder}', which holds '{other}'; name an empty or a new folder")


def _others(folder: Path, kinds: Collection[PurePath]) -> Iterator[PurePath]:
    """What is in a folder and not of the page; of a folder that the page does not have, only its name."""
    own = {kind.parts[0] for kind in kinds}
    for top in sorted(folder.iterdir()) if folder.exists() else []:
        if top.name in own:
            files = (path.relative_to(folder) for path in [top, *sorted(top.rglob("[!.]*"))] if not path.is_dir())
            yield from (file for file in files if _kind(file) not in kinds)
        elif not top.name.startswith("."):
            yield PurePath(top.name)


def _kind(path: PurePath) -> PurePath:
    """A file of the page; of models and of the runtime, whose names differ by version, the folder and the suffix."""
    return path if len(path.parts) == 1 else path.with_name(path.suffix or path.name)


def _holds_a_page(folder: Path) -> bool:
    try:
        runtime = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))["runtime"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return str(runtime).startswith(PACKAGE)


def _describe(name: str, source: str, content: bytes) -> ShownModel:
    classifier = open_classifier(content, source)
    return ShownModel(
        title=str(classifier.session.metadata.get("dataset", name)),
        source=PurePath(source).name if PurePath(source).is_absolute() else source,
        file=f"models/{name}.onnx",
        sha256=sha256_of_bytes(content),
        size=len(content),
        image_size=classifier.image_size,
        class_names=classifier.class_names,
        fit="digit" if classifier.class_names == _DIGITS else "whole",
    )


def _page() -> dict[str, bytes]:
    page = {each.name: each.read_bytes() for each in files(__package__).joinpath("page").iterdir() if each.is_file()}
    index = Template(page["index.html"].decode()).substitute(policy=CONTENT_SECURITY_POLICY)
    return page | {"index.html": index.encode()}
