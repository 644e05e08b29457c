import json

import pytest

from mnist_resnet.comparison.record import UndecidableError, check_record
from mnist_resnet.comparison.verdict import compare_runs
from mnist_resnet.errors import UserError
from mnist_resnet.provenance.steps import STAGES
from mnist_resnet.reproduce.options import preparing_options, run_options
from tests.made_record import Record, change

STAGE = "namespaces/made/"


def test_a_whole_record_is_let_through_as_it_is(record: Record) -> None:
    assert tuple(record["namespaces"]["made"]) == STAGES
    assert check_record(record, "the run") is record


def test_what_another_version_has_added_is_let_through(record: Record) -> None:
    for path in ("new", "environment/new", f"{STAGE}new", f"{STAGE}probabilities/new"):
        record = change(record, path, {"anything": 1})
    assert check_record(record, "the run") is record


def test_a_record_from_before_the_catalog_was_recorded_can_be_compared_and_repeated(record: Record) -> None:
    assert "catalog" not in record
    later = change(record, "catalog", {"made.onnx": {"type": "mnist_resnet.datasets.OnnxDataset"}})
    earlier = check_record(record, "the earlier run")
    assert compare_runs(earlier, check_record(later, "the later run")).level.name == "BITWISE"
    assert run_options(earlier, "an experiment")["pipelines"] == "training"
    assert preparing_options(earlier) is None


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("schema", 2, r"the run: its provenance has schema 2, and this version reads 1"),
        ("schema", None, r"has schema None"),
        ("status", "FAILED", r"the run did not finish: its status is FAILED"),
        ("status", "RUNNING", r"its status is RUNNING"),
    ],
)
def test_what_nothing_can_be_told_from_is_refused_with_the_reason(
    record: Record, path: str, value: object, reason: str
) -> None:
    with pytest.raises(UndecidableError, match=reason):
        check_record(change(record, path, value), "the run")


@pytest.mark.parametrize(
    "path",
    [
        "environment",
        "parameters/datasets",
        "run/pipeline_names",
        "run/runtime_params",
        "environment/packages",
        "environment/usable_cores",
        "source/commit",
        "source/patch",
        f"{STAGE}probabilities/images",
    ],
)
def test_what_a_damaged_record_lacks_is_named(record: Record, path: str) -> None:
    *folders, name = path.split("/")
    place = record
    for folder in folders:
        place = place[folder]
    del place[name]
    with pytest.raises(UndecidableError, match="the run: its provenance is damaged: ") as refused:
        check_record(record, "the run")
    assert "lacks" in str(refused.value)
    assert name in str(refused.value)
    assert isinstance(refused.value, UserError)


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        ("environment", [], "environment: received '[]'"),
        ("environment/cores", "two", "environment.cores: received 'two'"),
        ("environment/gpus", [{"name": "A GPU"}], "environment.gpus.0.driver"),
        ("environment/packages", {"numpy": None}, "environment.packages.numpy: received 'None'"),
        ("parameters/made", {"training": True}, "parameters: made is no set of nested parameters"),
        ("source/dirty", "no", "source.dirty: received 'no'"),
        ("namespaces/made", None, "namespaces.made: received 'None'"),
        (f"{STAGE}raw_data/test_images", 7, "namespaces.made.raw_data.test_images: received '7'"),
        (f"{STAGE}epochs", {"first": {}}, "namespaces.made.epochs.first"),
        (f"{STAGE}metrics/test_accuracy", "high", "namespaces.made.metrics.test_accuracy: received 'high'"),
    ],
)
def test_a_value_of_the_wrong_type_is_named(record: Record, path: str, value: object, key: str) -> None:
    with pytest.raises(UndecidableError, match="its provenance is damaged") as refused:
        check_record(change(record, path, value), "the run")
    assert key in str(refused.value)


def test_many_faults_are_counted(record: Record) -> None:
    many = {str(number): None for number in range(10)}
    with pytest.raises(UndecidableError, match=r"and 4 more$"):
        check_record(change(record, "environment/packages", many), "the run")


def test_losses_that_are_no_numbers_are_no_damage(record: Record) -> None:
    text = json.dumps(change(record, f"{STAGE}metrics/test_loss", float("nan")))
    assert check_record(json.loads(text), "the run")
