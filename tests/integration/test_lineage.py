"""The built kedro-viz site, looked at in a browser."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from tests.integration.conftest import Project, SmokeRun, serving_files

pytestmark = [pytest.mark.integration, pytest.mark.landing]


@pytest.fixture(scope="module")
def site(smoke: SmokeRun) -> Iterator[str]:
    built = smoke.project.kedro("viz", "build", "--include-previews", KEDRO_ENV="smoke")
    assert built.returncode == 0, built.stderr
    with serving_files(smoke.project.folder / "build") as address:
        yield address


def test_the_two_data_sets_are_collapsible_modules(site: str, browser: webdriver.Chrome, tmp_path: Path) -> None:
    browser.get(site)
    expected = {"fashion_mnist", "mnist"}
    WebDriverWait(browser, 60).until(lambda _: expected <= _texts(browser, ".pipeline-node__text"))
    nodes = browser.find_elements(By.CSS_SELECTOR, ".pipeline-node--modularPipeline")
    assert len(nodes) == 2
    assert {"train", "mnist.train"} & _texts(browser, ".pipeline-node__text") == set()
    assert browser.save_screenshot(str(tmp_path / "collapsed.png"))


def test_each_pipeline_of_a_data_set_is_a_box_of_its_own(site: str) -> None:
    shown = requests.get(f"{site}/api/main", timeout=10).json()
    boxes = {node["id"] for node in shown["nodes"] if node["type"] == "modularPipeline"}
    assert boxes >= {f"mnist.{name}" for name in ("data", "train", "export", "evaluate")}


@pytest.mark.parametrize("pipeline", ["__default__", "train", "export", "evaluate"])
def test_layers_are_in_the_order_of_the_flow(site: str, pipeline: str) -> None:
    shown = requests.get(f"{site}/api/pipelines/{pipeline}", timeout=10).json()
    used = {node.get("layer") for node in shown["nodes"]}
    flow = ["raw", "model_input", "models", "model_output", "reporting"]
    assert [layer for layer in shown["layers"] if layer in used] == [layer for layer in flow if layer in used]


def test_layers_are_shown(site: str, browser: webdriver.Chrome) -> None:
    browser.get(f"{site}/?expandAllPipelines=true")
    expected = {"raw", "model_input", "models", "model_output", "reporting"}
    WebDriverWait(browser, 60).until(lambda _: expected <= _texts(browser, ".pipeline-layer-name"))
    assert "fix_preprocessing" in _texts(browser, ".pipeline-node__text")


def _texts(browser: webdriver.Chrome, selector: str) -> set[str]:
    elements = browser.find_elements(By.CSS_SELECTOR, selector)
    return {(element.get_attribute("textContent") or "").strip().lower() for element in elements}


@pytest.mark.parametrize(
    ("artifact", "kind"),
    [
        ("prepared_images.png", "ImagePreview"),
        ("learning_curves.png", "ImagePreview"),
        ("confusion_matrix.png", "ImagePreview"),
        ("evaluation.json", "JSONPreview"),
    ],
)
def test_results_are_previewed(site: str, smoke: SmokeRun, artifact: str, kind: str) -> None:
    nodes = [
        requests.get(f"{site}/api/nodes/{file.name}", timeout=10).json()
        for file in (smoke.project.folder / "build/api/nodes").iterdir()
    ]
    shown = [node for node in nodes if str(node.get("filepath")).endswith(f"08_reporting/mnist/{artifact}")]
    assert [(node["preview_type"], bool(node["preview"])) for node in shown] == [(kind, True)]


def test_a_data_set_of_the_configuration_alone_is_shown(squares: Project) -> None:
    built = squares.kedro("viz", "build")
    assert built.returncode == 0, built.stderr
    shown = json.loads((squares.folder / "build/api/main").read_text())
    assert {node["name"] for node in shown["nodes"] if node["type"] == "modularPipeline"} >= {"squares", "mnist"}
    fits = [node for node in shown["nodes"] if node["type"] == "task" and node["name"] == "train"]
    assert "squares.train" in {pipeline for node in fits for pipeline in node["modular_pipelines"]}
