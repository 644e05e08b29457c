"""Whole sources, whatever their form: each image once, as it is."""

import numpy as np
import pytest

from mnist_resnet.batch_inference.chunks import SourcePlan
from mnist_resnet.batch_inference.planning import plan_chunks
from mnist_resnet.batch_inference.reading import read_chunk
from tests.batch_inference.made_sources import FORMS, made_images, write_pictures

SIZE = (8, 6)


def read_all(plan: SourcePlan, size=SIZE, **options):
    """Row ids, images, paths, rows and refusals of all chunks."""
    chunks = [read_chunk(chunk, size, **options) for chunk in plan.chunks]
    return (
        np.concatenate([chunk.row_ids for chunk in chunks]),
        np.concatenate([chunk.images for chunk in chunks]),
        [path for chunk in chunks for path in chunk.paths],
        np.concatenate([chunk.rows for chunk in chunks]),
        [*plan.refusals, *(refusal for chunk in chunks for refusal in chunk.refusals)],
    )


@pytest.mark.parametrize("rows", [1, 5, 1000])
@pytest.mark.parametrize("form", FORMS)
def test_each_form_gives_each_image_as_it_is(tmp_path, form, rows):
    images = made_images(20, size=SIZE)
    path = tmp_path / f"images.{form}"
    path.write_bytes(FORMS[form](images))
    plan = plan_chunks([str(path)], SIZE, rows)
    ids, read, paths, places, refusals = read_all(plan)
    assert (plan.rows, refusals) == (20, [])
    np.testing.assert_array_equal(ids, np.arange(20))
    np.testing.assert_array_equal(places, np.arange(20))
    np.testing.assert_array_equal(read, images)
    assert set(paths) == {str(path)}


def test_a_folder_of_pictures(tmp_path):
    images = made_images(12, size=SIZE)
    write_pictures(tmp_path, images)
    ids, read, paths, _, _ = read_all(plan_chunks([str(tmp_path)], SIZE, 5))
    np.testing.assert_array_equal(read, images)
    assert paths == sorted(map(str, tmp_path.rglob("*.png")))
    np.testing.assert_array_equal(ids, np.arange(12))


def test_inverting(tmp_path):
    (tmp_path / "a.npy").write_bytes(FORMS["npy"](images := made_images(4, size=SIZE)))
    np.testing.assert_array_equal(read_all(plan_chunks([str(tmp_path)], SIZE, 3), invert=True)[1], 255 - images)
