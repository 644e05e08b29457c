"""The pages of ``kedro viz run``, at the sizes and in the colours that people have, after a run and a failed one."""

import json
import time
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
from tests.tracking.servers import free_port

pytestmark = [pytest.mark.integration, pytest.mark.slow]

FLOW = ["squares.data", "squares.train", "squares.export", "squares.evaluate"]
LAYERS = ["raw", "model_input", "models", "model_output", "reporting"]
SIZES = {"desktop": (1500, 1000), "phone": (400, 860)}
ONE_DATA_SET = "fid=squares"
NO_ARTIFACTS = "types=nodes"
# kedro-viz takes none above.
LAST_PORT = 49_151
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
        self._dismiss_news()

    def _dismiss_news(self) -> None:
        """Of a newer version, which kedro-viz takes for granted where it cannot ask."""
        for button in self.browser.find_elements(By.XPATH, "//button[contains(., 'Dismiss')]"):
            self.browser.execute_script("arguments[0].click()", button)

    def open_boxes(self, *names: str) -> None:
        """Open a box, and those in it; it is then no longer shown itself."""
        for name in names:
            self.come_to_rest()
            self._click(f".pipeline-node--modularPipeline[data-id='{name}']")
            WebDriverWait(self.browser, 30).until(
                lambda _, name=name: name not in self.texts(".pipeline-node--modularPipeline")
            )
        self.come_to_rest()

    def come_to_rest(self) -> None:
        """Wait until nothing is moved or faded any more."""
        WebDriverWait(self.browser, 30).until(lambda _: self._seen() == self._seen(after=1))

    def _seen(self, after: float = 0) -> str:
        time.sleep(after)
        return str(self.browser.execute_script("return document.querySelector('#pipeline-graph').outerHTML"))

    def wait_for(self, selector: str) -> list[str]:
        return WebDriverWait(self.browser, 60).until(lambda _: self.texts(selector))

    def texts(self, selector: str) -> list[str]:
        return list(self.places(selector))

    def places(self, selector: str) -> dict[str, int]:
        """How far down the page each text is, in pixels."""
        found = "[...document.querySelectorAll(arguments[0])]"
        text_and_place = "each => [each.textContent.trim(), Math.round(each.getBoundingClientRect().y)]"
        script = f"return {found}.map({text_and_place}).filter(([text, _]) => text)"
        return dict(self.browser.execute_script(script, selector))

    def choose(self, full_name: str) -> None:
        """Open the side panel of a node or an artifact."""
        self._click(f"[data-node-fullname='{full_name}']")
        self.wait_for(".pipeline-metadata__title")

    def choose_failed(self) -> None:
        """Open the side panel of the node that failed."""
        self._click(".pipeline-node--status-failed")
        self.wait_for(".pipeline-metadata__title")

    def show_code(self) -> None:
        """Show the code of the chosen node."""
        toggle = self.browser.find_element(By.CSS_SELECTOR, ".pipeline-metadata .pipeline-toggle-input")
        self.browser.execute_script("arguments[0].click()", toggle)

    def _click(self, selector: str) -> None:
        node = self.browser.find_element(By.CSS_SELECTOR, selector)
        self.browser.execute_script("arguments[0].dispatchEvent(new MouseEvent('click', {bubbles: true}))", node)

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
    port = next(port for port in iter(free_port, None) if port <= LAST_PORT)
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
    boxes = {"fashion_mnist", "mnist", "squares"}
    assert set(lineage.texts(".pipeline-node--modularPipeline")) == boxes
    others = {f"{box}.{name}" for box in boxes for name in ("champion", "release", "report_page")}
    assert set(lineage.texts(".pipeline-node--data")) == others
    assert lineage.texts(".pipeline-node--task, .pipeline-node--parameters") == []
    places = lineage.places(".pipeline-node")
    assert places["squares.champion"] < places["squares"] < places["squares.report_page"]


@in_each_theme
@at_each_size
def test_one_data_set_is_its_four_pipelines_from_top_to_bottom(lineage: Lineage, size: str, theme: str) -> None:
    lineage.open(f"?pid=training&{ONE_DATA_SET}&{NO_ARTIFACTS}", SIZES[size], theme)
    lineage.open_boxes("squares")
    shot_of(theme, lineage.keep(f"one-data-set-{size}-{theme}"))
    places = lineage.places(".pipeline-node--modularPipeline")
    assert sorted(places, key=lambda name: places[name]) == FLOW
    assert lineage.texts(".pipeline-node--task, .pipeline-node--data") == []


@pytest.mark.parametrize(
    ("pipeline", "boxes", "layers"),
    [
        ("training", ["squares"], LAYERS[1:]),
        ("data", ["squares", "squares.data"], [*LAYERS[:2], LAYERS[4]]),
        ("train", ["squares", "squares.train"], [*LAYERS[1:3], LAYERS[4]]),
        ("export", ["squares", "squares.export"], LAYERS[1:4]),
        ("evaluate", ["squares", "squares.evaluate"], LAYERS[1:]),
    ],
)
def test_layers_are_in_the_order_of_the_flow_from_top_to_bottom(
    lineage: Lineage, pipeline: str, boxes: list[str], layers: list[str]
) -> None:
    lineage.open(f"?pid={pipeline}&{ONE_DATA_SET}")
    lineage.open_boxes(*boxes)
    lineage.keep(f"{pipeline}-opened")
    places = lineage.places(".pipeline-layer-name")
    assert sorted(places, key=lambda name: places[name]) == layers
    assert len(lineage.texts(".pipeline-node--task")) <= 12


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
    lineage.open(f"?pid=train&{ONE_DATA_SET}")
    lineage.open_boxes("squares", "squares.train")
    lineage.choose("train")
    lineage.show_code()
    (code,) = lineage.wait_for(".pipeline-metadata-code code")
    lineage.come_to_rest()
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
    assert "fail" in said.lower()
    (failed,) = lineage.texts(".pipeline-node--status-failed")
    assert "check_exports" in failed
    lineage.choose_failed()
    lineage.come_to_rest()
    lineage.keep("failed-run")
    (panel,) = lineage.texts(".pipeline-metadata")
    assert "does not agree with the trained model" in panel
