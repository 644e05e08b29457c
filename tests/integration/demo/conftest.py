"""The page on which models answer, in a browser."""

import shutil
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions.pointer_input import PointerInput
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from mnist_resnet.demo.onnxruntime_web import web_runtime
from mnist_resnet.demo.site import make_site, write_site
from tests.integration.conftest import serving_files
from tests.made_model import digits_model, halves_model

EMPTY = "The canvas is empty: draw something, or choose a picture."
SEVEN = ((0.3, 0.25), (0.7, 0.25), (0.46, 0.8))


@pytest.fixture(scope="session")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, bytes]]:
    """onnxruntime for browsers, fetched once by npm into a cache that the commands of these tests use, too."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed (Debian: npm)")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield web_runtime()


@dataclass(frozen=True)
class Page:
    """The page in a browser."""

    browser: webdriver.Chrome
    address: str

    def open(self) -> None:
        self.browser.get(self.address)
        self.wait_for(EMPTY)

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        WebDriverWait(self.browser, 20, poll_frequency=0.05).until(lambda _: is_so())

    def __getitem__(self, name: str) -> Any:
        return self.browser.find_element(By.ID, name)

    @property
    def answer(self) -> str:
        return self["answer"].text

    @property
    def rows(self) -> list[list[str]]:
        """The words of each bar."""
        return [row.text.split() for row in self["bars"].find_elements(By.TAG_NAME, "tr")]

    def wait_for(self, part: str) -> str:
        self.wait_until(lambda: part in self.answer)
        return self.answer

    def choose(self, title: str) -> None:
        (radio,) = (each for each in self["models"].find_elements(By.TAG_NAME, "label") if each.text == title)
        radio.click()
        self.wait_until(lambda: "Loading" not in self.answer)

    def draw(self, *places: tuple[float, float], by: str = "mouse") -> None:
        """Draw a line through places, as parts of the canvas' width and height."""
        width, height = (self["drawing"].size[name] for name in ("width", "height"))
        actions = ActionChains(self.browser, duration=20, devices=[PointerInput(by, by)])
        for number, (x, y) in enumerate(places):
            offset = (round((x - 0.5) * width), round((y - 0.5) * height))
            actions.move_to_element_with_offset(self["drawing"], *offset)
            if number == 0:
                actions.click_and_hold()
        actions.release().perform()

    def pixels(self, canvas: str) -> np.ndarray:
        """The grey pixels of a canvas."""
        address = self.browser.execute_script("return arguments[0].toDataURL()", self[canvas])
        return np.asarray(Image.open(BytesIO(b64decode(address.partition(",")[2]))).convert("L"))

    def run(self, program: str, *arguments: Any) -> Any:
        """Run a function's body in the page, with ``load(name)`` for its modules and ``given`` for the arguments."""
        result = self.browser.execute_async_script(
            f"""
            const given = [...arguments], done = given.pop(), load = (name) => import(new URL(name, document.baseURI));
            const run = async () => {{ {program} }};
            run().then((value) => done({{ value }}), (error) => done({{ error: `${{error}}` }}));""",
            *arguments,
        )
        assert "error" not in result, result
        return result["value"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, runtime: dict[str, bytes]) -> Path:
    """A folder of a web server with the page in a folder below."""
    folder = tmp_path_factory.mktemp("server")
    models = {"digits": ("digits.onnx", digits_model()), "halves": ("halves.onnx", halves_model())}
    write_site(make_site(models, runtime), folder / "deep" / "page")
    return folder


@pytest.fixture(scope="module")
def page(folder: Path, browser: webdriver.Chrome) -> Iterator[Page]:
    with serving_files(folder) as address:
        yield Page(browser, f"{address}/deep/page/")


@pytest.fixture
def opened(page: Page) -> Page:
    page.open()
    return page
