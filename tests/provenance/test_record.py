import json
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from mnist_resnet.config import validate_parameters
from mnist_resnet.provenance.patch import Patch
from mnist_resnet.provenance.record import Provenance, RunArguments, resolved_parameters
from mnist_resnet.provenance.source import Source
from tests.made_record import made

RUN_PARAMS = {
    "run_id": "2026-11-23",
    "project_path": "/somewhere",
    "env": "smoke",
    "kedro_version": "1.7.0",
    "tags": None,
    "from_nodes": [],
    "to_nodes": None,
    "node_names": (),
    "from_inputs": None,
    "to_outputs": None,
    "load_versions": {},
    "runtime_params": {"mnist": {"training": {"seed": 1}}},
    "pipeline_names": ["data", "train"],
    "namespaces": ["mnist"],
    "runner": "SequentialRunner",
    "only_missing_outputs": False,
}
PATCH = Patch(file="uncommitted.patch", sha256="00" * 32, size=4, left_out=(), content=b"diff")
EDITED = Source("c0ffee", True, PATCH)


def written(provenance: Provenance, status: Any = "RUNNING") -> dict[str, Any]:
    return json.loads(provenance.as_json(status))


def test_the_record_has_all_fields_of_its_schema_in_their_order():
    record = written(made())
    fields = "schema status started ended run parameters environment backends source source_missing_because"
    of_steps = ["precision", "training_devices", "resumed_epochs", "found", "namespaces"]
    assert list(record) == [*fields.split(), "source_changed", "catalog", *of_steps]
    asked = "command env pipeline_names namespaces runtime_params tags node_names from_nodes to_nodes from_inputs"
    assert list(record["run"]) == [*asked.split(), "to_outputs", "only_missing_outputs"]
    assert (record["schema"], record["status"], record["ended"]) == (1, "RUNNING", None)


def test_the_end_is_noted():
    record = written(made(), "FAILED")
    assert record["status"] == "FAILED"
    assert datetime.fromisoformat(record["ended"]) > datetime.fromisoformat(record["started"])


def test_what_was_asked_for_is_there_and_no_path_of_the_machine():
    asked = made()
    asked.run = RunArguments.of(RUN_PARAMS, ["run", "--env", "smoke"])
    run = written(asked)["run"]
    kept = ("env", "pipeline_names", "namespaces", "runtime_params", "only_missing_outputs")
    assert {name: run[name] for name in kept} == {name: RUN_PARAMS[name] for name in kept}
    assert run["command"] == ["run", "--env", "smoke"]
    assert run["tags"] == run["from_nodes"] == []
    assert "/somewhere" not in asked.as_json("RUNNING")


def test_parameters_are_those_of_the_namespaces_in_the_run(raw_parameters):
    parameters = resolved_parameters(validate_parameters(raw_parameters), ["mnist"])
    assert parameters["mnist"]["training"]["seed"] == 0
    assert parameters["datasets"]["mnist"]["class_names"][3] == "3"
    assert "fashion_mnist" not in parameters


@pytest.mark.parametrize(("content", "file"), [(b"diff", "uncommitted.patch"), (None, None)])
def test_a_patch_is_described_and_its_text_kept_apart(content, file):
    patch = {"file": file, "sha256": "00", "size": 4, "left_out": [".env"]}
    dirty = made()
    dirty.source = Source("c0ffee", dirty=True, patch=Patch(**patch, content=content))
    assert written(dirty)["source"] == {"commit": "c0ffee", "dirty": True, "patch": patch}


def test_values_of_a_step_are_added_to_those_there():
    begun = made(("namespaces", {"made": {}}))
    for values in ({"train_images": "00"}, {"train_labels": "11"}, {"train_images": "22"}):
        begun.add("made", "split", values)
    assert written(begun)["namespaces"] == {"made": {"split": {"train_images": "22", "train_labels": "11"}}}


def test_pipelines_are_recorded_in_the_order_of_the_flow_however_kedro_gives_them():
    names = ["evaluate", "data", "mine", "export", "train", "also"]
    expected = ("data", "train", "export", "evaluate", "also", "mine")
    for given in (names, names[::-1], set(names)):
        assert RunArguments.of({"pipeline_names": given}, []).pipeline_names == expected


def test_a_run_goes_on_from_what_its_earlier_process_has_recorded():
    later, earlier = made(), made()
    later.precision, later.training_devices, later.namespaces = {}, {}, {"made": {}}
    earlier.resumed_epochs, earlier.found = {"made": 3}, ["made.train_images", "another.train_images"]
    later.go_on_from(earlier)
    assert (later.resumed_epochs, later.found) == ({"made": 3}, ["made.train_images"])
    assert not later.source_changed
    assert (later.precision, later.training_devices) == (earlier.precision, earlier.training_devices)
    assert later.namespaces == earlier.namespaces


@pytest.mark.parametrize(
    ("earlier", "later", "changed"),
    [
        (Source("c0ffee", False, None), Source("c0ffee", False, None), False),
        (Source("c0ffee", False, None), Source("decade", False, None), True),
        (EDITED, Source("c0ffee", False, None), True),
        (EDITED, replace(EDITED, patch=replace(PATCH, content=None)), False),  # as it is read from a record
        (Source("c0ffee", True, None), Source("c0ffee", True, None), True),  # nothing is known of the changes
        (None, None, False),
    ],
)
def test_a_source_that_changed_between_two_processes_of_a_run_is_noted(
    earlier: Source | None, later: Source | None, changed: bool
) -> None:
    first, second = made(), made()
    first.source, second.source, second.namespaces = earlier, later, {"made": {}}
    second.go_on_from(first)
    assert second.source_changed is changed


def test_a_source_that_changed_before_stays_noted() -> None:
    first, second = made(), made()
    first.source_changed = True
    second.go_on_from(first)
    assert second.source_changed


@pytest.mark.parametrize("other", ["another", "made"])
def test_nothing_is_taken_over_of_another_data_set_or_by_other_parameters(other: str):
    later, earlier = made(("parameters/made/training/seed", 1)), made()
    later.namespaces, later.precision = {"made": {}}, {}
    earlier.parameters[other] = earlier.parameters["made"]
    earlier.namespaces = {other: earlier.namespaces["made"]}
    later.go_on_from(earlier)
    assert (later.namespaces, later.precision) == ({"made": {}}, {})


def test_a_training_that_begins_again_forgets_what_was_made_from_the_last_one():
    record = made()
    record.forget_training("made")
    assert set(record.namespaces["made"]) == {"raw_data", "split", "prepared_data"}
