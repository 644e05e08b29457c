"""What a run records of itself: what it made, what was there before, and whether its source stayed as it was."""

import json
from pathlib import Path
from typing import Any

import pytest

from mnist_resnet.hooks.provenance import ProvenanceRecord
from mnist_resnet.hooks.run_context import RunContext
from mnist_resnet.hooks.tracking import Tracking
from mnist_resnet.provenance.package_code import digest_of_code
from mnist_resnet.tracking.run_lookup import find_run


@pytest.fixture
def recorded(context: RunContext, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What is recorded of a run that does something with its record, which may go on from that of another run."""

    def recorded(do: Any, goes_on_from: str = "") -> dict[str, Any]:
        tracking = Tracking(context)
        if goes_on_from:
            earlier = find_run(goes_on_from, tracking.run.uri).provenance()
            monkeypatch.setattr("mnist_resnet.hooks.provenance._recorded_before", lambda _: earlier)
        with ProvenanceRecord(context, tracking.run) as record:
            do(record)
        tracking.leave(None, None, None)
        content = find_run(tracking.run.run_id, tracking.run.uri).artifact("provenance.json")
        assert content is not None
        return {**json.loads(content), "run_id": tracking.run.run_id}

    return recorded


METRICS = {"test_accuracy": 0.9}


def test_what_was_there_before_is_told_apart_from_what_was_made(recorded: Any) -> None:
    made = recorded(lambda record: record.note_saved("mnist.metrics", METRICS))
    found = recorded(lambda record: record.note_loaded("mnist.metrics", METRICS))
    assert (made["found"], found["found"]) == ([], ["mnist.metrics"])
    assert made["namespaces"] == found["namespaces"] == {"mnist": {"metrics": METRICS}}


def test_what_an_earlier_process_of_the_run_has_made_was_not_found(recorded: Any) -> None:
    first = recorded(lambda record: record.note_saved("mnist.metrics", METRICS))
    same = recorded(lambda record: record.note_loaded("mnist.metrics", METRICS), first["run_id"])
    other = recorded(lambda record: record.note_loaded("mnist.metrics", {"test_accuracy": 0.8}), first["run_id"])
    assert (same["found"], other["found"]) == ([], ["mnist.metrics"])


def test_what_an_earlier_process_of_the_run_had_found_was_not_made_by_the_run(recorded: Any) -> None:
    first = recorded(lambda record: record.note_loaded("mnist.metrics", METRICS))
    read, untouched, made = (
        recorded(do, first["run_id"])
        for do in (
            lambda record: record.note_loaded("mnist.metrics", METRICS),
            lambda _: None,
            lambda record: record.note_saved("mnist.metrics", METRICS),
        )
    )
    assert (read["found"], untouched["found"], made["found"]) == (["mnist.metrics"], ["mnist.metrics"], [])


@pytest.mark.parametrize("changed", ["never", "before the run", "while it goes on"])
def test_a_package_that_changes_after_it_was_imported_is_noted(
    recorded: Any, changed: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "package").mkdir()
    module = tmp_path / "package/module.py"
    module.write_text("rate = 1")
    monkeypatch.setattr("mnist_resnet.hooks.provenance.PACKAGE_FOLDER", tmp_path / "package")
    monkeypatch.setattr("mnist_resnet.provenance.package_code._WHEN_IMPORTED", digest_of_code(tmp_path / "package"))
    if changed == "before the run":
        module.write_text("rate = 2")
    record = recorded(lambda _: module.write_text("rate = 2" if changed == "while it goes on" else "rate = 1"))
    assert record["source_changed"] is (changed != "never")
    assert caplog.text.count("the commit of this run is not certain") == (changed != "never")
