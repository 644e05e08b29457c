"""The smoke recipe on the real data, as a user runs it: what it prints, writes and records."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import mlflow
import onnx
import pytest
import yaml
from mlflow.entities import Run

from mnist_resnet.storage.artifacts import sha256_of_path
from tests.integration.conftest import SmokeRun, names_of

pytestmark = [pytest.mark.integration, pytest.mark.landing]
NAMESPACES = ("mnist", "fashion_mnist")


@pytest.fixture(params=NAMESPACES)
def namespace(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_progress_and_summary_are_printed(smoke: SmokeRun) -> None:
    assert smoke.stderr.count("Training on the CPU") == 1
    assert "MNIST, epoch 1 of 1: loss" in smoke.stderr
    assert "Summary" in smoke.stdout
    for namespace in NAMESPACES:
        assert re.search(rf"│ {namespace} +│ 0\.\d{{4}} +│ CPU +│", smoke.stdout)
        assert f"Report: data/recipes/smoke/08_reporting/{namespace}/report.md" in smoke.stdout
    assert "MLflow run: " in smoke.stdout


def test_nothing_else_is_printed(smoke: SmokeRun) -> None:
    own = re.compile(r"^\d\d:\d\d:\d\d (MNIST|Fashion-MNIST|Model|Training on|Each batch is fed from|onnxruntime uses)")
    # The command of the README's readers, --pipeline, which Kedro 1.7 calls deprecated.
    deprecation = re.compile(r"--pipeline' is deprecated|^ +warnings\.warn\($")
    others = [line for line in smoke.stderr.splitlines() if not own.search(line) and not deprecation.search(line)]
    (warning,) = others
    assert re.search(r"No commit is recorded.*smoke\d* is in no repository; clone the project", warning)


def test_nothing_of_a_cluster_and_no_other_backend_is_imported(smoke: SmokeRun) -> None:
    assert any(each.startswith("tensorflow ") for each in smoke.imports)
    unwanted = {each for each in smoke.imports if each.partition(" ")[0] in {"ray", "optuna", "jax", "IPython"}}
    assert unwanted == set()


def test_all_artifacts_are_written(smoke: SmokeRun, namespace: str) -> None:
    parts = ("train", "validation", "test")
    arrays = [f"{part}_{kind}.npy" for part in parts for kind in ("images", "labels")]
    assert names_of(smoke.outputs / "05_model_input" / namespace) == sorted([*arrays, "preprocessing.json"])
    models = {name.split("/")[0] for name in names_of(smoke.outputs / "06_models" / namespace)}
    names = ("architecture", "history", "origin", "parity", "training_device", "variant_checks")
    records = {f"{name}.json" for name in names}
    assert models - {"variants"} == {*records, "model.keras", "model.onnx", "saved_model"}
    pictures = "confusion_matrix learning_curves mistakes prepared_images reliability_diagram robustness_plot"
    reports = ["evaluation.json", "release.json", "report.html", "report.md"]
    expected = sorted([*(f"{name}.png" for name in pictures.split()), *reports])
    assert names_of(smoke.outputs / "08_reporting" / namespace) == expected


def test_the_evaluation_is_of_the_published_file(smoke: SmokeRun, namespace: str) -> None:
    evaluation = smoke.reported(namespace, "evaluation.json")
    fp32 = evaluation["variants"]["fp32"]
    assert (evaluation["schema"], evaluation["recipe"], evaluation["images"]) == (1, "smoke", 10000)
    assert fp32["model_sha256"] == sha256_of_path(smoke.outputs / "06_models" / namespace / "model.onnx")
    assert fp32["provider"] == "CPUExecutionProvider"
    assert fp32["providers_asked"][0] == "CUDAExecutionProvider"
    assert fp32["parity"]["onnx_max_abs_diff"] <= 1e-5
    assert fp32["parity"]["savedmodel_max_abs_diff"] <= 1e-5
    assert fp32["parity"]["argmax_agreement"] == 1.0
    assert sum(entry["support"] for entry in fp32["per_class"].values()) == 10000
    # One epoch of 2,048 images: far from good, but far from guessing (0.1).
    assert fp32["accuracy"] > 0.3


def test_the_onnx_file_says_what_it_is(smoke: SmokeRun, namespace: str) -> None:
    model = onnx.load(smoke.outputs / "06_models" / namespace / "model.onnx")
    properties = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    assert (properties["recipe"], properties["opset"]) == ("smoke", 17)
    assert len(properties["class_names"]) == 10
    for value in (*model.graph.input, *model.graph.output):
        assert value.type.tensor_type.shape.dim[0].dim_param == "N"
    assert properties["training_run_id"] == smoke.logged_model(namespace).source_run_id
    assert set(properties["data_sha256"]) == {
        f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")
    }


def test_int8_is_published_only_where_it_is_good_enough(smoke: SmokeRun, namespace: str) -> None:
    models = smoke.outputs / "06_models" / namespace
    int8, fp16, gemm = json.loads((models / "variant_checks.json").read_text())
    assert (models / "variants" / "model.int8.onnx").exists() is int8["published"]
    assert int8["published"]
    assert set(int8["calibration_errors"]) == {"minmax", "percentile"}
    assert int8["kernels"]["images"] == 102
    assert int8["kernels"]["max_abs_diff"] <= 0.05
    assert int8["greatest_loss"] <= 0.1
    assert int8["size_ratio"] < 1
    assert set(int8["speed_ratios"]) == {"1", "32", "256"}
    assert not fp16["published"]
    assert "it is meant for a GPU" in fp16["reason"]
    assert gemm["reason"] == "not evaluated: no convolution of this network has a kernel larger than its image"
    evaluation = smoke.reported(namespace, "evaluation.json")
    assert ("int8" in evaluation["variants"]) is int8["published"]
    assert set(evaluation["agreement"]) == {"keras", "savedmodel", *evaluation["variants"]}
    assert evaluation["agreement"]["keras"]["fp32"]["argmax_agreement"] == 1.0


def test_the_first_model_is_registered_as_candidate_and_champion(smoke: SmokeRun, namespace: str) -> None:
    aliases = ("candidate", "champion")
    versions = [smoke.project.client.get_model_version_by_alias(namespace, alias) for alias in aliases]
    assert [str(version.version) for version in versions] == ["1", "1"]
    assert versions[0].source == smoke.logged_model(namespace).artifact_location
    release = smoke.reported(namespace, "release.json")
    assert (release["champion"], release["champion_before"]) == (True, None)
    assert float(versions[0].tags["validation_accuracy"]) == release["contest"]["candidate"]


@pytest.fixture(scope="module")
def recorded(smoke: SmokeRun) -> Iterator[Run]:
    # Listing artifacts looks models up in the current store, whichever client lists.
    mlflow.set_tracking_uri(smoke.project.store)
    (run,) = smoke.project.runs()
    yield run
    mlflow.set_tracking_uri(None)


def test_one_finished_run_is_recorded(recorded: Run) -> None:
    assert recorded.info.status == "FINISHED"
    assert recorded.data.tags["recipe"] == "smoke"
    assert recorded.data.tags["command"] == "kedro run --pipeline training --env smoke"


def test_parameters_metrics_and_reports_are_recorded(smoke: SmokeRun, recorded: Run, namespace: str) -> None:
    assert recorded.data.params[f"{namespace}.training.batch_size"] == "32"
    assert recorded.data.params[f"{namespace}.model.architecture"] == "resnet_tiny"
    evaluation, client = smoke.reported(namespace, "evaluation.json"), smoke.project.client
    assert recorded.data.metrics[f"{namespace}/test_accuracy"] == evaluation["variants"]["fp32"]["accuracy"]
    history = client.get_metric_history(recorded.info.run_id, f"{namespace}/epochs/validation_accuracy")
    assert [metric.step for metric in history] == [1]
    names = {file.path for file in client.list_artifacts(recorded.info.run_id, namespace)}
    assert {f"{namespace}/{name}" for name in ("report.md", "report.html", "evaluation.json", "release.json")} <= names


def test_the_published_model_is_recorded_with_its_signature(smoke: SmokeRun, recorded: Run, namespace: str) -> None:
    model = smoke.logged_model(namespace)
    assert model.source_run_id == recorded.info.run_id
    folder = Path(model.artifact_location.removeprefix("file://"))
    assert folder.is_relative_to(smoke.project.folder / "mlartifacts")
    digest = sha256_of_path(smoke.outputs / "06_models" / namespace / "model.onnx")
    (file,) = folder.rglob("*.onnx")
    assert sha256_of_path(file) == digest
    described = yaml.safe_load((folder / "MLmodel").read_text())
    (image,) = json.loads(described["signature"]["inputs"])
    (probabilities,) = json.loads(described["signature"]["outputs"])
    assert image["name"] == "image"
    assert probabilities["tensor-spec"] == {"dtype": "float32", "shape": [-1, 10]}
    assert described["metadata"]["image_size"] == [28, 28]
    assert described["metadata"]["onnx_sha256"] == digest
    assert (folder / "input_example.json").exists()


def test_commands_work_from_a_subfolder(smoke: SmokeRun) -> None:
    before = names_of(smoke.project.folder / "data")
    ended = smoke.project.kedro("run", "--env", "smoke", "--only-missing-outputs", subfolder="notebooks")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("nothing to do") == 2
    assert ended.stderr == ""
    assert names_of(smoke.project.folder / "data") == before
