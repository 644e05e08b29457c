from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import mlflow
import pytest
from mlflow.exceptions import MlflowException

from mnist_resnet.tracking.opening import ActiveRunError
from mnist_resnet.tracking.run import TrackedRun
from mnist_resnet.tracking.store.experiments import ExperimentError, chosen_experiment, select_experiment
from mnist_resnet.tracking.store.remedies import ArtifactStoreError


@pytest.fixture(autouse=True)
def present_store(project) -> None:
    mlflow.set_tracking_uri(f"sqlite:///{project / 'mlflow.db'}")


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


def start(project, experiment="squares", **changes) -> TrackedRun:
    return TrackedRun(project, experiment, "a run", {}, {}, **changes)


def runs(project) -> list[mlflow.entities.Run]:
    client = mlflow.MlflowClient(f"sqlite:///{project / 'mlflow.db'}")
    return client.search_runs([each.experiment_id for each in client.search_experiments()])


@pytest.mark.parametrize(
    ("asked", "variables", "chosen"),
    [
        (None, {}, "configured"),
        (None, {"MLFLOW_EXPERIMENT_NAME": "named"}, "named"),
        (None, {"MLFLOW_EXPERIMENT_NAME": ""}, "configured"),
        (None, {"MLFLOW_EXPERIMENT_ID": "7"}, None),
        (None, {"MLFLOW_EXPERIMENT_ID": "7", "MLFLOW_EXPERIMENT_NAME": "named"}, None),
        ("typed", {"MLFLOW_EXPERIMENT_NAME": "named"}, "typed"),
        ("typed", {"MLFLOW_EXPERIMENT_ID": "7"}, "typed"),
    ],
)
def test_what_is_typed_goes_before_the_environment_and_that_before_the_recipe(monkeypatch, asked, variables, chosen):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert chosen_experiment(asked, "configured") == chosen


@pytest.mark.parametrize("name", [None, "by id"])
def test_an_experiment_is_named_by_its_identifier(project, monkeypatch, name):
    identifier = mlflow.create_experiment("by id", (project / "mlartifacts").as_uri())
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", identifier)
    if name:
        monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", name)
    start(project, None).close("FINISHED")
    assert [run.info.experiment_id for run in runs(project)] == [identifier]


@pytest.mark.parametrize("identifier", ["77", "abc"])
def test_an_identifier_that_the_store_does_not_know_is_refused(project, monkeypatch, identifier):
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", identifier)
    with pytest.raises(ExperimentError, match=f"received '{identifier}', but the store has no such experiment"):
        start(project, None)


def test_an_identifier_and_a_name_of_two_experiments_are_refused(project, monkeypatch):
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", mlflow.create_experiment("one"))
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "other")
    with pytest.raises(ExperimentError, match="which is the experiment 'one', but MLFLOW_EXPERIMENT_NAME is 'other'"):
        start(project, None)


def test_an_identifier_says_nothing_offline(project, monkeypatch):
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "7")
    with pytest.raises(ExperimentError, match="set MLFLOW_EXPERIMENT_NAME instead"):
        start(project, None, offline=True)


def test_a_deleted_experiment_is_refused_with_the_command_that_restores_it(project):
    identifier = mlflow.create_experiment("squares")
    mlflow.delete_experiment(identifier)
    with pytest.raises(ExperimentError, match=f"mlflow experiments restore --experiment-id {identifier}"):
        start(project)
    mlflow.MlflowClient().restore_experiment(identifier)
    start(project).close("FINISHED")


def test_an_experiment_whose_artifacts_need_a_package_is_refused_before_a_run_is_made(project, monkeypatch):
    monkeypatch.setattr("mnist_resnet.tracking.store.remedies.is_installed", lambda _: False)
    mlflow.create_experiment("squares", "s3://bucket/runs")
    with pytest.raises(ArtifactStoreError, match=r"mnist-resnet\[s3\]"):
        start(project)
    assert not runs(project)


def made_run(experiment: str, status: str | None = None) -> str:
    """A run as another process would have made it."""
    client = mlflow.MlflowClient()
    found = client.get_experiment_by_name(experiment)
    run = client.create_run(found.experiment_id if found else client.create_experiment(experiment))
    if status:
        client.set_terminated(run.info.run_id, status)
    return str(run.info.run_id)


@pytest.mark.parametrize("status", ["FINISHED", "FAILED", "KILLED"])
def test_a_run_that_has_ended_is_not_filled(project, monkeypatch, status):
    monkeypatch.setenv("MLFLOW_RUN_ID", made_run("squares", status))
    with pytest.raises(ExperimentError, match=f"a run that has ended as {status}; unset it"):
        start(project)
    (run,) = runs(project)
    assert run.info.status == status


def test_a_run_of_another_experiment_is_not_filled(project, monkeypatch):
    monkeypatch.setenv("MLFLOW_RUN_ID", made_run("others"))
    with pytest.raises(ExperimentError, match="of the experiment 'others', but this run belongs to 'squares'"):
        start(project)


def test_a_deleted_run_is_not_filled(project, monkeypatch):
    run_id = made_run("squares")
    mlflow.MlflowClient().delete_run(run_id)
    monkeypatch.setenv("MLFLOW_RUN_ID", run_id)
    with pytest.raises(ExperimentError, match=f"deleted; .*mlflow runs restore --run-id {run_id}"):
        start(project)


@pytest.mark.parametrize("run_id", ["0" * 32, "a/b"])
def test_an_unknown_run_is_not_filled(project, monkeypatch, run_id):
    monkeypatch.setenv("MLFLOW_RUN_ID", run_id)
    with pytest.raises(ExperimentError, match="but the store has no such run; correct or unset it"):
        start(project)


def test_a_run_that_is_open_for_it_is_filled(project, monkeypatch):
    run_id = made_run("squares")
    monkeypatch.setenv("MLFLOW_RUN_ID", run_id)
    run = start(project)
    assert run.run_id == run_id
    run.close("FINISHED")


@pytest.mark.parametrize("offline", [False, True])
def test_an_active_run_of_the_caller_stays_as_it_was(project, tmp_path, monkeypatch, offline):
    store = f"sqlite:///{project / 'mlflow.db'}"
    mlflow.set_experiment("outer")
    with mlflow.start_run() as outer:
        if offline:
            start(project, offline=True).close("FINISHED")
        else:
            with pytest.raises(ActiveRunError, match=f"run {outer.info.run_id} is active.*mlflow.end_run"):
                start(project)
        assert mlflow.active_run().info.run_id == outer.info.run_id
        assert mlflow.get_tracking_uri() == store
        mlflow.log_metric("after", 1.0)
    (run,) = runs(project)
    assert (run.info.status, run.data.metrics, run.data.params) == ("FINISHED", {"after": 1.0}, {})
    assert mlflow.get_experiment_by_name("squares") is None
