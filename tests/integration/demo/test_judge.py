"""The smoke recipe's models, judged by a browser."""

from base64 import b64encode
from pathlib import Path

import numpy as np
import pytest
from selenium import webdriver

from mnist_resnet.demo.site import make_site, write_site
from tests.integration.conftest import SmokeRun, serving_files
from tests.integration.demo.conftest import Page

pytestmark = [pytest.mark.integration, pytest.mark.landing]


@pytest.mark.parametrize("namespace", ["mnist", "fashion_mnist"])
def test_the_browser_answers_a_thousand_test_images_like_onnxruntime(
    smoke: SmokeRun, runtime: dict[str, bytes], browser: webdriver.Chrome, tmp_path: Path, namespace: str
) -> None:
    exported = smoke.outputs / f"06_models/{namespace}/model.onnx"
    write_site(make_site({namespace: (str(exported), exported.read_bytes())}, runtime), tmp_path / "page")
    images = np.load(smoke.outputs / f"05_model_input/{namespace}/test_images.npy")[:1000]
    recorded = np.load(smoke.outputs / f"07_model_output/{namespace}/test_probabilities.npy")[:1000]
    program = """
        const { loadModels, openModel } = await load("model.js");
        const model = await openModel((await loadModels()).models[0]);
        const images = Uint8Array.from(atob(given[0]), (each) => each.charCodeAt(0));
        const probabilities = [];
        for (let image = 0; image < images.length / model.pixels; image += 1) {
          const one = images.slice(image * model.pixels, (image + 1) * model.pixels);
          probabilities.push([...(await model.classify(one)).probabilities]);
        }
        return probabilities;"""
    with serving_files(tmp_path) as address:
        page = Page(browser, f"{address}/page/")
        page.open()
        answered = np.array(page.run(program, b64encode(images.tobytes()).decode()))
    assert (answered.argmax(axis=1) == recorded.argmax(axis=1)).all()
    assert np.abs(answered - recorded).max() <= 1e-4
