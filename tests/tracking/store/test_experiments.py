from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import mlflow
import pytest
from mlflow.exceptions import MlflowException

from mnist_resnet.tracking.run_creation import ActiveRunError
from mnist_resnet.tracking.store.experiments import ExperimentError, experiment_name, select_experiment
from mnist_resnet.tracking.store.remedies import ArtifactStoreError
from tests.tracking.recordings import EXPERIMENT, only_run, record


@pytest.fixture(autouse=True)
def client(store) -> mlflow.MlflowClient:
    """MLflow's client for the project's store, which is MLflow's present one."""
    mlflow.set_tracking_uri(store)
    return mlflow.MlflowClient(store)


def test_an_experiment_is_created_where_there_is_none(tmp_path):
    for _ in range(2):
        select_experiment("made", tmp_path)
    assert mlflow.get_experiment_by_name("made").artifact_location == (tmp_path / "mlartifacts").as_uri()


def test_two_that_create_one_experiment_at_once_both_have_it(tmp_path, monkeypatch):
    both, create = Barrier(2), mlflow.create_experiment

    def create_at_once(*arguments):
        both.wait(30)
        return create(*arguments)

    monkeypatch.setattr(mlflow, "create_experiment", create_at_once)
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda _: select_experiment("made", tmp_path), range(2)))
    assert [each.name for each in mlflow.search_experiments()].count("made") == 1


def test_an_experiment_that_cannot_be_created_is_an_error(tmp_path):
    with pytest.raises(MlflowException, match="name"):
        select_experiment("", tmp_path)


@pytest.mark.parametrize(
    ("explicit", "identifier", "name", "chosen"),
    [
        (False, "", None, "configured"),
        (False, "", "named", "named"),
        (False, "", "", "configured"),
        (False, "0", None, "Default"),
        (False, "0", "Default", "Default"),
        (True, "", "named", "configured"),
        (True, "0", None, "configured"),
    ],
)
def test_what_is_typed_goes_before_the_environment_and_that_before_the_recipe(
    client, monkeypatch, explicit, identifier, name, chosen
):
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", identifier)
    if name is not None:
        monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", name)
    assert experiment_name("configured", explicit, client) == chosen


def test_an_experiment_is_named_by_its_identifier(project, store, monkeypatch):
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", mlflow.create_experiment("by id", (project / "mlartifacts").as_uri()))
    run = record(project)
    assert only_run(store, "by id").info.run_id == run.run_id


@pytest.mark.parametrize(
    ("identifier", "name", "offline", "said"),
    [
        ("77", None, False, "received '77', but the store has no such experiment"),
        ("abc", None, False, "received 'abc', but the store has no such experiment"),
        ("0", "other", False, "which is the experiment 'Default', but MLFLOW_EXPERIMENT_NAME is 'other'"),
        ("0", None, True, "set MLFLOW_EXPERIMENT_NAME instead"),
    ],
)
def test_an_identifier_of_no_or_another_experiment_is_refused(project, monkeypatch, identifier, name, offline, said):
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", identifier)
    if name:
        monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", name)
    with pytest.raises(ExperimentError, match=f"^MLFLOW_EXPERIMENT_ID: .*{said}"):
        record(project, offline=offline)


def test_a_deleted_experiment_is_refused_with_the_command_that_restores_it(project, client):
    identifier = mlflow.create_experiment(EXPERIMENT)
    mlflow.delete_experiment(identifier)
    with pytest.raises(ExperimentError, match=f"mlflow experiments restore --experiment-id {identifier}"):
        record(project)
    client.restore_experiment(identifier)
    record(project)


def test_an_experiment_whose_artifacts_need_a_package_is_refused_before_a_run_is_made(project, client, monkeypatch):
    monkeypatch.setattr("mnist_resnet.tracking.store.remedies.is_installed", lambda _: False)
    experiment = mlflow.create_experiment(EXPERIMENT, "s3://bucket/runs")
    with pytest.raises(ArtifactStoreError, match=r"mnist-resnet\[s3\]"):
        record(project)
    assert not client.search_runs([experiment])


@pytest.fixture
def made_run(client, monkeypatch):
    """Make a run as another process would have made it, and name it by MLFLOW_RUN_ID."""

    def made_run(experiment: str = EXPERIMENT, status: str = "RUNNING") -> str:
        run_id = client.create_run(client.create_experiment(experiment)).info.run_id
        if status == "deleted":
            client.delete_run(run_id)
        elif status != "RUNNING":
            client.set_terminated(run_id, status)
        monkeypatch.setenv("MLFLOW_RUN_ID", run_id)
        return str(run_id)

    return made_run


@pytest.mark.parametrize(
    ("experiment", "status", "said"),
    [
        *((EXPERIMENT, each, f"a run that has ended as {each}; unset it") for each in ("FINISHED", "FAILED", "KILLED")),
        ("others", "RUNNING", "of the experiment 'others', but this run belongs to 'squares'"),
        (EXPERIMENT, "deleted", "deleted; .*mlflow runs restore --run-id {run_id}"),
    ],
)
def test_a_run_that_is_not_open_for_it_is_not_filled(project, client, made_run, experiment, status, said):
    run_id = made_run(experiment, status)
    before = client.get_run(run_id).to_dictionary()
    with pytest.raises(ExperimentError, match=said.format(run_id=run_id)):
        record(project)
    assert client.get_run(run_id).to_dictionary() == before


@pytest.mark.parametrize("run_id", ["0" * 32, "a/b"])
def test_an_unknown_run_is_not_filled(project, monkeypatch, run_id):
    monkeypatch.setenv("MLFLOW_RUN_ID", run_id)
    with pytest.raises(ExperimentError, match="but the store has no such run; correct or unset it"):
        record(project)


def test_a_run_that_is_open_for_it_is_filled(project, made_run):
    run_id = made_run()
    assert record(project).run_id == run_id


@pytest.mark.parametrize("offline", [False, True])
def test_an_active_run_of_the_caller_stays_as_it_was(project, store, offline):
    mlflow.set_experiment("outer")
    with mlflow.start_run() as outer:
        if offline:
            record(project, offline=True, explicit=True)
        else:
            with pytest.raises(ActiveRunError, match=f"run {outer.info.run_id} is active.*mlflow.end_run"):
                record(project)
        assert mlflow.active_run().info.run_id == outer.info.run_id
        assert mlflow.get_tracking_uri() == store
        mlflow.log_metric("after", 1.0)
    run = only_run(store, "outer")
    assert (run.info.status, run.data.metrics, run.data.params) == ("FINISHED", {"after": 1.0}, {})
    assert mlflow.get_experiment_by_name(EXPERIMENT) is None
