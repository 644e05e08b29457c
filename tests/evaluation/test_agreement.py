import numpy as np
import pytest

from mnist_resnet.evaluation.agreement import measure_agreement
from mnist_resnet.evaluation.parity import Parity, ParityError

KERAS = np.array([[0.75, 0.25], [0.5, 0.5], [0.125, 0.875], [1, 0]], np.float32)
# One image of four has another class, and differs by 0.25.
INT8 = np.array([[0.75, 0.25], [0.25, 0.75], [0.25, 0.75], [1, 0]], np.float32)


@pytest.fixture
def matrix() -> dict:
    return measure_agreement({"keras": KERAS, "savedmodel": KERAS.copy(), "int8": INT8})


def test_every_form_is_compared_with_every_other(matrix):
    names = ["keras", "savedmodel", "int8"]
    assert list(matrix) == names
    assert all(list(row) == names for row in matrix.values())
    assert matrix["keras"]["savedmodel"] == Parity(0.0, 1.0)
    assert matrix["savedmodel"]["int8"] == Parity(0.25, 0.75)


def test_the_matrix_is_symmetric_and_a_form_agrees_with_itself(matrix):
    for one, row in matrix.items():
        assert row[one] == Parity(0.0, 1.0)
        for other, entry in row.items():
            assert matrix[other][one] == entry


def test_answers_on_other_images_are_refused_by_name():
    with pytest.raises(ParityError, match=r"^int8 against keras: .*\(3, 2\) .* \(4, 2\); give both the same images"):
        measure_agreement({"keras": KERAS, "int8": INT8[:3]})
