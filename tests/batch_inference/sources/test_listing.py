import os
from pathlib import Path

import fsspec
import pytest

from mnist_resnet.batch_inference.sources.chunks import SourceError
from mnist_resnet.batch_inference.sources.listing import list_source


@pytest.fixture
def folder(tmp_path):
    for name in ("b/1.png", "b/10.png", "b/2.png", "a.npy", "B.npy", ".hidden/deep/1.png", "ü ä.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_bytes(b"content")
    return tmp_path


def names(source):
    return [file.name for file in list_source(str(source)).files]


def faults(source):
    return {file.name: file.fault for file in list_source(str(source)).files if file.fault}


def test_a_folder_is_listed_with_all_that_is_below_by_code_point(folder):
    assert names(folder) == [".hidden", "B.npy", "a.npy", "b/1.png", "b/10.png", "b/2.png", "ü ä.png"]
    assert names(f"{folder}/") == names(folder) == names(f"file://{folder}")


def test_a_file_that_is_named(folder):
    listing = list_source(str(folder / "a.npy"))
    assert ([file.name for file in listing.files], listing.named) == (["a.npy"], True)
    assert listing.files[0].size == len(b"content")


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.npy", ["B.npy", "a.npy"]),
        ("b/?.png", ["1.png", "2.png"]),
        ("[ab]*", ["a.npy", "b/1.png", "b/10.png", "b/2.png"]),
        ("**/*.png", ["b/1.png", "b/10.png", "b/2.png", "ü ä.png"]),
        ("**", ["B.npy", "a.npy", "b/1.png", "b/10.png", "b/2.png", "ü ä.png"]),
    ],
)
def test_a_pattern_matches_as_in_a_shell_and_folders_with_what_is_in_them(folder, pattern, found):
    assert [name for name in names(folder / pattern) if name != ".hidden"] == found


def test_the_order_does_not_depend_on_where_the_folder_lies(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert names("b") == names(folder / "b")
    assert all(os.path.isabs(file.path) for file in list_source("b").files)  # noqa: PTH117


@pytest.mark.parametrize("name", ["[1]*?", "s3:", "a::b", "zip:::x"])
def test_a_name_with_signs_that_could_mean_something_is_first_of_all_a_name(tmp_path, name):
    (tmp_path / name).mkdir()
    (tmp_path / name / "1.png").write_bytes(b"")
    assert names(tmp_path / name) == ["1.png"]


def test_a_name_that_looks_like_an_address_is_a_file_if_there_is_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s3:" / "bucket").mkdir(parents=True)
    (tmp_path / "s3:" / "bucket" / "1.png").write_bytes(b"")
    assert names("s3://bucket") == ["1.png"]


def test_names_that_are_no_text_and_names_of_several_lines(tmp_path):
    for name in (b"\xff.png", b"two\nlines.png", b" .png", b"-rf.png"):
        (Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))).write_bytes(b"")
    assert names(tmp_path) == [" .png", "-rf.png", "two\nlines.png", "\udcff.png"]


def test_links_are_followed_and_loops_told(folder):
    (folder / "b" / "up").symlink_to(folder, target_is_directory=True)
    (folder / "link").symlink_to(folder / "b", target_is_directory=True)
    (folder / "self").symlink_to("self")
    (folder / "broken.png").symlink_to("nowhere")
    assert {"link/1.png", "b/1.png"} <= set(names(folder))
    found = faults(folder)
    assert {found.pop(name) for name in ("b/up", "link/up")} == {
        "a link to a folder that it lies in; it is not followed"
    }
    assert found == {"self": "Too many levels of symbolic links", "broken.png": "No such file or directory"}


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "1.png")
    assert faults(tmp_path) == faults(tmp_path / "1.png") == {"1.png": "neither a file nor a folder"}


def test_what_may_not_be_read_is_told_and_the_rest_is_listed(readable_folder, as_somebody):
    (readable_folder / "closed").mkdir()
    (readable_folder / "closed").chmod(0)
    (readable_folder / "1.png").write_bytes(b"")
    with as_somebody():
        assert faults(readable_folder) == {"closed": "the folder cannot be read: Permission denied"}
        assert names(readable_folder) == ["1.png", "closed"]
        with pytest.raises(SourceError, match="which cannot be listed: Permission denied"):
            list_source(str(readable_folder / "closed"))
    (readable_folder / "closed").chmod(0o700)


@pytest.mark.parametrize("source", ["nowhere", "no*where", "memory://nowhere", "memory://nowhere/*.png"])
def test_what_does_not_exist_is_told(tmp_path, monkeypatch, source):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match=r"^SOURCE: received '.*', which does not exist"):
        list_source(source)


@pytest.mark.parametrize("source", ["", "nosuch://place", "zip://*::nowhere.zip", "s3://bucket"])
def test_what_cannot_be_opened_is_told(source):
    with pytest.raises(SourceError, match=f"^SOURCE: received '{source.replace('*', '.')}'"):
        list_source(source)


def test_addresses():
    files = fsspec.filesystem("memory")
    for name in ("b/1.png", "b/2.png", "a.npy"):
        files.pipe(f"/addresses/{name}", b"content")
    assert names("memory://addresses") == ["a.npy", "b/1.png", "b/2.png"]
    assert names("memory://addresses/b/*.png") == ["1.png", "2.png"]
    assert names("memory://addresses/*") == ["a.npy", "b/1.png", "b/2.png"]
    listing = list_source("memory://addresses/a.npy")
    assert ([file.name for file in listing.files], listing.named) == (["a.npy"], True)
    files.rm("/addresses", recursive=True)


@pytest.mark.parametrize("pattern", ["*.png", "**/*.png", "[a]?png", "a.pn*"])
def test_a_folder_that_is_there_is_a_name_in_a_pattern_too(tmp_path, pattern):
    for name in ("run[1]", "run1"):
        (tmp_path / name / "*?").mkdir(parents=True)
        (tmp_path / name / "*?" / "a.png").write_bytes(name.encode())
    (file,) = list_source(str(tmp_path / "run[1]" / "*?" / pattern)).files
    assert (file.path, file.name) == (str(tmp_path / "run[1]" / "*?" / "a.png"), "a.png")
