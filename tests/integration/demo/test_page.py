"""What is drawn is answered; the page loads nothing from elsewhere, and can be used by everybody."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from selenium.webdriver import Keys

from mnist_resnet.prediction.fitting import fit_digit
from tests.integration.conftest import serving_files
from tests.integration.demo.conftest import EMPTY, SEVEN, Page

pytestmark = [pytest.mark.integration, pytest.mark.landing]


def test_a_digit_that_is_drawn_is_fitted_and_answered(opened: Page) -> None:
    opened.draw((0.2, 0.2), (0.25, 0.9))
    answer = opened.wait_for("%")
    seen = opened.pixels("seen")
    np.testing.assert_array_equal(seen, fit_digit(opened.pixels("drawing"), (28, 28)))
    assert [name for name, *_ in opened.rows] == [str(digit) for digit in range(10)]
    assert sum(float(number) for _, number, _ in opened.rows) == pytest.approx(100, abs=0.5)
    best = max(opened.rows, key=lambda row: float(row[1]))
    assert answer == f"{best[0]}, {best[1]} %"
    assert "20×20" in opened["fitted"].text
    assert opened["time"].text.endswith(" ms")
    assert len(opened["digest"].text) == 64
    opened["clear"].click()
    assert opened.wait_for("empty") == EMPTY
    assert opened.pixels("drawing").max() == 0


def test_a_digit_can_be_drawn_by_keyboard(opened: Page) -> None:
    opened["drawing"].send_keys(Keys.ENTER)
    assert opened.answer == EMPTY
    opened["drawing"].send_keys(Keys.ARROW_UP * 5, " ", Keys.ARROW_DOWN * 9)
    assert opened["pen"].is_displayed()
    opened["drawing"].send_keys(" ")
    assert "%" in opened.wait_for("%")
    rows = np.flatnonzero(opened.pixels("seen").any(axis=1))
    assert rows[-1] - rows[0] == 19
    opened["drawing"].send_keys(Keys.DELETE)
    assert opened.wait_for("empty") == EMPTY


def test_the_other_model_answers_of_the_same_drawing(opened: Page) -> None:
    opened.draw((0.2, 0.1), (0.2, 0.9))
    opened.wait_for("%")
    opened.choose("halves")
    assert opened.answer.startswith(("dark", "left"))
    assert opened.pixels("seen").shape == (8, 8)
    assert opened["source"].text == "halves.onnx"
    assert len(opened.rows) == 3


def test_a_browser_without_webassembly_gets_one_plain_line(page: Page) -> None:
    source = {"source": "delete globalThis.WebAssembly"}
    added = page.browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", source)
    page.browser.get(page.address)
    page.wait_until(lambda: "allow it for this page" in page["message"].text)
    assert not page["page"].is_displayed()
    page.browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


def test_a_browser_without_javascript_gets_one_plain_line(page: Page) -> None:
    page.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    page.browser.get(page.address)
    assert "This page needs JavaScript and a web server" in page["message"].text
    page.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("models/digits.onnx", b"other bytes", "models/digits.onnx is not the file that was exported: its SHA-256 is"),
        ("models/digits.onnx", None, "models/digits.onnx could not be loaded: the web server answers 404."),
    ],
)
def test_a_model_that_is_not_the_exported_one_never_answers(
    page: Page, folder: Path, tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    spoiled = tmp_path / "page"
    shutil.copytree(folder / "deep/page", spoiled)
    (spoiled / name).unlink()
    if content is not None:
        (spoiled / name).write_bytes(content)
    with serving_files(tmp_path) as address:
        page.browser.get(f"{address}/page/")
        page.wait_until(lambda: said in page.answer)
        page.browser.get("about:blank")


def test_no_request_goes_anywhere_else_and_the_browser_has_no_complaint(page: Page) -> None:
    page.browser.get_log("browser")
    page.open()
    page.draw(*SEVEN)
    page.wait_for("%")
    page.choose("halves")
    loaded = page.browser.execute_script("return performance.getEntriesByType('resource').map((each) => each.name)")
    assert all(name.startswith(page.address) for name in loaded)
    assert {name.removeprefix(page.address) for name in loaded} >= {"models.json", "runtime/onnxruntime-web.wasm"}
    assert page.browser.get_log("browser") == []
    refused = "try { eval('1'); return 'done'; } catch (error) { return error.name; }"
    assert page.run(f"return (await load('answer.js')) && (() => {{ {refused} }})()") == "EvalError"


@pytest.mark.parametrize("width", [1500, 390])
@pytest.mark.parametrize(("scheme", "darkest", "lightest"), [("light", 200, 255), ("dark", 0, 60)])
def test_the_page_fits_each_screen_and_colour_scheme(
    page: Page, width: int, scheme: str, darkest: int, lightest: int, tmp_path: Path
) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    page.open()
    page.draw(*SEVEN, by="touch" if width < 600 else "pen")
    page.wait_for("%")
    assert page.browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert page.browser.save_screenshot(str(tmp_path / "page.png"))
    with Image.open(tmp_path / "page.png") as picture:
        assert darkest <= picture.convert("L").getpixel((2, 2)) <= lightest
    page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_all_that_can_be_used_has_a_name_for_those_who_do_not_see_it(opened: Page) -> None:
    nodes = opened.browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    focusable = [
        each
        for each in nodes
        if any(part["name"] == "focusable" and part["value"]["value"] for part in each.get("properties", []))
        and each["role"]["value"] != "RootWebArea"
    ]
    assert {each["role"]["value"] for each in focusable} >= {"radio", "button", "application"}
    assert [each for each in focusable if not each["name"]["value"]] == []
    assert opened["answer"].get_attribute("aria-live") == "polite"
