import io
import json

import numpy as np
import pytest
from mlflow import MlflowClient

from mnist_resnet.errors import UserError
from mnist_resnet.provenance.reading import ProvenanceError
from mnist_resnet.storage.digests import digest_of_array
from mnist_resnet.tracking.run_lookup import RecordedRunError, find_run
from mnist_resnet.tracking.store.remedies import TrackingUnavailableError
from tests.made_record import made, made_record
from tests.tracking.recordings import record
from tests.tracking.servers import free_port

PROBABILITIES = "made/test_probabilities.npy"


def test_a_run_is_found_by_its_identifier_the_beginning_of_it_or_its_name(project, store):
    run_id = record(project, name="the first").run_id
    record(project, name="the second")
    for wanted in (run_id, run_id[:12], "the first"):
        run = find_run(wanted, store)
        assert (run.run_id, run.name, run.status) == (run_id, "the first", "FINISHED")
    assert run.in_words().startswith(f"run {run_id[:8]} (the first, 20")


def test_a_name_of_several_runs_is_refused_with_their_identifiers(project, store):
    first, second = (record(project).run_id for _ in range(2))
    with pytest.raises(RecordedRunError, match="which matches 2 runs") as refused:
        find_run("a run", store)
    assert first in str(refused.value)
    assert second in str(refused.value)
    assert find_run(first, store).run_id == first


@pytest.mark.parametrize("wanted", ["another", "", "%"])
def test_a_run_that_is_not_there_is_refused_by_name(project, store, wanted):
    record(project)
    with pytest.raises(RecordedRunError, match=f"^run: received '{wanted}', but .* has no run") as refused:
        find_run(wanted, store)
    assert isinstance(refused.value, UserError)


def test_what_was_recorded_is_read(project, store):
    probabilities = np.array([[0.25, 0.75]], np.float32)
    np.save(array := io.BytesIO(), probabilities)
    provenance = json.dumps(made_record()).encode()
    record(project, {"provenance.json": provenance, PROBABILITIES: array.getvalue()})
    run = find_run("a run", store)
    assert run.provenance() == made()
    read = run.probabilities({"made": digest_of_array(probabilities), "other": ""})
    assert read.keys() == {"made"}
    np.testing.assert_array_equal(read["made"], probabilities)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, r"has no provenance\.json"),
        ({"provenance.json": b"{"}, r"its provenance\.json is damaged"),
        ({"provenance.json": b"[]"}, r"its provenance\.json is damaged: it is not a JSON object"),
    ],
)
def test_a_run_without_a_readable_provenance_is_refused(project, store, files, reason):
    record(project, files)
    with pytest.raises((RecordedRunError, ProvenanceError), match=reason):
        find_run("a run", store).provenance()


def test_files_that_cannot_be_fetched_are_not_taken_for_missing(store):
    client = MlflowClient(store)
    experiment = client.create_experiment(
        "elsewhere", f"http://127.0.0.1:{free_port()}/api/2.0/mlflow-artifacts/artifacts/x"
    )
    run = find_run(client.create_run(experiment).info.run_id, store)
    for read in (run.provenance, run.patch, lambda: run.probabilities({"made": ""})):
        with pytest.raises(TrackingUnavailableError, match="cannot be used: API request to http"):
            read()


@pytest.mark.parametrize("content", [b"", b"no array"])
def test_damaged_probabilities_are_refused(project, store, content):
    record(project, {PROBABILITIES: content})
    with pytest.raises(RecordedRunError, match=r"its made/test_probabilities\.npy is damaged"):
        find_run("a run", store).probabilities({"made": ""})


def test_probabilities_that_are_not_the_recorded_ones_are_refused(project, store):
    np.save(array := io.BytesIO(), np.array([[0.25, 0.75]], np.float32))
    record(project, {PROBABILITIES: array.getvalue()})
    with pytest.raises(RecordedRunError, match=r"made/test_probabilities\.npy was changed in MLflow's store"):
        find_run("a run", store).probabilities({"made": digest_of_array(np.array([[0.5, 0.5]], np.float32))})


def test_a_store_that_is_away_is_named_without_its_credentials():
    address = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(TrackingUnavailableError, match=f"^MLflow's store {address} cannot be used: ") as refused:
        find_run("3f2a", address.replace("//", "//somebody:hunter2@"))
    assert "hunter2" not in str(refused.value)
