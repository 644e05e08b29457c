import math

import numpy as np
import pytest

from mnist_resnet.errors import UserError
from mnist_resnet.evaluation.parity import Parity, ParityError, compare

REFERENCE = np.array([[0.7, 0.2, 0.1], [0.1, 0.5, 0.4], [0.2, 0.3, 0.5], [0.9, 0.1, 0.0]], np.float32)


def test_equal_arrays_agree_fully():
    assert compare(REFERENCE, REFERENCE.copy()) == Parity(max_abs_diff=0.0, argmax_agreement=1.0)


def test_the_largest_difference_and_the_share_of_equal_classes():
    other = REFERENCE.copy()
    other[1] = [0.1, 0.25, 0.65]
    other[3, 0] += 0.05
    parity = compare(REFERENCE, other)
    # Differences of float32 numbers below one are exact to 6e-8.
    assert parity.max_abs_diff == pytest.approx(0.25, abs=1e-7)
    assert parity.argmax_agreement == 3 / 4


def test_a_difference_counts_in_both_directions():
    lower = REFERENCE - np.float32(0.125)
    assert compare(REFERENCE, lower).max_abs_diff == compare(lower, REFERENCE).max_abs_diff
    assert compare(REFERENCE, lower).max_abs_diff == pytest.approx(0.125)


@pytest.mark.parametrize("other", [REFERENCE[:3], REFERENCE[:, :2], REFERENCE[0], REFERENCE[:1]])
def test_other_shapes_cannot_be_compared(other):
    with pytest.raises(ParityError, match=r"cannot be compared with \(4, 3\)"):
        compare(REFERENCE, other)


@pytest.mark.parametrize("tolerance", [1e-5, 2e-5])
def test_an_agreement_within_the_tolerance_is_accepted(tolerance):
    Parity(max_abs_diff=1e-5, argmax_agreement=1.0).require(tolerance, "The ONNX file")


@pytest.mark.parametrize(
    "parity",
    [
        Parity(max_abs_diff=1.1e-5, argmax_agreement=1.0),
        Parity(max_abs_diff=math.nan, argmax_agreement=1.0),
        Parity(max_abs_diff=math.inf, argmax_agreement=1.0),
    ],
    ids=["too far", "not a number", "infinite"],
)
def test_a_disagreement_is_refused(parity):
    with pytest.raises(ParityError, match=r"^The ONNX file does not agree .* nothing was published$") as refused:
        parity.require(1e-5, "The ONNX file")
    assert isinstance(refused.value, UserError)


def test_a_tie_that_rounding_decides_is_accepted_and_seen():
    reference = np.array([[0.4, 0.400004, 0.199996], [0.1, 0.1, 0.8]], np.float32)
    parity = compare(reference, reference[:, [1, 0, 2]])
    assert parity.argmax_agreement == 0.5
    parity.require(1e-5, "The ONNX file")


def test_the_refusal_names_the_key_and_both_figures():
    with pytest.raises(ParityError, match=r"2\.50e-03 \(1\.00e-05 are .* export\.parity_tolerance\).*75\.0000%"):
        Parity(max_abs_diff=2.5e-3, argmax_agreement=0.75).require(1e-5, "It")


def test_not_a_number_is_never_an_agreement():
    broken = REFERENCE.copy()
    broken[0, 0] = math.nan
    with pytest.raises(ParityError):
        compare(REFERENCE, broken).require(1.0, "It")
