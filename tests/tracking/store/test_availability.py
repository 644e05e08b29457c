import os
import time

import mlflow
import pytest
import sqlalchemy
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from mnist_resnet.tracking.store.availability import bounded_requests, is_away, patiently
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


def test_a_database_that_cannot_be_read_is_away(project):
    (project / "mlflow.db").write_bytes(b"no database" * 1000)
    assert is_away(failure_of(lambda: MlflowClient(f"sqlite:///{project / 'mlflow.db'}").search_experiments()))


def test_a_wrong_question_is_no_absence(project):
    client = MlflowClient(f"sqlite:///{project / 'mlflow.db'}")
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


def test_what_is_back_in_time_is_asked_again():
    answers = [ConnectionError(), ConnectionError(), None]

    def question() -> str:
        if (error := answers.pop(0)) is not None:
            raise error
        return "here"

    assert patiently(question, patience=5) == "here"


def test_what_stays_away_is_given_up():
    started, asked = time.monotonic(), []

    def question() -> None:
        asked.append(time.monotonic() - started)
        raise ConnectionError

    with pytest.raises(ConnectionError):
        patiently(question, patience=1.0)
    assert len(asked) == 2
    with pytest.raises(ConnectionError):
        patiently(question, patience=0)
    assert len(asked) == 3


def test_what_the_user_has_set_stays(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "4")
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_TIMEOUT", raising=False)
    with bounded_requests(7, "http://user:secret@here"):
        assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "4"
        assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "7"
        assert os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] == "true"
    assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "4"
    assert "MLFLOW_HTTP_REQUEST_TIMEOUT" not in os.environ
