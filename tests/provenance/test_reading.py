import json

import pytest

from mnist_resnet.errors import UserError
from mnist_resnet.provenance.reading import ProvenanceError, read_provenance
from mnist_resnet.provenance.steps import STEPS
from tests.made_record import change, made, made_record, read

STEP = "namespaces/made/"


def refusal(path: str, value: object) -> str:
    """Why a record with a changed value is refused."""
    with pytest.raises(ProvenanceError) as refused:
        made((path, value))
    assert isinstance(refused.value, UserError)
    return str(refused.value)


def test_all_of_a_record_is_read_and_written_as_it_was():
    record = made_record()
    assert list(record["namespaces"]["made"]) == list(STEPS)
    written = json.loads(read(record).as_json("FINISHED"))
    assert record["run"].items() <= written["run"].items()
    assert record.items() <= (written | {name: record[name] for name in ("run", "ended")}).items()


def test_what_another_version_has_added_is_let_through():
    record = made_record()
    for path in ("new", "environment/new", f"{STEP}new", f"{STEP}probabilities/new"):
        record = change(record, path, {"anything": 1})
    assert read(record).environment == made().environment


def test_losses_that_are_no_numbers_are_no_damage():
    assert made((f"{STEP}metrics/test_loss", float("nan")))


@pytest.mark.parametrize(
    ("text", "reason"),
    [(b"{", "it is not a JSON object"), (b"[]", "it is not a JSON object"), (b"", "it is not a JSON object")],
)
def test_what_is_no_record_is_refused(text, reason):
    with pytest.raises(ProvenanceError, match=rf"^the run: its provenance\.json is damaged: {reason}"):
        read_provenance(text, "the run")


@pytest.mark.parametrize(("schema", "words"), [(2, "2"), (None, "None"), (..., "None")])
def test_another_schema_is_refused(schema, words):
    reason = refusal("schema", schema)
    assert reason.startswith(f"the run: its provenance.json has schema {words}, and this version reads 1")


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("environment", ..., "environment is missing"),
        ("precision", ..., "precision is missing"),
        ("parameters/datasets", ..., "datasets is missing"),
        ("run/pipeline_names", ..., "run.pipeline_names is missing"),
        ("run/runtime_params", ..., "run.runtime_params is missing"),
        ("environment/packages", ..., "environment.packages is missing"),
        ("environment/usable_cores", ..., "environment.usable_cores is missing"),
        ("source/commit", ..., "source.commit is missing"),
        ("source/patch", ..., "source.patch is missing"),
        (f"{STEP}probabilities/images", ..., "namespaces.made.probabilities.images is missing"),
        ("status", "lost", "status: received 'lost'"),
        ("environment", [], "environment: received '[]'"),
        ("environment/cores", "two", "environment.cores: received 'two'"),
        ("environment/gpus", [{"name": "A GPU"}], "environment.gpus.0.driver"),
        ("environment/packages", {"numpy": None}, "environment.packages.numpy: received 'None'"),
        ("parameters/made", {"training": True}, "parameters: made is no set of nested parameters"),
        ("source/dirty", "no", "source.dirty: received 'no'"),
        ("namespaces/made", None, "namespaces.made: received 'None'"),
        (f"{STEP}raw_data/test_images", 7, "namespaces.made.raw_data.test_images: received '7'"),
        (f"{STEP}epochs", {"first": {}}, "namespaces.made.epochs.first"),
        (f"{STEP}metrics/test_accuracy", "high", "namespaces.made.metrics.test_accuracy: received 'high'"),
        ("environment/packages", {str(number): None for number in range(10)}, "and 4 more"),
    ],
)
def test_what_a_damaged_record_lacks_or_has_of_another_type_is_named(path, value, fault):
    reason = refusal(path, value)
    assert reason.startswith("the run: its provenance.json is damaged: ")
    assert fault in reason


def test_all_faults_are_named_at_once():
    record = change(change(made_record(), "environment/cores", "two"), "source/commit", ...)
    with pytest.raises(ProvenanceError, match=r"environment\.cores.*; source\.commit is missing"):
        read(record)
