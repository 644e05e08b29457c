import threading
from pathlib import Path

import pytest

from mnist_resnet.storage.artifacts import (
    read_files,
    remove,
    remove_leftovers,
    replacing,
    sha256_of_bytes,
    sha256_of_path,
    write_files,
)

OLD, NEW = {"a": b"old", "sub/b": b"old too"}, {"a": b"new", "c": b""}


def write(path, files):
    """Make ``path`` a folder of these files, or a file if their only name is empty."""
    if set(files) == {""}:
        path.write_bytes(files[""])
    else:
        write_files(path, files)


def write_and_fail(path, files, error):
    with replacing(path) as temporary:
        write(temporary, files)
        raise error


def content_of(path):
    return {"": path.read_bytes()} if path.is_file() else read_files(path)


KEPT = pytest.mark.parametrize("old", [None, {"": b"old"}, OLD], ids=["nothing", "file", "folder"])


def assert_holds(folder, path, files):
    """A path has these contents, or is missing if they are None; nothing else is in the folder."""
    assert list(folder.iterdir()) == ([] if files is None else [path])
    assert files is None or content_of(path) == files


@pytest.mark.parametrize("new", [{"": b"new"}, NEW], ids=["file", "folder"])
def test_what_was_written_takes_its_place(tmp_path, new):
    path = tmp_path / "made" / "on the way" / "target"
    with replacing(path) as temporary:
        write(temporary, new)
        assert not path.exists()
        assert content_of(temporary) == new
    assert_holds(path.parent, path, new)


@pytest.mark.parametrize("name", ["target", "replaced", ".hidden", "model.onnx"])
@pytest.mark.parametrize(
    ("old", "new"),
    [({"": b"old"}, {"": b"new"}), (OLD, NEW), (OLD, {"": b"new"})],
    ids=["file by file", "folder by folder", "folder by file"],
)
def test_what_was_there_is_replaced_as_a_whole_whatever_its_name(tmp_path, name, old, new):
    path = tmp_path / name
    write(path, old)
    with replacing(path) as temporary:
        write(temporary, new)
        assert content_of(path) == old
    assert_holds(tmp_path, path, new)


@KEPT
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_failure_leaves_the_old_content_and_nothing_else(tmp_path, old, error):
    path = tmp_path / "target"
    if old:
        write(path, old)
    with pytest.raises(error):
        write_and_fail(path, NEW, error)
    assert_holds(tmp_path, path, old)


@KEPT
def test_to_write_nothing_is_an_error_that_keeps_the_old_content(tmp_path, old):
    path = tmp_path / "target"
    if old:
        write(path, old)
    with pytest.raises(FileNotFoundError), replacing(path):
        pass
    assert_holds(tmp_path, path, old)


def test_an_interrupt_while_folders_change_places_keeps_the_old_one(tmp_path, monkeypatch):
    path, move = tmp_path / "target", Path.replace
    write(path, OLD)
    interrupts = [KeyboardInterrupt]

    def move_or_interrupt(source, target):
        if target == path and interrupts:
            raise interrupts.pop()
        return move(source, target)

    def replace_folder():
        with replacing(path) as temporary:
            write(temporary, NEW)

    monkeypatch.setattr(Path, "replace", move_or_interrupt)
    with pytest.raises(KeyboardInterrupt):
        replace_folder()
    assert_holds(tmp_path, path, OLD)


def killed_while_writing(path, files):
    """What ``replacing`` leaves if its process is killed: nothing is cleaned up."""
    context = replacing(path)
    write(context.__enter__(), files)
    return context


