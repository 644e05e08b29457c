from dataclasses import replace

import pytest

from mnist_resnet.evaluation.kernels import KernelAgreement
from mnist_resnet.evaluation.paired import Paired
from mnist_resnet.evaluation.variant_check import Findings, judge

FOUND = Findings(
    reference_accuracy=0.915,
    accuracy=0.914,
    paired=Paired(3000, gained=2, lost=5),
    size_ratio=0.26,
    speed_ratios={"32": 1.5, "256": 1.25},
    kernels=KernelAgreement(3000, 0.02, 1.0, 0.0),
    errors={"minmax": 0.0007, "percentile": 0.0006},
)
SLOW = {"32": 1.5, "256": 0.9}


@pytest.fixture
def parameters(variant_parameters):
    return replace(variant_parameters, tolerance=0.005)


def test_a_good_variant_is_published_with_its_figures(parameters):
    check = judge("int8", FOUND, parameters)
    loss = Paired(3000, 2, 5).greatest_loss()
    assert (check.published, check.validation_accuracy, check.greatest_loss) == (True, 0.914, loss)
    assert check.tried == {"percentile": 0.914}
    assert check.kernels is FOUND.kernels
    assert check.reason == (
        "published: smaller and faster than fp32 (0.26 of its size, 1.50 of its speed at batch 32, 1.25 of its speed "
        "at batch 256); right on 91.40% of 3,000 validation images, fp32 on 91.50%, calibrated by percentile: with "
        f"95 % confidence it loses at most {100 * loss:.2f} points, and may lose 0.50"
    )


def test_a_loss_that_chance_may_hide_is_not_tolerated(parameters):
    """0.3 points lost on the images, which could be 0.7."""
    check = judge("int8", replace(FOUND, paired=Paired(3000, gained=8, lost=17)), parameters)
    assert check.greatest_loss > 0.005 > 9 / 3000
    assert not check.published
    assert check.reason.startswith("not published: it may lose more accuracy than is tolerated; right on")


@pytest.mark.parametrize(("size", "speeds"), [(1.02, SLOW), (1.0, {"32": 1.0}), (1.5, {})])
def test_what_is_neither_smaller_nor_faster_is_not_one_to_ship(parameters, size, speeds):
    check = judge("int8", replace(FOUND, size_ratio=size, speed_ratios=speeds), parameters)
    assert not check.published
    assert f"not one to ship, neither smaller nor faster than fp32 ({size:.2f} of its size" in check.reason


@pytest.mark.parametrize(
    ("size", "speeds", "words"), [(0.9, SLOW, "smaller, but not faster"), (1.2, {"32": 1.1}, "faster")]
)
def test_what_is_one_of_both_is_published_and_said_to_be(parameters, size, speeds, words):
    check = judge("int8", replace(FOUND, size_ratio=size, speed_ratios=speeds), parameters)
    assert check.published
    assert check.reason.startswith(f"published: {words} than fp32 (")


@pytest.mark.parametrize(
    ("kernels", "published"),
    [
        (KernelAgreement(3000, 0.05, 0.999, 0.05), True),
        (KernelAgreement(3000, 0.06, 1.0, 0.0), False),
        (KernelAgreement(3000, 0.04, 0.999, 0.07), False),
    ],
)
def test_kernels_may_not_change_answers_that_are_not_borderline(parameters, kernels, published):
    check = judge("int8", replace(FOUND, kernels=kernels), parameters)
    assert check.published is published
    assert ("integer kernels" in check.reason) is not published


def test_every_fault_is_named(parameters):
    faulty = replace(
        FOUND,
        paired=Paired(3000, 0, 100),
        size_ratio=1.1,
        speed_ratios=SLOW,
        kernels=KernelAgreement(3000, 0.4, 0.9, 0.4),
    )
    reason = judge("int8", faulty, parameters).reason
    assert all(words in reason for words in ("more accuracy", "integer kernels", "not one to ship"))


def test_a_variant_without_integers_has_no_kernels_to_be_compared(parameters):
    check = judge("fp16", replace(FOUND, kernels=None, errors={}), parameters)
    assert check.published
    assert (check.kernels, check.tried) == (None, {})
    assert "calibrated" not in check.reason
