import os
import time

import mlflow
import pytest
import sqlalchemy
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from mnist_resnet.tracking.store.availability import bounded_requests, is_away, retry_while_away
from tests.tracking.servers import free_port, silent_server


def failure_of(question) -> Exception:
    with pytest.raises(Exception) as failed:  # noqa: PT011  # of whatever type
        question()
    return failed.value


def test_a_server_that_is_not_there_is_away_at_once():
    started = time.monotonic()
    with bounded_requests(5, ""):
        error = failure_of(MlflowClient(f"http://127.0.0.1:{free_port()}").search_experiments)
    assert is_away(error)
    assert time.monotonic() - started < 4


def test_a_server_that_does_not_answer_is_away_after_the_time_given():
    started = time.monotonic()
    with silent_server() as uri, bounded_requests(1, uri):
        assert is_away(failure_of(MlflowClient(uri).search_experiments))
    assert 1 <= time.monotonic() - started < 4


def test_a_database_that_cannot_be_read_is_away(project, store):
    (project / "mlflow.db").write_bytes(b"no database" * 1000)
    assert is_away(failure_of(lambda: MlflowClient(store).search_experiments()))


def test_a_wrong_question_is_no_absence(store):
    client = MlflowClient(store)
    for question in (
        lambda: client.get_run("0" * 32),
        lambda: client.log_metric("0" * 32, "accuracy", 0.5),
        lambda: client.create_experiment("Default"),
        lambda: int("seven"),
    ):
        assert not is_away(failure_of(question))


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (ConnectionResetError(), True),
        (sqlalchemy.exc.OperationalError("SELECT", {}, Exception("disk full")), True),
        (MlflowException("busy", error_code=mlflow.protos.databricks_pb2.REQUEST_LIMIT_EXCEEDED), True),
        (MlflowException("token", error_code=mlflow.protos.databricks_pb2.UNAUTHENTICATED), True),
        (MlflowException("too long", error_code=mlflow.protos.databricks_pb2.INVALID_PARAMETER_VALUE), False),
        (KeyError("name"), False),
    ],
)
def test_kinds_of_failure(error, away):
    assert is_away(error) is away
    wrapped = LookupError()
    wrapped.__cause__ = error
    assert is_away(wrapped) is away


@pytest.mark.parametrize(("failures", "patience", "asked"), [(2, 5, 3), (9, 1.0, 2), (9, 0, 1)])
def test_what_is_back_in_time_is_asked_again_and_what_is_not_is_given_up(monkeypatch, failures, patience, asked):
    monkeypatch.setattr("mnist_resnet.tracking.store.availability.PATIENCE", patience)
    asking = []

    def question() -> str:
        asking.append(None)
        if len(asking) <= failures:
            raise ConnectionError
        return "here"

    if asked > failures:
        assert retry_while_away(question) == "here"
    else:
        with pytest.raises(ConnectionError):
            retry_while_away(question)
    assert len(asking) == asked


def test_what_the_user_has_set_stays_and_what_mlflow_sets_goes(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "4")
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_TIMEOUT", raising=False)
    before = dict(os.environ)
    with bounded_requests(7, "http://user:secret@here"):
        assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "4"
        assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "7"
        assert os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] == "true"
        os.environ["MLFLOW_TRACKING_URI"] = "sqlite:///elsewhere.db"
    assert dict(os.environ) == before
