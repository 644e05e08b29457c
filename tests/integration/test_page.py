"""The report's page, looked at in a browser."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from selenium import webdriver

from mnist_resnet.reporting.page import to_html
from mnist_resnet.reporting.plots import confusion_matrix

pytestmark = pytest.mark.integration
_WIDE_AND_NARROW = (1280, 400)
_ROWS = "\n".join(f"| {name} | `{name * 13}` |" for name in ("first", "other", "third"))
_REPORT = f"# Squares\n\n| name | SHA-256 |\n| --- | --- |\n{_ROWS}\n\n![Which for which](confusion_matrix.png)\n"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    png = BytesIO()
    names = [f"class {number}" for number in range(10)]
    confusion_matrix(np.eye(10, dtype=np.int64), names, "Squares").savefig(png, format="png")
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(to_html(_REPORT, "Squares", {"confusion_matrix.png": png.getvalue()}), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(params=_WIDE_AND_NARROW)
def width(request: pytest.FixtureRequest, browser: webdriver.Chrome) -> Iterator[int]:
    size = {"width": request.param, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    yield request.param
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_the_picture_is_drawn_and_nothing_is_wider_than_the_page(
    address: str, browser: webdriver.Chrome, width: int
) -> None:
    browser.get(address)
    assert browser.title == "Squares"
    assert browser.execute_script("return document.querySelector('img').naturalWidth") > 100
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert browser.execute_script("return document.querySelector('img').getBoundingClientRect().right") <= width


def test_the_page_loads_nothing_and_the_browser_has_no_complaint(address: str, browser: webdriver.Chrome) -> None:
    browser.get(address)
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert browser.get_log("browser") == []


@pytest.mark.parametrize(("scheme", "darkest", "lightest"), [("light", 200, 255), ("dark", 0, 60)])
def test_the_page_follows_the_colour_scheme(
    address: str, browser: webdriver.Chrome, tmp_path: Path, scheme: str, darkest: int, lightest: int
) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.get(address)
    screenshot = tmp_path / f"{scheme}.png"
    assert browser.save_screenshot(str(screenshot))
    with Image.open(screenshot) as picture:
        corner = picture.convert("L").getpixel((2, 2))
    assert darkest <= corner <= lightest
