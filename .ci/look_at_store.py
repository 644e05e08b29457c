"""Print what the newest run of a recipe recorded in MLflow, and fail if anything is missing."""

import sys
from pathlib import Path

import mlflow

from mnist_resnet.tracking.store.address import tracking_uri

recipe = sys.argv[1]
mlflow.set_tracking_uri(tracking_uri(Path.cwd()))
client = mlflow.MlflowClient()
experiment = client.get_experiment_by_name("mnist_resnet")
assert experiment is not None
run = client.search_runs([experiment.experiment_id], f"tags.recipe = '{recipe}'", max_results=1)[0]
assert run.info.status == "FINISHED", run.info.status
print(f"{run.info.run_id}: {run.info.status}, {len(run.data.params)} parameters, {len(run.data.metrics)} metrics")
for namespace in ("mnist", "fashion_mnist"):
    artifacts = [file.path for file in client.list_artifacts(run.info.run_id, namespace)]
    models = client.search_logged_models([experiment.experiment_id], f"source_run_id = '{run.info.run_id}'")
    assert f"{namespace}/report.md" in artifacts, artifacts
    assert namespace in [model.name for model in models], models
    accuracy = run.data.metrics[f"{namespace}/test_accuracy"]
    print(f"{namespace}: test accuracy {accuracy:.4f}, {len(artifacts)} artifacts, one model")
