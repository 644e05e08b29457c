import numpy as np
import pyarrow as pa
import pytest

from mnist_resnet.batch_inference.sources.columns import choose_column, images_of
from mnist_resnet.batch_inference.sources.inspection import Fault
from tests.batch_inference.sources.made_sources import made_images, png

SIZE = (8, 6)
IMAGES = made_images(4, size=SIZE)
PNGS = [png(image) for image in IMAGES]
PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
FLAT = IMAGES.reshape(4, 48).tolist()

COLUMNS = {
    "binary": pa.array(PNGS, pa.binary()),
    "large binary": pa.array(PNGS, pa.large_binary()),
    "binary view": pa.array(PNGS, pa.binary_view()),
    "dictionary": pa.array(PNGS, pa.binary()).dictionary_encode(),
    "struct": pa.array([{"bytes": content, "path": "a.png"} for content in PNGS], PICTURE),
    "tensor": pa.FixedShapeTensorArray.from_numpy_ndarray(IMAGES),
    "tensor with a channel": pa.FixedShapeTensorArray.from_numpy_ndarray(IMAGES[..., None].copy()),
    "flat, fixed": pa.array(FLAT, pa.list_(pa.uint8(), 48)),
    "flat": pa.array(FLAT, pa.list_(pa.uint8())),
    "nested": pa.array(IMAGES.tolist(), pa.list_(pa.list_(pa.int64()))),
    "nested, large": pa.array(IMAGES.tolist(), pa.large_list(pa.large_list(pa.float32()))),
    "nested, fixed": pa.array(IMAGES.tolist(), pa.list_(pa.list_(pa.uint8(), 6), 8)),
    "raw": pa.array([image.tobytes() for image in IMAGES], pa.binary(48)),
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_each_type_of_column_is_found_and_read(kind):
    column = COLUMNS[kind]
    schema = pa.schema([("label", pa.int64()), ("embedding", pa.list_(pa.float32())), ("x", column.type)])
    assert choose_column(schema, SIZE, None, 4) == "x"
    assert choose_column(schema, SIZE, "x", 4) == "x"
    extract = images_of(10, column, SIZE)
    np.testing.assert_array_equal(extract.images, IMAGES)
    np.testing.assert_array_equal(extract.rows, [10, 11, 12, 13])
    # A part of a column, too: its values lie somewhere within those of the whole.
    np.testing.assert_array_equal(images_of(2, column.slice(2, 1), SIZE).images, IMAGES[2:3])


@pytest.mark.parametrize("kind", COLUMNS)
def test_a_missing_image_is_refused_alone(kind):
    column = COLUMNS[kind]
    values = pa.concat_arrays([column[:1], pa.nulls(1, column.type), column[2:3]])
    extract = images_of(0, values, SIZE)
    np.testing.assert_array_equal(extract.images, IMAGES[[0, 2]])
    np.testing.assert_array_equal(extract.rows, [0, 2])
    ((row, rows, reason),) = extract.refused
    assert (row, rows) == (1, 1)
    assert "null" in reason


def test_a_picture_without_bytes_is_not_looked_for_at_its_path():
    column = pa.array([{"bytes": None, "path": "/etc/passwd"}, {"bytes": PNGS[1], "path": None}], PICTURE)
    extract = images_of(0, column, SIZE)
    np.testing.assert_array_equal(extract.images, IMAGES[1:2])
    assert extract.refused == ((0, 1, "no image: its bytes are null"),)


def test_pictures_are_fitted_and_what_is_none_is_refused_alone():
    large = png(np.full((30, 40), 7, np.uint8))
    extract = images_of(0, pa.array([large, b"seven", b"", PNGS[0]], pa.binary()), SIZE)
    np.testing.assert_array_equal(extract.images, [np.full(SIZE, 7), IMAGES[0]])
    assert [refused.row for refused in extract.refused] == [1, 2]
    assert "not a whole picture" in extract.refused[0].reason
    assert "0x" not in extract.refused[0].reason  # where in memory the bytes lay would differ each time


def test_pixels_of_another_shape_and_ragged_ones_are_refused_alone():
    ragged = IMAGES[1].tolist()
    ragged[3] = ragged[3][:2]
    holed = IMAGES[2].tolist()
    holed[0][0] = None
    rows = [IMAGES[0].tolist(), ragged, holed, made_images(1, size=(4, 4))[0].tolist(), IMAGES[3].tolist(), []]
    extract = images_of(0, pa.array(rows, pa.list_(pa.list_(pa.int16()))), SIZE)
    np.testing.assert_array_equal(extract.images, IMAGES[[0, 3]])
    assert [refused.row for refused in extract.refused] == [1, 2, 3, 5]
    assert extract.refused[2].reason == "images of 4×4, but the model takes 8×6; bring them to that size"


def choose(*fields, column=None) -> str:
    with pytest.raises(Fault) as refused:
        choose_column(pa.schema(fields), SIZE, column, 4)
    assert refused.value.declared == 4
    return refused.value.reason


def test_of_several_columns_the_one_with_a_usual_name_is_taken():
    fields = [("mask", pa.binary()), ("Image", pa.binary()), ("tensor", pa.list_(pa.uint8(), 48))]
    assert choose_column(pa.schema(fields), SIZE, None, 4) == "Image"
    assert choose_column(pa.schema(fields), SIZE, "tensor", 4) == "tensor"


def test_what_cannot_be_chosen_is_told():
    several = choose(("a", pa.binary()), ("b", pa.binary()))
    assert several == "several columns may hold the images: a, b; name one with --column"
    none = choose(("a", pa.string()), ("b", pa.list_(pa.uint8(), 47)), ("c", pa.binary(9)))
    assert none == "no column holds pictures, or pixels of 8×6; the columns are: a, b, c"
    assert choose(("a", pa.binary()), column="x") == "--column: received 'x', but the columns are: a"
    assert choose(("a", pa.int8()), column="a") == "--column: received 'a', a column of int8, no images"
    assert choose(("a", pa.binary()), ("a", pa.binary()), column="a").startswith("--column: received 'a', but")
