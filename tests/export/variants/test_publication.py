"""The publication of variants; the judgement of one is tested with ``variant_check``."""

from dataclasses import replace

import numpy as np
import pytest

from mnist_resnet.evaluation.cuda import CUDA_PROVIDER, cuda_obstacle
from mnist_resnet.evaluation.kernels import KernelAgreement
from mnist_resnet.evaluation.paired import Paired
from mnist_resnet.export.variants import VariantInputs, gemm, int8, publication, select_variants
from tests.made_gpu import CPU_PROVIDER, play_gpu
from tests.made_model import halves_model

BATCH_SIZES = (1, 8)


def only(name: str, material: VariantInputs, **changes) -> VariantInputs:
    return replace(material, parameters=replace(material.parameters, names=(name,), **changes))


def test_variants_are_made_and_judged(material):
    files, (int8, fp16, gemm) = select_variants(material, BATCH_SIZES)
    assert (int8.name, int8.validation_accuracy) == ("int8", 1.0)
    assert int8.greatest_loss == Paired(60, 0, 0).greatest_loss()
    assert set(int8.calibration_errors) == {"minmax", "percentile"}
    assert int8.kernels.images == 60
    assert int8.size_ratio > 0
    assert list(int8.speed_ratios) == ["1", "8"]
    assert list(files) == (["model.int8.onnx"] if int8.published else [])
    assert (fp16.name, fp16.published, fp16.validation_accuracy, fp16.size_ratio) == ("fp16", False, None, None)
    assert fp16.reason == (f"not evaluated: it is meant for a GPU, and evaluation.providers has no {CUDA_PROVIDER}")
    assert gemm.reason == "not evaluated: no convolution of this network has a kernel larger than its image"


def test_what_kernels_cut_is_not_published(material, monkeypatch):
    """Accurate enough on this processor, and another classifier on the next."""
    cut = KernelAgreement(images=60, max_abs_diff=0.38, same_class=59 / 60, widest_change=0.3)
    monkeypatch.setattr(int8, "compare_kernels", lambda *_: cut)
    files, (check,) = select_variants(only("int8", material), BATCH_SIZES)
    assert files == {}
    assert check.kernels == cut
    assert "change 1.67% of the classes, and probabilities by up to 0.380" in check.reason


def test_int8_that_is_slower_than_fp32_is_not_published(material, monkeypatch):
    monkeypatch.setattr(int8, "compare_kernels", lambda *_: KernelAgreement(60, 0.0, 1.0, 0.0))
    monkeypatch.setattr(publication, "relative_speeds", lambda *_: {"int8": {"1": 1.09, "8": 0.88}})
    files, (check,) = select_variants(only("int8", material, least_speed=1.0), BATCH_SIZES)
    assert (files, check.published, check.speed_ratios) == ({}, False, {"1": 1.09, "8": 0.88})
    assert "it is too slow on this machine at batch 8 (export.variants.least_speed: 1 of fp32's speed)" in check.reason


def test_all_variants_of_a_provider_are_timed_beside_one_float32(material, monkeypatch):
    timed = []

    def speeds(sessions, *_):
        timed.append([*sessions])
        return {name: {"8": 2.0} for name in sessions}

    monkeypatch.setattr(gemm, "multiply_small_images", lambda content: content)
    monkeypatch.setattr(publication, "relative_speeds", speeds)
    _, checks = select_variants(material, BATCH_SIZES)
    assert [check.name for check in checks] == ["int8", "fp16", "gemm"]
    assert timed == [["int8", "gemm"]]


@pytest.mark.parametrize(("speeds", "published"), [({"1": 0.73, "8": 1.26}, True), ({"1": 0.73, "8": 1.02}, False)])
def test_gemm_that_is_faster_with_many_images_is_published(material, monkeypatch, speeds, published):
    monkeypatch.setattr(gemm, "multiply_small_images", lambda content: content)
    monkeypatch.setattr(publication, "relative_speeds", lambda *_: {"gemm": speeds})
    files, (check,) = select_variants(only("gemm", material, least_speed=1.0), BATCH_SIZES)
    assert check.published is published
    assert list(files) == ["model.gemm.onnx"] * published
    assert (check.validation_accuracy, check.kernels, check.calibration_errors) == (1.0, None, {})


