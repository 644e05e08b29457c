"""The site of the documentation, as `make docs` has built it, looked at in a browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from tests.conftest import PROJECT

pytestmark = [pytest.mark.integration, pytest.mark.slow]

SITE = PROJECT / "build" / "docs"
# How many pictures each lesson shows; what else they show, they check themselves.
PICTURES = {"explore": 4, "mnist_32": 1, "d2l_fashion_28": 1, "d2l_fashion_96": 1, "d2l_keras_224": 1, "read_a_run": 0}
_PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
_PAGES = (
    "README",
    "first-run",
    "how-to/serving",
    "how-to/data-set",
    "notebooks/mnist_32",
    "notebooks/read_a_run",
    "reference/commands",
    "reference/parameters",
    "reference/files",
    "reference/library",
    "results",
    "results/accuracy",
    "results/training-speed",
    "decisions/0001-own-mlflow-hooks",
)


@pytest.fixture(scope="module")
def site() -> Path:
    if not (SITE / "README.html").exists():
        pytest.skip("the site is not built: make docs")
    return SITE


@pytest.fixture
def phone(browser: webdriver.Chrome) -> Iterator[webdriver.Chrome]:
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", _PHONE)
    yield browser
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("page", _PAGES)
def test_nothing_is_wider_than_a_phone(site: Path, phone: webdriver.Chrome, page: str) -> None:
    phone.get((site / f"{page}.html").as_uri())
    widths = phone.execute_script("return [innerWidth, document.documentElement.scrollWidth]")
    assert widths == [_PHONE["width"]] * 2


def test_the_site_is_searched_without_a_server(site: Path, browser: webdriver.Chrome) -> None:
    browser.get(f"{(site / 'search.html').as_uri()}?q=checkpoint_seconds")
    WebDriverWait(browser, 20).until(lambda _: "Search finished" in browser.find_element(By.ID, "search-results").text)
    titles = {link.text for link in browser.find_elements(By.CSS_SELECTOR, "ul.search li a")}
    assert "Parameters" in titles


@pytest.mark.parametrize("name", PICTURES)
def test_a_lesson_shows_what_it_has_come_to(site: Path, browser: webdriver.Chrome, name: str) -> None:
    browser.get((site / f"notebooks/{name}.html").as_uri())
    pictures = browser.find_elements(By.CSS_SELECTOR, ".cell_output img")
    assert [picture.get_property("naturalWidth") > 0 for picture in pictures] == [True] * PICTURES[name]
    if name not in {"explore", "read_a_run"}:
        assert browser.find_elements(By.CSS_SELECTOR, ".cell_output table")


def test_each_notebook_has_its_page() -> None:
    assert {path.stem for path in (PROJECT / "notebooks").glob("*.ipynb")} == PICTURES.keys()
