import pytest

from mnist_resnet.comparison.compared_steps import StageComparison, compare_stages
from mnist_resnet.provenance.steps import STAGES
from tests.made_record import change, made_record

STAGES_OF_RUN = made_record()["namespaces"]["made"]


def only_difference(path: str, value: object) -> StageComparison:
    compared = compare_stages(STAGES_OF_RUN, change({"made": STAGES_OF_RUN}, f"made/{path}", value)["made"])
    (different,) = [stage for stage in compared if stage.status == "different"]
    return different


def test_equal_runs_are_equal_in_each_stage_of_the_flow():
    compared = compare_stages(STAGES_OF_RUN, made_record()["namespaces"]["made"])
    assert [stage.stage for stage in compared] == list(STAGES)
    assert {stage.status for stage in compared} == {"equal"}


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
        ("export/graph", "cccc", "export", "the graph"),
        ("export/initializers", "cccc", "export", "the weights; the graph is the same"),
        ("probabilities/sha256", "cccc", "probabilities", "not bit for bit the same"),
        ("metrics/test_loss", 0.25, "metrics", "test_loss 0.3 → 0.25"),
    ],
)
def test_what_differs_is_named(path, value, label, detail):
    different = only_difference(path, value)
    assert different.label == label
    assert detail in different.detail


def test_the_first_epoch_that_differs_is_named():
    changed = change({"made": STAGES_OF_RUN}, "made/epochs", {str(k): {"train_loss": k} for k in range(1, 12)})["made"]
    ten_epochs = change({"made": changed}, "made/epochs/10", {"train_loss": 0.0})["made"]
    (different,) = [stage for stage in compare_stages(changed, ten_epochs) if stage.status == "different"]
    assert different.label == "epoch 10"
    both = change({"made": ten_epochs}, "made/epochs/2", {"train_loss": 0.0})["made"]
    (different,) = [stage for stage in compare_stages(changed, both) if stage.status == "different"]
    assert different.label == "epoch 2"


def test_a_loss_that_is_no_number_equals_itself():
    nan = change({"made": STAGES_OF_RUN}, "made/metrics/test_loss", float("nan"))["made"]
    again = change({"made": STAGES_OF_RUN}, "made/metrics/test_loss", float("nan"))["made"]
    assert {stage.status for stage in compare_stages(nan, again)} == {"equal"}


@pytest.mark.parametrize("metric", ["p50_batch_1_ms", "images_per_s_batch_32"])
def test_speed_is_not_compared(metric):
    slower = change({"made": STAGES_OF_RUN}, f"made/metrics/{metric}", 1234.0)["made"]
    assert {stage.status for stage in compare_stages(STAGES_OF_RUN, slower)} == {"equal"}


def test_a_run_of_later_stages_alone_is_compared_by_what_it_read():
    later = {name: STAGES_OF_RUN[name] for name in ("raw_data", "export", "probabilities")}
    later["raw_data"] = {"test_images": "aaaa"}
    compared = {stage.stage: stage for stage in compare_stages(STAGES_OF_RUN, later)}
    assert compared["raw_data"].status == "equal"
    assert compared["epochs"].status == "absent"
    assert compared["epochs"].detail == "recorded of the first only"


def test_a_variant_that_both_have_is_compared():
    first = change({"made": STAGES_OF_RUN}, "made/export/model.int8.onnx: graph", "aaaa")["made"]
    second = change({"made": STAGES_OF_RUN}, "made/export/model.int8.onnx: graph", "cccc")["made"]
    different = [stage.detail for stage in compare_stages(first, second) if stage.status == "different"]
    assert different == ["model.int8.onnx: graph"]
    assert {stage.status for stage in compare_stages(first, STAGES_OF_RUN)} == {"equal"}


def test_a_missing_weight_is_a_difference():
    fewer = change({"made": STAGES_OF_RUN}, "made/final_weights", {"stem/kernel": "bbbb"})["made"]
    assert [s.label for s in compare_stages(STAGES_OF_RUN, fewer) if s.status == "different"] == ["final weights"]
