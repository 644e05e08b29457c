import pytest

from mnist_resnet.comparison.compared_steps import StepComparison, compare_steps
from mnist_resnet.provenance.steps import STEPS
from tests.made_record import change, made_record

RECORDED = made_record()["namespaces"]["made"]


def statuses(first: dict, second: dict) -> set[str]:
    return {step.status for step in compare_steps(first, second)}


def only_difference(first: dict, second: dict) -> StepComparison:
    (different,) = [step for step in compare_steps(first, second) if step.status == "different"]
    return different


def test_equal_runs_are_equal_in_each_step_of_the_flow():
    compared = compare_steps(RECORDED, made_record()["namespaces"]["made"])
    assert [step.name for step in compared] == list(STEPS)
    assert {step.status for step in compared} == {"equal"}


@pytest.mark.parametrize(
    ("path", "value", "label", "detail"),
    [
        ("raw_data/test_images", "cccc", "raw data", "test_images"),
        ("split/train_labels", "cccc", "split", "train_labels"),
        ("prepared_data/mean", 34.0, "prepared data", "mean 33 → 34"),
        ("initial_weights/stem~kernel", "cccc", "initial weights", "1 of 3 tensors, such as stem~kernel"),
        ("epochs/2", {"train_loss": 0.75}, "epoch 2", "train_loss 0.4 → 0.75"),
        ("epochs/3", {"train_loss": 0.75}, "epoch 3", "2 epochs in the first, 3 in the second"),
        ("final_weights/stem~kernel", "cccc", "final weights", "1 of 3 tensors, such as stem~kernel"),
        ("final_weights", {"stem/kernel": "bbbb"}, "final weights", "1 of 2 tensors, such as head/kernel"),
        ("export/graph", "cccc", "export", "the graph"),
        ("export/initializers", "cccc", "export", "the weights; the graph is the same"),
        ("probabilities/sha256", "cccc", "probabilities", "not bit for bit the same"),
        ("metrics/test_loss", 0.25, "metrics", "test_loss 0.3 → 0.25"),
    ],
)
def test_what_differs_is_named(path, value, label, detail):
    different = only_difference(RECORDED, change(RECORDED, path, value))
    assert different.label == label
    assert detail in different.detail


def test_the_first_epoch_that_differs_is_named():
    whole = change(RECORDED, "epochs", {str(epoch): {"train_loss": epoch} for epoch in range(1, 12)})
    tenth = change(whole, "epochs/10", {"train_loss": 0.0})
    assert only_difference(whole, tenth).label == "epoch 10"
    assert only_difference(whole, change(tenth, "epochs/2", {"train_loss": 0.0})).label == "epoch 2"


def test_a_loss_that_is_no_number_equals_itself():
    first, second = (change(RECORDED, "metrics/test_loss", float("nan")) for _ in range(2))
    assert statuses(first, second) == {"equal"}


@pytest.mark.parametrize("metric", ["p50_batch_1_ms", "images_per_s_batch_32"])
def test_speed_is_not_compared(metric):
    assert statuses(RECORDED, change(RECORDED, f"metrics/{metric}", 1234.0)) == {"equal"}


def test_a_run_of_later_steps_alone_is_compared_by_what_it_read():
    later = {"raw_data": {"test_images": "aaaa"}, "export": RECORDED["export"]}
    compared = {step.name: step for step in compare_steps(RECORDED, later)}
    assert compared["raw_data"].status == "equal"
    assert (compared["epochs"].status, compared["epochs"].detail) == ("absent", "recorded of the first only")


def test_a_variant_that_both_have_is_compared():
    first, second = (change(RECORDED, "export/model.int8.onnx: graph", digest) for digest in ("aaaa", "cccc"))
    assert only_difference(first, second).detail == "model.int8.onnx: graph"
    assert statuses(first, RECORDED) == {"equal"}


def test_a_variant_that_only_one_run_published_is_no_difference():
    """Whether one is published may depend on the speed of the machine at that hour."""
    published = change(change(RECORDED, "export/model.int8.onnx: graph", "aaaa"), "metrics/int8_test_accuracy", 0.9)
    assert statuses(published, RECORDED) == statuses(RECORDED, published) == {"equal"}