def test_kernels_are_compared_for_the_file_that_is_published(material, monkeypatch):
    compared = []
    agreement = KernelAgreement(60, 0.0, 1.0, 0.0)
    monkeypatch.setattr(int8, "to_int8", lambda onnx_model, images, method: halves_model({"made": method}))
    monkeypatch.setattr(int8, "compare_kernels", lambda content, *_: compared.append(content) or agreement)
    monkeypatch.setattr(publication, "relative_speeds", lambda *_: {"int8": {"8": 2.0}})
    files, (check,) = select_variants(only("int8", material), BATCH_SIZES)
    assert check.published
    errors = check.calibration_errors
    assert list(files.values()) == compared == [halves_model({"made": min(errors, key=errors.get)})]


def asking_for_cuda(material: VariantInputs, **changes) -> VariantInputs:
    providers = [CUDA_PROVIDER, CPU_PROVIDER]
    return replace(material, validation=replace(material.validation, providers=providers, **changes))


@pytest.fixture
def nothing_remembered():
    yield
    cuda_obstacle.cache_clear()


@pytest.mark.usefixtures("nothing_remembered")
def test_fp16_is_judged_by_cuda_alone(material, monkeypatch):
    opened = play_gpu(monkeypatch)
    monkeypatch.setattr(publication, "relative_speeds", lambda *_: {"fp16": {"8": 2.0}})
    files, (check,) = select_variants(only("fp16", asking_for_cuda(material)), BATCH_SIZES)
    assert list(files) == ["model.fp16.onnx"]
    assert (check.published, check.validation_accuracy, check.kernels) == (True, 1.0, None)
    assert {content for content, _ in opened} >= {material.onnx_model, files["model.fp16.onnx"]}
    assert {tuple(providers) for _, providers in opened} == {(CUDA_PROVIDER,)}


@pytest.mark.usefixtures("nothing_remembered")
def test_fp16_is_not_judged_by_the_processor_where_onnxruntime_goes_on_without_cuda(material, monkeypatch):
    """With a driver that loads and a library that does not."""
    play_gpu(monkeypatch, computes=False)
    files, (check,) = select_variants(only("fp16", asking_for_cuda(material)), BATCH_SIZES)
    assert (files, check.published, check.validation_accuracy) == ({}, False, None)
    assert check.reason.startswith("not evaluated: it is meant for a GPU; ")
    assert "onnxruntime left it out without a reason" in check.reason


@pytest.mark.usefixtures("nothing_remembered")
def test_int8_is_judged_by_the_processor_alone_where_there_is_a_gpu(material, monkeypatch):
    opened = play_gpu(monkeypatch)
    _, (check,) = select_variants(only("int8", asking_for_cuda(material, require_gpu=True)), BATCH_SIZES)
    assert check.validation_accuracy == 1.0
    assert list(check.speed_ratios) == ["1", "8"]
    assert material.onnx_model in {content for content, _ in opened}
    assert {tuple(providers) for content, providers in opened if isinstance(content, bytes)} == {(CPU_PROVIDER,)}


@pytest.fixture
def nothing_made(monkeypatch):
    monkeypatch.setattr(int8, "to_int8", None)


@pytest.mark.usefixtures("nothing_made")
def test_without_validation_images_nothing_is_made(material):
    nothing = replace(material.validation, images=np.empty((0, 8, 8), np.uint8), labels=np.empty(0, np.uint8))
    files, checks = select_variants(replace(material, validation=nothing), BATCH_SIZES)
    assert files == {}
    assert [(check.name, check.published) for check in checks] == [("int8", False), ("fp16", False), ("gemm", False)]
    assert all("no validation images" in check.reason for check in checks)


@pytest.mark.usefixtures("nothing_made")
def test_too_few_validation_images_are_said_to_be_and_nothing_is_made(material):
    files, (check,) = select_variants(only("int8", material, tolerance=0.005), BATCH_SIZES)
    assert files == {}
    assert check.reason == (
        "not evaluated: 60 validation images are too few to show that it loses at most 0.50 points "
        "(export.variants.tolerance); 539 are the least"
    )
