"""The pages of ``kedro viz run``, at the sizes and in the colours that people have, after a run and a failed one."""

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from tests.conftest import MadeData
from tests.integration.conftest import KEDRO, Project, make_project, serving

pytestmark = [pytest.mark.integration, pytest.mark.slow]

FLOW = ["data", "train", "export", "evaluate"]
LAYERS = ["raw", "model_input", "models", "model_output", "reporting"]
SIZES = {"desktop": (1500, 1000), "phone": (400, 860)}
ONE_DATA_SET = "?pid=training&fid=squares"
# More exact than float32 is.
IMPOSSIBLE = "squares.export.parity_tolerance=1e-12,squares.export.parity_rounding_factor=0"


@dataclass(frozen=True)
class Lineage:
    """The page in a browser."""

    browser: webdriver.Chrome
    address: str
    screens: Path

    def open(self, query: str, size: tuple[int, int] = SIZES["desktop"], theme: str = "light") -> None:
        """Open a page as somebody who has never been there, in a window of this size."""
        metrics = dict(zip(("width", "height"), size, strict=True)) | {"deviceScaleFactor": 1, "mobile": False}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.browser.get(f"{self.address}/api/version")
        kept = json.dumps({"theme": theme, "showFeatureHints": False})
        self.browser.execute_script("localStorage.clear(); localStorage.setItem('KedroViz', arguments[0])", kept)
        self.browser.get(f"{self.address}/{query}")
        self.wait_for(".pipeline-node__text")

    def wait_for(self, selector: str) -> list[str]:
        return WebDriverWait(self.browser, 60).until(lambda _: self.texts(selector))

    def texts(self, selector: str) -> list[str]:
        found = self.browser.find_elements(By.CSS_SELECTOR, selector)
        return [text for each in found if (text := (each.get_attribute("textContent") or "").strip())]

    def places(self, selector: str) -> dict[str, int]:
        """How far down the page each text is, in pixels."""
        found = self.browser.find_elements(By.CSS_SELECTOR, selector)
        return {(each.get_attribute("textContent") or "").strip(): round(each.rect["y"]) for each in found}

    def choose(self, full_name: str) -> None:
        """Open the side panel of a node or an artifact."""
        node = self.browser.find_element(By.CSS_SELECTOR, f"[data-node-fullname='{full_name}']")
        self.browser.execute_script("arguments[0].dispatchEvent(new MouseEvent('click', {bubbles: true}))", node)
        self.wait_for(".pipeline-metadata__title")

    def keep(self, name: str) -> Path:
        path = self.screens / f"{name}.png"
        assert self.browser.save_screenshot(str(path))
        return path


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, made_data: MadeData, empty_store: Path) -> Project:
    """One that has been through a whole run."""
    made = make_project(tmp_path_factory.mktemp("lineage"), made_data, empty_store)
    made_data.write(made.folder / "data/01_raw/squares")
    ended = made.kedro("run", "--namespaces", "squares")
    assert ended.returncode == 0, ended.stderr
    return made


@pytest.fixture(scope="module")
def lineage(project: Project, browser: webdriver.Chrome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lineage]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [str(KEDRO), "viz", "run", "--no-browser", "--host", "127.0.0.1", "--port", str(port)]
    with serving(command, project.folder, f"{address}/api/main"):
        yield Lineage(browser, address, tmp_path_factory.mktemp("screens"))


def shot_of(theme: str, path: Path) -> None:
    """A screenshot is in the colours that were asked for."""
    with Image.open(path) as picture:
        brightness = np.asarray(picture.convert("L")).mean()
    assert (brightness > 200) if theme == "light" else (brightness < 60)


in_each_theme = pytest.mark.parametrize("theme", ["light", "dark"])
at_each_size = pytest.mark.parametrize("size", SIZES)


