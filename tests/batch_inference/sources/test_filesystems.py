import errno
import zipfile
import zlib

import fsspec
import pytest

from mnist_resnet.batch_inference.sources.filesystems import (
    LOCAL,
    current_mark,
    is_of_file,
    mark_of,
    open_filesystem,
    shown_in,
)


def test_a_file_is_shown_without_credentials(tmp_path):
    memory = fsspec.filesystem("memory")
    assert shown_in(LOCAL, memory, "/a\udcff") == "/a\\udcff"
    assert shown_in("memory://a", memory, "/a/b.png") == "memory:///a/b.png"
    assert (
        shown_in("zip://*::https://me:secret@host/a.zip?key=1", _Zip(), "b.png") == "zip://b.png::https://host/a.zip?…"
    )
    assert shown_in("simplecache::memory://a", memory, "/a/b.png") == "memory:///a/b.png"


class _Zip:
    def unstrip_protocol(self, path):
        return f"zip://{path}"


def test_a_mark_changes_with_size_date_and_etag(tmp_path):
    (tmp_path / "a").write_bytes(b"1")
    address, filesystem, path = open_filesystem(str(tmp_path / "a"))
    before = current_mark(address, filesystem, path)
    (tmp_path / "a").write_bytes(b"12")
    assert current_mark(address, filesystem, path) != before
    marks = [
        mark_of({"size": 1}),
        mark_of({"size": 2}),
        mark_of({"size": 1, "ETag": "a"}),
        mark_of({"size": 1, "mtime": 5}),
    ]
    assert len(set(marks)) == len(marks)
    # A store that copies a file sets its date anew; the ETag says that it is the same.
    assert mark_of({"ETag": "a", "LastModified": 1}) == mark_of({"ETag": "a", "LastModified": 2})


@pytest.mark.parametrize(
    ("error", "of_file"),
    [
        (FileNotFoundError(errno.ENOENT, ""), True),
        (FileNotFoundError("s3://b/a"), True),
        (OSError(errno.EIO, ""), True),
        (zipfile.BadZipFile(), True),
        (zlib.error(), True),
        (RuntimeError("a is encrypted, password required for extraction"), True),
        (OSError(errno.EMFILE, ""), False),
        (OSError(errno.ESTALE, ""), False),
        (ConnectionResetError(errno.ECONNRESET, ""), False),
        (TimeoutError(), False),
        (PermissionError("The provided token has expired"), False),
        (PermissionError(errno.EACCES, ""), True),
        (RuntimeError("Event loop is closed"), False),
    ],
)
def test_a_bad_file_is_told_from_a_bad_disk_or_network(error, of_file):
    assert is_of_file(error) is of_file
