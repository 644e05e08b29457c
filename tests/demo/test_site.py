import json
import re

import pytest

from mnist_resnet.demo.site import CONTENT_SECURITY_POLICY, FolderError, make_site, write_site
from mnist_resnet.evaluation.classifier import ModelFileError
from mnist_resnet.storage.artifacts import sha256_of_bytes
from tests.made_model import CLASS_NAMES, halves_model

RUNTIME = {"onnxruntime-web.js": b"made", "onnxruntime-web.wasm": b"\0asm made"}
DIGITS = {"class_names": json.dumps([str(digit) for digit in range(10)])}


@pytest.fixture
def site():
    return make_site({"halves": ("data/halves.onnx", halves_model())}, RUNTIME)


def test_the_page_has_its_models_and_what_it_says_of_them(site) -> None:
    (described,) = json.loads(site["models.json"])["models"]
    assert described == {
        "title": "halves",
        "source": "data/halves.onnx",
        "file": "models/halves.onnx",
        "sha256": sha256_of_bytes(halves_model()),
        "size": len(halves_model()),
        "image_size": [8, 8],
        "class_names": list(CLASS_NAMES),
        "fit": "whole",
    }
    assert site["models/halves.onnx"] == halves_model()
    assert site["runtime/onnxruntime-web.wasm"] == RUNTIME["onnxruntime-web.wasm"]


def test_a_model_is_named_by_its_data_set_and_not_by_where_its_user_keeps_it(tmp_path) -> None:
    named = {"dataset": '"Halves"'}
    site = make_site({"model": (str(tmp_path / "own.onnx"), halves_model(named))}, RUNTIME)
    (described,) = json.loads(site["models.json"])["models"]
    assert (described["title"], described["source"]) == ("Halves", "own.onnx")


def test_what_is_no_model_is_refused_by_name() -> None:
    with pytest.raises(ModelFileError, match=r"other\.onnx: not an ONNX model"):
        make_site({"other": ("other.onnx", b"no model")}, RUNTIME)


def test_the_page_names_only_files_that_it_has_by_relative_addresses(site) -> None:
    index = site["index.html"].decode()
    assert f'content="{CONTENT_SECURITY_POLICY}"' in index
    assert "unsafe-inline" not in index
    assert "<style" not in index
    assert " style=" not in index
    for name in ("main.js", "style.css", "icon.svg"):
        assert f'="{name}"' in index
        assert name in site
    texts = [content for name, content in site.items() if name.endswith((".html", ".css")) or "/" not in name]
    assert all(b"https://" not in text for text in texts)


def luminance(colour: str) -> float:
    """The relative luminance of a colour such as ``#1f2328`` (WCAG 2.2)."""
    levels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4 for level in levels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    darker, brighter = sorted((luminance(first), luminance(second)))
    return (brighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_colours_differ_enough_to_be_read(site, scheme) -> None:
    """4.5 for text and 3 for edges and bars, as WCAG 2.2 has it for level AA."""
    blocks = re.findall(r":root \{(.*?)\}", site["style.css"].decode(), re.DOTALL)
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", blocks[scheme]))
    for text, ground in [("text", "page"), ("text", "panel"), ("quiet", "page"), ("alarm", "alarm-panel")]:
        assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for shape, ground in [("edge", "page"), ("accent", "page"), ("accent", "panel")]:
        assert contrast(colours[shape], colours[ground]) >= 3, (shape, ground)


def test_the_page_is_written_over_an_earlier_one(site, tmp_path) -> None:
    folder = tmp_path / "deep" / "page"
    (folder / ".git").mkdir(parents=True)
    write_site({**site, "models/gone.onnx": b"old"}, folder)
    write_site(site, folder)
    written = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert written == site
    assert (folder / ".git").is_dir()


def test_a_folder_with_other_files_is_left_alone(site, tmp_path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(FolderError, match=r"which holds 'thesis\.tex'; name an empty or a new folder"):
        write_site(site, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(FolderError, match="which is a file"):
        write_site(site, tmp_path / "thesis.tex")


@pytest.mark.parametrize("own", ["index.html", "models/best.keras", "runtime/notes.txt", "models.json"])
def test_files_with_names_of_the_page_are_left_alone_too(site, tmp_path, own) -> None:
    (tmp_path / own).parent.mkdir(exist_ok=True)
    (tmp_path / own).write_text("{}")
    with pytest.raises(FolderError, match=f"which holds '{own.partition('/')[0]}'"):
        write_site(site, tmp_path)
    assert (tmp_path / own).read_text() == "{}"


def test_a_file_that_was_put_beside_those_of_an_earlier_page_is_left_alone(site, tmp_path) -> None:
    write_site(site, tmp_path)
    (tmp_path / "models" / "best.keras").write_text("hours of work")
    with pytest.raises(FolderError, match=r"which holds 'models/best\.keras'"):
        write_site(site, tmp_path)


def test_a_page_that_was_broken_off_or_looked_at_is_written_again(site, tmp_path) -> None:
    first = next(iter(site))
    (tmp_path / first).write_bytes(site[first])
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / ".DS_Store").touch()
    (tmp_path / "index.html").touch()
    write_site(site, tmp_path)
    assert (tmp_path / "index.html").read_bytes() == site["index.html"]