@in_each_theme
@at_each_size
def test_at_first_a_data_set_is_a_box_between_the_champion_and_what_comes_out(
    lineage: Lineage, size: str, theme: str
) -> None:
    lineage.open("?pid=training", SIZES[size], theme)
    shot_of(theme, lineage.keep(f"training-{size}-{theme}"))
    assert set(lineage.texts(".pipeline-node--modularPipeline")) == {"fashion_mnist", "mnist", "squares"}
    others = {"champion", "release", "report_page"}
    assert set(lineage.texts(".pipeline-node--data")) == others
    assert lineage.texts(".pipeline-node--task, .pipeline-node--parameters") == []
    places = lineage.places(".pipeline-node__text")
    assert places["champion"] < places["squares"] < places["report_page"]


@in_each_theme
@at_each_size
def test_one_data_set_is_its_four_pipelines_from_top_to_bottom(lineage: Lineage, size: str, theme: str) -> None:
    lineage.open(f"{ONE_DATA_SET}&types=task", SIZES[size], theme)
    shot_of(theme, lineage.keep(f"one-data-set-{size}-{theme}"))
    places = lineage.places(".pipeline-node--modularPipeline")
    assert sorted(places, key=lambda name: places[name]) == FLOW
    assert lineage.texts(".pipeline-node--task") == []


def test_layers_are_in_the_order_of_the_flow_from_top_to_bottom(lineage: Lineage) -> None:
    for query, layers in ((ONE_DATA_SET, LAYERS[1:]), ("?pid=train", LAYERS[1:3] + LAYERS[4:])):
        lineage.open(query)
        lineage.keep("layers")
        places = lineage.places(".pipeline-layer-name")
        assert sorted(places, key=lambda name: places[name]) == layers


@pytest.mark.parametrize(
    ("artifact", "shown"),
    [
        ("train_images", "img"),
        ("test_labels", "img"),
        ("test_probabilities", "img"),
        ("confusion_matrix", "img"),
        ("layer_table", ".preview-table"),
        ("onnx", ".preview-table"),
        ("history", ".js-plotly-plot"),
        ("evaluation", ".pipeline-metadata__preview-json"),
        ("report", ".html-renderer table"),
    ],
)
def test_an_artifact_is_previewed_beside_the_picture(lineage: Lineage, artifact: str, shown: str) -> None:
    lineage.open(f"?pid=training&expandAllPipelines=true&sn=squares.{artifact}")
    lineage.wait_for(".pipeline-metadata__title")
    WebDriverWait(lineage.browser, 30).until(
        lambda browser: browser.find_elements(By.CSS_SELECTOR, f".pipeline-metadata {shown}")
    )
    lineage.keep(f"preview-{artifact}")


def test_what_has_not_been_made_has_no_preview_and_fails_nothing(lineage: Lineage) -> None:
    lineage.open("?pid=training&expandAllPipelines=true&sn=mnist.evaluation")
    lineage.wait_for(".pipeline-metadata__title")
    assert lineage.browser.find_elements(By.CSS_SELECTOR, ".pipeline-metadata [class*=preview]") == []


def test_a_node_shows_its_code_with_what_it_does(lineage: Lineage) -> None:
    lineage.open("?pid=training&expandAllPipelines=true&sn=squares.train.train")
    lineage.wait_for(".pipeline-metadata__title")
    lineage.browser.find_element(By.CSS_SELECTOR, ".pipeline-metadata [data-test*='metadata-code-toggle']").click()
    (code,) = lineage.wait_for(".pipeline-metadata-code code")
    lineage.keep("code")
    assert code.startswith("def train_network(")
    assert "The trained network, its layers" in code


def test_the_state_of_the_last_run_is_shown_of_one_that_failed_too(lineage: Lineage, project: Project) -> None:
    lineage.open("workflow")
    (said,) = lineage.wait_for(".run-status-notification__text")
    lineage.keep("run")
    assert "success" in said.lower()
    assert lineage.texts(".pipeline-node--status-failed") == []
    ended = project.kedro("run", "--namespaces", "squares", "--params", IMPOSSIBLE)
    assert ended.returncode != 0
    lineage.open("workflow")
    (said,) = lineage.wait_for(".run-status-notification__text")
    lineage.keep("failed-run")
    assert "fail" in said.lower()
    assert "check_exports" in " ".join(lineage.texts(".pipeline-node--status-failed"))
