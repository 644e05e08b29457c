from dataclasses import replace

import pytest

from mnist_resnet.evaluation.kernels import KernelAgreement
from mnist_resnet.evaluation.providers import CPU_PROVIDER
from mnist_resnet.evaluation.variant_check import VariantCheck, evaluated_by, judge

MEASURED = VariantCheck(
    "int8",
    published=False,
    reason="",
    validation_accuracy=0.914,
    greatest_loss=0.0021,
    calibration_errors={"minmax": 0.0007, "percentile": 0.0006},
    kernels=KernelAgreement(3000, 0.02, 1.0, 0.0),
    size_ratio=0.26,
    speed_ratios={"32": 1.5, "256": 1.25},
)
SLOW = {"32": 1.5, "256": 0.9}


@pytest.fixture
def parameters(variant_parameters):
    return replace(variant_parameters, tolerance=0.005)


def test_a_good_variant_is_published_with_its_figures(parameters):
    reason = (
        "published: it loses at most 0.21 points of accuracy with 95 % confidence (export.variants.tolerance: 0.50), "
        "0.26 of fp32's size, 1.50 of its speed at batch 32, 1.25 of its speed at batch 256"
    )
    assert judge(MEASURED, parameters) == replace(MEASURED, published=True, reason=reason)


def test_a_loss_that_chance_may_hide_is_not_tolerated(parameters):
    check = judge(replace(MEASURED, greatest_loss=0.0051), parameters)
    assert not check.published
    assert check.reason.startswith("not published: it may lose too much accuracy; it loses at most 0.51 points")


@pytest.mark.parametrize(("size", "speeds"), [(1.02, SLOW), (1.0, {"32": 1.0}), (1.02, {"32": 1.004}), (1.5, {})])
def test_what_is_neither_smaller_nor_faster_is_not_published(parameters, size, speeds):
    check = judge(replace(MEASURED, size_ratio=size, speed_ratios=speeds), parameters)
    assert not check.published
    assert check.reason.startswith("not published: it is neither smaller nor measurably faster than fp32; ")
    assert f"{size:.2f} of fp32's size" in check.reason


@pytest.mark.parametrize(("size", "speeds"), [(0.9, SLOW), (1.2, {"32": 1.1})])
def test_what_is_one_of_both_is_published(parameters, size, speeds):
    assert judge(replace(MEASURED, size_ratio=size, speed_ratios=speeds), parameters).published


def test_int8_that_is_slower_than_it_may_be_is_not_published_however_small(parameters):
    check = judge(replace(MEASURED, speed_ratios={"1": 0.99, **SLOW}), replace(parameters, least_speed=1.0))
    assert not check.published
    assert check.reason.startswith(
        "not published: it is too slow on this machine at batch 1 and 256 "
        "(export.variants.least_speed: 1 of fp32's speed); it loses at most 0.21 points of accuracy"
    )


@pytest.mark.parametrize(("least", "speeds"), [(None, SLOW), (0.0, SLOW), (0.9, SLOW), (1.0, {"32": 1.0}), (2.0, {})])
def test_int8_that_is_as_fast_as_it_has_to_be_is_published(parameters, least, speeds):
    assert judge(replace(MEASURED, speed_ratios=speeds), replace(parameters, least_speed=least)).published


@pytest.mark.parametrize(
    ("speeds", "published"),
    [({"1": 0.7, "32": 1.13, "256": 1.17}, True), ({"1": 1.2, "32": 1.13, "256": 1.02}, False), ({"1": 1.2}, False)],
)
def test_gemm_is_published_if_it_is_faster_with_many_images(parameters, speeds, published):
    gemm = replace(MEASURED, name="gemm", kernels=None, size_ratio=1.33, speed_ratios=speeds)
    check = judge(gemm, replace(parameters, least_speed=1.0))
    assert check.published is published
    assert f"{speeds['1']:.2f} of its speed at batch 1" in check.reason


def test_fp16_is_published_for_its_size(parameters):
    fp16 = replace(MEASURED, name="fp16", kernels=None, speed_ratios=SLOW)
    assert judge(fp16, replace(parameters, least_speed=1.0)).published


@pytest.mark.parametrize(
    ("kernels", "published"),
    [
        (KernelAgreement(3000, 0.05, 0.999, 0.05), True),
        (KernelAgreement(3000, 0.06, 1.0, 0.0), False),
        (KernelAgreement(3000, 0.04, 0.999, 0.07), False),
    ],
)
def test_kernels_may_not_change_answers_that_are_not_borderline(parameters, kernels, published):
    check = judge(replace(MEASURED, kernels=kernels), parameters)
    assert check.published is published
    assert ("integer kernels" in check.reason) is not published


def test_every_fault_is_named(parameters):
    faulty = replace(
        MEASURED,
        greatest_loss=0.04,
        size_ratio=1.1,
        speed_ratios=SLOW,
        kernels=KernelAgreement(3000, 0.4, 0.9, 0.4),
    )
    reason = judge(faulty, parameters).reason
    assert all(words in reason for words in ("too much accuracy", "integer kernels", "neither smaller"))
    assert "change 10.00% of the classes, and probabilities by up to 0.400" in reason


def test_a_variant_without_integers_has_no_kernels_to_be_compared(parameters):
    assert judge(replace(MEASURED, name="fp16", kernels=None), parameters).published


@pytest.mark.parametrize("name", ["int8", "gemm"])
def test_what_is_meant_for_processors_is_evaluated_there_and_fp16_as_asked_for(evaluation_parameters, name):
    asked = replace(evaluation_parameters, providers=("CUDAExecutionProvider", CPU_PROVIDER), require_gpu=True)
    assert evaluated_by("fp16", asked) == asked
    cpu_first = replace(asked, providers=(CPU_PROVIDER, "CUDAExecutionProvider"), require_gpu=False)
    assert evaluated_by("fp16", cpu_first).providers == asked.providers
    assert evaluated_by("fp16", replace(asked, providers=(CPU_PROVIDER,))).providers == (CPU_PROVIDER,)
    assert evaluated_by(name, asked) == replace(asked, providers=(CPU_PROVIDER,), require_gpu=False)