def test_what_a_killed_process_had_begun_to_write_is_removed(tmp_path):
    write(tmp_path / "sub" / "target", OLD)
    contexts = [killed_while_writing(tmp_path / "sub" / name, NEW) for name in ("target", "other.json")]
    (tmp_path / "sub" / ".ipynb_checkpoints.d").mkdir()
    (tmp_path / "sub" / ".ipynb_checkpoints.d" / "notes").touch()
    (tmp_path / "sub" / ".gitkeep.txt").touch()
    (tmp_path / "sub" / ".empty.d").mkdir()
    remove_leftovers(tmp_path, seconds_old=60)
    assert len(list((tmp_path / "sub").iterdir())) == 6
    remove_leftovers(tmp_path)
    assert sorted(path.name for path in (tmp_path / "sub").iterdir()) == [
        ".empty.d",
        ".gitkeep.txt",
        ".ipynb_checkpoints.d",
        "target",
    ]
    assert content_of(tmp_path / "sub" / "target") == OLD
    remove_leftovers(tmp_path / "absent")
    del contexts


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_who_reads_beside_a_writer_sees_the_old_or_the_new_but_never_half(tmp_path, kind):
    path, ended, seen = tmp_path / "target", threading.Event(), []
    parts = [""] if kind == "file" else [f"{number % 3}/{number}" for number in range(10)]
    versions = [{part: bytes([version]) * 50_000 for part in parts} for version in range(2)]
    write(path, versions[0])

    def read():
        while not ended.is_set():
            try:
                seen.append(content_of(path))
            except FileNotFoundError:
                seen.append(None)

    reader = threading.Thread(target=read)
    reader.start()
    for version in range(40):
        with replacing(path) as temporary:
            write(temporary, versions[version % 2])
    ended.set()
    reader.join()
    whole = [content for content in seen if content is not None]
    assert whole
    assert all(content in versions for content in whole)
    if kind == "file":
        assert len(whole) == len(seen)


def test_the_digest_of_a_file_is_that_of_its_bytes(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1
    assert sha256_of_path(tmp_path / "abc") == sha256_of_bytes(b"abc") == sha256_of_bytes(memoryview(b"abc")) == known


@pytest.mark.parametrize(
    "changed",
    [
        {"a": b"olD", "sub/b": b"old too"},
        {"A": b"old", "sub/b": b"old too"},
        {"a": b"old", "sub/c": b"old too"},
        {"a": b"old", "b": b"old too"},
        {"a": b"old too", "sub/b": b"old"},
        {"a": b"old"},
        {**OLD, "c": b""},
    ],
    ids=["byte", "name", "inner name", "folder", "swapped", "fewer", "more"],
)
def test_the_digest_of_a_folder_changes_with_what_is_in_it(tmp_path, changed):
    write_files(tmp_path / "one", OLD)
    write_files(tmp_path / "other", changed)
    assert sha256_of_path(tmp_path / "one") != sha256_of_path(tmp_path / "other")


def test_the_digest_of_a_folder_depends_neither_on_order_nor_on_place(tmp_path, monkeypatch):
    names, listed = [f"{number % 7}/{number}" for number in range(30)], Path.rglob
    for folder, order in (("one", names), ("elsewhere/other", names[::-1])):
        write_files(tmp_path / folder, {name: name.encode() for name in order})
    digest = sha256_of_path(tmp_path / "one")
    assert sha256_of_path(tmp_path / "elsewhere/other") == digest
    monkeypatch.setattr(Path, "rglob", lambda path, pattern: reversed(list(listed(path, pattern))))
    assert sha256_of_path(tmp_path / "one") == digest


def test_what_macos_adds_to_a_folder_does_not_count(tmp_path):
    write_files(tmp_path, OLD)
    digest = sha256_of_path(tmp_path)
    write_files(tmp_path, {".DS_Store": b"", "sub/.DS_Store": b"", "sub/._b": b""})
    assert (sha256_of_path(tmp_path), read_files(tmp_path)) == (digest, OLD)


def test_there_is_no_digest_of_nothing(tmp_path):
    with pytest.raises(FileNotFoundError):
        sha256_of_path(tmp_path / "absent")


def test_files_come_back_as_they_were_written_in_sorted_order(tmp_path):
    files = {"z": b"1", "a/deep/one": b"\0\xff", "m": b""}
    write_files(tmp_path, files)
    assert list(read_files(tmp_path).items()) == sorted(files.items())


@KEPT
def test_what_is_removed_is_gone(tmp_path, old):
    path = tmp_path / "target"
    if old:
        write(path, old)
    remove(path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_a_kill_left_aside_is_put_back(tmp_path: Path) -> None:
    leftover = tmp_path / ".model.abcdefgh"
    (leftover / "model").mkdir(parents=True)
    (leftover / "model.replaced").mkdir()
    (leftover / "model.replaced" / "file").write_text("old")
    remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert (tmp_path / "model" / "file").read_text() == "old"


def test_of_a_link_to_a_folder_only_the_link_is_removed(tmp_path):
    write_files(tmp_path / "folder", OLD)
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    remove(tmp_path / "link")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
    assert read_files(tmp_path / "folder") == OLD
