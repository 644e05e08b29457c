import json
from datetime import datetime

import pytest

from mnist_resnet.config import validate_parameters
from mnist_resnet.provenance.environment import Environment, Gpu
from mnist_resnet.provenance.record import Provenance, RunArguments, resolved_parameters, typed_command
from mnist_resnet.provenance.source import Patch, Source

ENVIRONMENT = Environment(
    python="3.11.7 CPython",
    platform="Linux",
    processor="A processor",
    instruction_sets=("avx2",),
    cores=2,
    usable_cores=2,
    gpus=(Gpu("A GPU", "550"),),
    lock_files={"requirements.lock": "00"},
    packages={"numpy": "2.4.0"},
    variables={},
)
CATALOG = {"mnist.onnx": {"type": "mnist_resnet.datasets.OnnxDataset", "filepath": "data/06_models/mnist/model.onnx"}}
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


def made(raw_parameters, source: Source | None = None) -> Provenance:
    parameters = resolved_parameters(validate_parameters(raw_parameters), ["mnist"])
    asked = RunArguments.of(RUN_PARAMS, ["run", "--env", "smoke"])
    return Provenance(asked, parameters, ENVIRONMENT, source, CATALOG, {})


def test_the_record_is_json_of_a_known_schema(raw_parameters):
    record = json.loads(made(raw_parameters).as_json("RUNNING"))
    assert record["schema"] == 1
    assert record["status"] == "RUNNING"
    assert record["ended"] is None
    assert datetime.fromisoformat(record["started"]).tzinfo is not None
    assert record["environment"]["gpus"] == [{"name": "A GPU", "driver": "550"}]
    assert record["source"] is None
    assert record["catalog"] == CATALOG


def test_the_end_is_noted(raw_parameters):
    record = json.loads(made(raw_parameters).as_json("FAILED"))
    assert record["status"] == "FAILED"
    assert datetime.fromisoformat(record["ended"]) >= datetime.fromisoformat(record["started"])


def test_what_was_asked_for_is_there_and_no_path_of_the_machine(raw_parameters):
    text = made(raw_parameters).as_json("RUNNING")
    run = json.loads(text)["run"]
    assert run["command"] == ["run", "--env", "smoke"]
    assert run["env"] == "smoke"
    assert run["pipeline_names"] == ["data", "train"]
    assert run["runtime_params"] == {"mnist": {"training": {"seed": 1}}}
    assert run["tags"] == run["from_nodes"] == []
    assert "/somewhere" not in text


def test_parameters_are_those_of_the_namespaces_in_the_run(raw_parameters):
    parameters = json.loads(made(raw_parameters).as_json("RUNNING"))["parameters"]
    assert parameters["mnist"]["training"]["seed"] == 0
    assert parameters["datasets"]["mnist"]["class_names"][3] == "3"
    assert "fashion_mnist" not in parameters


@pytest.mark.parametrize(("content", "file"), [(b"diff", "uncommitted.patch"), (None, None)])
def test_a_patch_is_described_and_its_text_kept_apart(raw_parameters, content, file):
    source = Source("c0ffee", dirty=True, patch=Patch(content, "00", 4, (".env",)))
    described = json.loads(made(raw_parameters, source).as_json("RUNNING"))["source"]
    patch = {"file": file, "sha256": "00", "size": 4, "left_out": [".env"]}
    assert described == {"commit": "c0ffee", "dirty": True, "patch": patch}


def test_values_of_a_stage_are_added_to_those_there(raw_parameters):
    provenance = made(raw_parameters)
    for values in ({"train_images": "00"}, {"train_labels": "11"}, {"train_images": "22"}):
        provenance.add("mnist", "split", values)
    recorded = json.loads(provenance.as_json("RUNNING"))["namespaces"]
    assert recorded == {"mnist": {"split": {"train_images": "22", "train_labels": "11"}}}


def test_pipelines_are_recorded_in_the_order_of_the_flow_however_kedro_gives_them():
    names = ["evaluate", "data", "mine", "export", "train", "also"]
    expected = ["data", "train", "export", "evaluate", "also", "mine"]
    for given in (names, names[::-1], set(names)):
        assert list(RunArguments.of({"pipeline_names": given}, []).pipeline_names) == expected


def test_a_run_that_another_command_makes_is_recorded_as_that_command(monkeypatch):
    monkeypatch.setattr("sys.argv", ["kedro", "run", "--config", "gone/run.yml"])
    assert typed_command() == ["run", "--config", "gone/run.yml"]
    monkeypatch.setenv("MNIST_RESNET_COMMAND", "reproduce 0123")
    assert typed_command() == ["reproduce", "0123"]
