import pytest

from mnist_resnet.batch_inference.sources.file_types import Kind, kind_by_content, kind_by_name, reason_of_unknown
from tests.batch_inference.sources.made_sources import FORMS, made_images, png


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("7.PNG", Kind.PICTURE),
        ("a b/ü.jpeg", Kind.PICTURE),
        ("_MG_0001.JPG", Kind.PICTURE),
        ("images.npy", Kind.ARRAY),
        ("images.npy.gz", Kind.ARRAY),
        ("train-images-idx3-ubyte", Kind.ARRAY),
        ("t10k-images.idx3-ubyte.gz", Kind.ARRAY),
        ("part-0001.snappy.parquet", Kind.PARQUET),
        *((name, Kind.WITHOUT_IMAGES) for name in (".DS_Store", ".cache/7.png", "__MACOSX/7.png", "Thumbs.db")),
        *((name, Kind.WITHOUT_IMAGES) for name in ("README", "labels.csv", "labels.csv.gz", "LICENSE.dat", "_SUCCESS")),
        ("_temporary/0/part.parquet", Kind.WITHOUT_IMAGES),
        *((name, Kind.UNKNOWN) for name in ("images", "7.tiff", "images.npz", "7.png.gz", "png", "images.tar.gz")),
    ],
)
def test_a_name_says_what_a_file_is(name, kind):
    assert kind_by_name(name) is kind


def test_the_first_bytes_say_it_where_the_name_does_not():
    images = made_images(2)
    assert kind_by_content(png(images[0])[:16]) is Kind.PICTURE
    assert kind_by_content(FORMS["npy"](images)[:16]) is Kind.ARRAY
    assert kind_by_content(FORMS["int16.idx"](images)[:16]) is Kind.ARRAY
    assert kind_by_content(FORMS["parquet"](images)[:16]) is Kind.PARQUET
    assert {kind_by_content(start) for start in (b"", b"\0", b"\0\0\x08", b"seven", b"RIFF1234WAVE")} == {Kind.UNKNOWN}


def test_what_is_not_read_is_refused_with_what_to_do():
    assert reason_of_unknown("a.npz").endswith("store its arrays as .npy files")
    assert reason_of_unknown("A.TIFF").endswith("convert the picture to one of PNG, JPEG, WEBP, GIF, BMP")
    assert reason_of_unknown("a").endswith("nor an IDX, NumPy or Parquet file")
