from pathlib import Path
from typing import Any

import pytest
import yaml
from kedro.framework.cli.project import run as kedro_run

from mnist_resnet.provenance.record import Provenance
from mnist_resnet.reproduce.options import in_current_names, preparing_options, run_options
from tests.made_record import made, older_record, read

NOTHING = {"env": None, "pipeline_names": [], "namespaces": [], "runtime_params": {}}
PARAMETERS = made().parameters


def asking(**asked: Any) -> Provenance:
    return made(("run", NOTHING | asked))


def test_all_that_was_asked_is_asked_again() -> None:
    asked = asking(
        env="smoke",
        pipeline_names=["data", "train"],
        namespaces=["made", "other"],
        to_nodes=["made.fit"],
        tags=["train"],
        runtime_params={"made": {"training": {"seed": 0}}, "tracking": {"experiment": "mine"}},
    )
    options = run_options(asked, "an experiment")
    parameters = options.pop("params")
    assert options == {
        "env": "smoke",
        "pipelines": "data,train",
        "namespaces": "made,other",
        "to_nodes": "made.fit",
        "tags": "train",
    }
    assert parameters == PARAMETERS | {"tracking": {"enabled": True, "experiment": "an experiment"}}


@pytest.mark.parametrize(
    ("asked", "before"),
    [
        ({}, None),
        ({"pipeline_names": ["training"]}, None),
        ({"pipeline_names": ["train", "data"]}, None),
        ({"pipeline_names": ["training"], "to_nodes": ["made.fit"]}, None),
        ({"pipeline_names": ["evaluate"]}, "data,train,export"),
        ({"pipeline_names": ["export", "evaluate"]}, "data,train"),
        ({"pipeline_names": ["data", "export"]}, "data,train"),
        ({"pipeline_names": ["train"], "node_names": ["made.fit"]}, "data,train"),
        ({"from_nodes": ["made.judge"]}, "data,train,export,evaluate"),
        ({"namespaces": ["made"]}, None),
        ({"namespaces": ["made.export"]}, "data,train"),
        ({"namespaces": ["made.data", "other.data"]}, None),
        ({"namespaces": ["made.train", "other.export"]}, "data,train,export"),
        ({"namespaces": ["made", "other.export"]}, "data,train,export,evaluate"),
        ({"namespaces": ["made.export"], "pipeline_names": ["export", "evaluate"]}, "data,train"),
    ],
)
def test_what_a_run_found_there_is_made_before(asked: dict[str, Any], before: str | None) -> None:
    options = preparing_options(asking(**asked))
    assert (options and options["pipelines"]) == before
    if options:
        assert options["namespaces"] == "made"
        assert options["params"]["tracking"] == {"enabled": False}


def test_kedro_reads_from_a_file_what_was_typed(tmp_path: Path) -> None:
    typed = {
        "env": "smoke",
        "pipeline_names": ["data", "train"],
        "namespaces": ["made"],
        "node_names": ["made.fit", "made.split"],
        "tags": ["train"],
        "from_nodes": ["made.split"],
        "to_nodes": ["made.fit"],
        "from_inputs": ["made.images"],
        "to_outputs": ["made.model", "made.history"],
    }
    values = {"patience": None, "tolerance": 1e-05, "size": [12, 12], "classes": ["0", "yes"], "momentum": 1.0}
    asked = asking(**typed, runtime_params={"another": values}, only_missing_outputs=True)
    file = tmp_path / "run.yml"
    file.write_text(yaml.safe_dump({"run": run_options(asked, "an experiment")}))
    received = kedro_run.make_context("run", ["--config", str(file)]).params
    assert received["params"]["another"] == values
    assert received["params"]["made"] == PARAMETERS["made"]
    assert received.pop("pipelines") == typed.pop("pipeline_names")
    assert {name: received[name] for name in typed} == typed
    assert not received["only_missing_outputs"]


def test_an_older_record_is_given_back_in_its_own_words_or_in_those_of_the_present_source() -> None:
    older = read(older_record())
    given_back, present = (run_options(each, "any")["params"] for each in (older, in_current_names(older)))
    assert given_back["made"]["model"] == {"variant": "resnet18"}
    assert present["made"] == PARAMETERS["made"]
    assert in_current_names(older).run.runtime_params == {"made": {"model": {"architecture": "resnet18"}}}
    assert in_current_names(made()) == made()
