import errno
import shutil
import zipfile
from contextlib import nullcontext

import fsspec
import numpy as np
import pytest
from PIL import Image

from mnist_resnet.batch_inference.sources.chunks import Slice, SourceError
from mnist_resnet.batch_inference.sources.filesystems import LOCAL, open_filesystem
from mnist_resnet.batch_inference.sources.picture_files import read_pictures
from mnist_resnet.prediction.pictures import read_picture
from tests.batch_inference.sources.made_sources import made_images, png

SIZE = (8, 6)


def read(address, filesystem, paths):
    return list(read_pictures(address, filesystem, [Slice(str(path), 0, 1, size=100) for path in paths], SIZE))


def test_pictures_are_read_as_predict_reads_them(tmp_path):
    path = tmp_path / "ü 1.png"
    path.write_bytes(png(made_images(1, size=(40, 30))[0]))
    (extract,) = read(*open_filesystem(str(path))[:2], [path])
    np.testing.assert_array_equal(extract.images, [read_picture(path, SIZE)])


def test_what_is_no_picture_or_went_away_is_refused_alone(tmp_path):
    paths = [tmp_path / name for name in ("0.png", "1.png", "2.png", "3.png")]
    paths[0].write_bytes(png(made_images(1, size=SIZE)[0]))
    paths[1].write_bytes(b"seven")
    paths[3].mkdir()
    _, filesystem, _ = open_filesystem(LOCAL)
    extracts = read(LOCAL, filesystem, paths)
    assert [len(extract.images) for extract in extracts] == [1, 0, 0, 0]
    reasons = [refused.reason for extract in extracts for refused in extract.refused]
    assert "not a whole picture" in reasons[0]
    assert reasons[1:] == ["No such file or directory", "Is a directory"]


def test_pictures_are_not_refused_because_their_folder_is_gone(tmp_path):
    (tmp_path / "folder").mkdir()
    path = tmp_path / "folder" / "1.png"
    path.write_bytes(png(made_images(1, size=SIZE)[0]))
    shutil.rmtree(tmp_path / "folder")
    _, filesystem, _ = open_filesystem(LOCAL)
    with pytest.raises(SourceError, match=r"1\.png cannot be read any more: No such file or directory"):
        read(LOCAL, filesystem, [path])


@pytest.mark.parametrize("is_there", [True, False])
def test_what_a_disk_cannot_read_is_refused_only_if_the_disk_is_there(tmp_path, monkeypatch, is_there):
    path = tmp_path / "0.png"
    path.write_bytes(png(made_images(1, size=SIZE)[0]))

    def broken(*_, **__):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Image, "open", broken)
    if not is_there:
        monkeypatch.setattr("os.scandir", broken)
    with nullcontext() if is_there else pytest.raises(SourceError, match="cannot be read any more: Input/output error"):
        (extract,) = read(LOCAL, None, [path])
        assert extract.refused[0].reason == "Input/output error"


def test_what_may_not_be_read_is_refused(readable_folder, as_somebody):
    (readable_folder / "1.png").write_bytes(b"")
    (readable_folder / "1.png").chmod(0)
    _, filesystem, _ = open_filesystem(LOCAL)
    with as_somebody():
        (extract,) = read(LOCAL, filesystem, [readable_folder / "1.png"])
    assert extract.refused[0].reason == "Permission denied"


def test_pictures_elsewhere_are_fetched_in_batches():
    files, images = fsspec.filesystem("memory"), made_images(150, size=SIZE)
    for number, image in enumerate(images):
        files.pipe(f"/pictures/{number}.png", png(image))
    files.pipe("/pictures/7.png", b"seven")
    paths = [f"/pictures/{number}.png" for number in range(150)]
    extracts = read("memory://pictures", files, [*paths, "/pictures/none.png"])
    assert [row for row, extract in enumerate(extracts) if extract.refused] == [7, 150]
    np.testing.assert_array_equal(np.concatenate([each.images for each in extracts]), np.delete(images, 7, axis=0))


def test_a_damaged_member_of_an_archive_is_refused_alone(tmp_path):
    images = made_images(3, size=SIZE)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for number, image in enumerate(images):
            archive.writestr(f"{number}.png", png(image))
    content = bytearray((tmp_path / "a.zip").read_bytes())
    content[content.index(png(images[1])) + 60] ^= 1
    (tmp_path / "a.zip").write_bytes(content)
    address, filesystem, _ = open_filesystem(f"zip://::{tmp_path}/a.zip")
    extracts = read(address, filesystem, ["0.png", "1.png", "2.png"])
    assert [len(extract.images) for extract in extracts] == [1, 0, 1]
    assert extracts[1].refused[0].reason.startswith("Bad CRC-32")


class Unreachable:
    """A store whose network is down."""

    def cat(self, paths, on_error):
        return {path: TimeoutError("https://user:secret@host does not answer") for path in paths}

    def unstrip_protocol(self, path):
        return f"s3://{path}"


def test_pictures_are_not_refused_because_the_network_is_down():
    with pytest.raises(SourceError, match=r"s3://b/1\.png cannot be read: https://host does not answer"):
        read("s3://b", Unreachable(), ["b/1.png"])


def test_a_picture_is_not_refused_because_its_disk_goes_away_while_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "0.png"
    path.write_bytes(png(made_images(1, size=SIZE)[0]))

    def broken(*_, **__):
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr(Image, "open", broken)
    with pytest.raises(SourceError, match=r"0\.png cannot be read any more: Stale file handle"):
        read(LOCAL, None, [path])
