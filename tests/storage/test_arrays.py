"""Arrays gone through part by part: the same values as in one piece, and never a copy of the whole."""

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from mnist_resnet.config import Dataset, IdxFile, IdxFiles, PreprocessingParameters
from mnist_resnet.data.check import read_part
from mnist_resnet.data.fetch import fetch
from mnist_resnet.data.idx import encode, parse
from mnist_resnet.data.split import split
from mnist_resnet.datasets import ArrayDataset, IdxDataset
from mnist_resnet.evaluation.validation_split import Validation
from mnist_resnet.preprocessing import fit_preprocessing
from mnist_resnet.provenance.steps import step_values
from mnist_resnet.storage.arrays import Selection, mapped, parts, same
from mnist_resnet.storage.digests import digest_of_array

SHAPES = [(), (0,), (0, 28, 28), (1,), (7, 28, 28), (3_000, 28, 28), (3, 1200, 1200), (5, 0)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_parts_are_the_array(shape):
    array = np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8)
    assert b"".join(part.tobytes() for part in parts(array)) == array.tobytes()


def test_a_part_is_about_a_megabyte_but_never_less_than_a_row():
    assert [len(part) for part in parts(np.zeros((3_000, 28, 28), np.uint8))] == [1337, 1337, 326]
    assert [len(part) for part in parts(np.zeros((3, 1200, 1200), np.uint8))] == [1, 1, 1]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_arrays_are_the_same_if_shape_type_and_values_are(shape):
    array = np.zeros(shape, np.uint8)
    assert same(array, array.copy())
    assert not same(array, array[None])
    assert not same(array, array.astype(np.float32))


@pytest.mark.parametrize("place", [0, 1500, 2999])
def test_one_other_value_anywhere_is_seen(place):
    array = np.zeros((3_000, 28, 28), np.uint8)
    other = array.copy()
    other[place, 27, 27] = 1
    assert not same(array, other)


def test_a_selection_is_what_indexing_would_copy():
    array, rows = np.arange(24).reshape(6, 4), np.array([1, 2, 5])
    selection = Selection(array, rows)
    assert (len(selection), selection.shape, selection.dtype, selection.nbytes) == (3, (3, 4), array.dtype, 96)
    np.testing.assert_array_equal(selection, array[rows])
    np.testing.assert_array_equal(selection[1:], array[rows][1:])
    np.testing.assert_array_equal(selection[np.array([2, 0])], array[rows][[2, 0]])


def test_a_saved_selection_is_the_file_that_numpy_writes(tmp_path):
    array, rows = np.random.default_rng(0).integers(256, size=(3_000, 28, 28), dtype=np.uint8), np.arange(0, 3_000, 2)
    dataset = ArrayDataset(filepath=str(tmp_path / "selected.npy"))
    dataset.save(Selection(array, rows))
    np.save(tmp_path / "expected.npy", array[rows])
    assert dataset.path.read_bytes() == (tmp_path / "expected.npy").read_bytes()
    assert digest_of_array(Selection(array, rows)) == digest_of_array(array[rows])


@pytest.mark.parametrize("content", [b"", b"\0\0\x08\x01"])
def test_a_mapped_file_holds_its_bytes(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    assert mapped(path) == content


IMAGES = 40_000


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, Path]:
    """A data set of 31 MB, as its configuration and as files in a folder."""
    folder, files, generator = tmp_path_factory.mktemp("published"), {}, np.random.default_rng(0)
    for role, count in (("train", IMAGES), ("test", 10)):
        labels = np.arange(count, dtype=np.uint8) % 10
        images = generator.integers(256, size=(count, 28, 28), dtype=np.uint8)
        for kind, array in (("images", images), ("labels", labels)):
            path = folder / f"{role}_{kind}"
            path.write_bytes(encode(array))
            digest = step_values("published_test_images", array)[1]["test_images"]
            files[path.name] = IdxFile(name=path.name, size=path.stat().st_size, sha256=digest)
    names = tuple("0123456789")
    return Dataset(title="Made", image_size=(28, 28), class_names=names, files=IdxFiles(**files)), folder


@contextmanager
def no_copy_of(size: int) -> Iterator[None]:
    """Fail if the block, at any moment, holds more than half of ``size`` bytes that it has allocated."""
    import_module("sklearn.model_selection")  # so that its code is not counted
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < size / 2, f"{peak:,} bytes were allocated, of {size:,} bytes of images"


def test_no_step_from_files_to_training_input_copies_all_images(published, tmp_path, base):
    dataset, folder = published
    with no_copy_of(IMAGES * 28 * 28):
        train_images, train_labels, *_ = map(parse, fetch(dataset, folder).values())
        train_images, train_labels = read_part(dataset, "train", train_images, train_labels)
        raw, array = IdxDataset(filepath=str(tmp_path / "raw")), ArrayDataset(filepath=str(tmp_path / "train.npy"))
        raw.save(train_images)
        selected = split(raw.load(), train_labels, base.data)
        array.save(selected.train_images)
        assert step_values("published_images", raw.load()) is not None
        assert digest_of_array(selected.train_images) == digest_of_array(array.load())
        fit_preprocessing(array.load(), PreprocessingParameters(method="pad", size=(32, 32), scaling="standardize"))
        assert Validation(array.load(), train_labels, []).digest


def test_a_copy_of_all_images_would_be_noticed(published):
    dataset, folder = published
    with pytest.raises(AssertionError, match="bytes were allocated"), no_copy_of(IMAGES * 28 * 28):
        np.array(parse(fetch(dataset, folder)["train_images"]))
