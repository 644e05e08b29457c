"""Recipes read without Kedro, trained and drawn."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from mnist_resnet.config import NamespaceParameters
from mnist_resnet.data.split import Split
from tests.conftest import PROJECT, recipe_parameters

IMAGES = np.random.default_rng(0).integers(256, size=(48, 28, 28), dtype=np.uint8)
LABELS = np.arange(48, dtype=np.uint8) % 10
RECIPES = sorted(path.parent.name for path in (PROJECT / "conf").glob("*/parameters.yml"))


@pytest.mark.parametrize("data_set", ["mnist", "fashion_mnist"])
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_is_read_as_kedro_reads_it(benchmark: Callable[[str], ModuleType], recipe: str, data_set: str) -> None:
    expected = NamespaceParameters(**recipe_parameters(recipe)[data_set])
    assert benchmark("recipes").recipe_parameters(recipe, data_set, {}) == expected


def test_what_differs_is_read_as_it_is_written_in_the_file_of_seeds(benchmark: Callable[[str], ModuleType]) -> None:
    changed = "model.stem=3x3_strided training.epochs=3 training.learning_rate=0.5 training.horizontal_flip=false"
    parameters = benchmark("recipes").recipe_parameters("base", "mnist", benchmark("recipes").as_parameters(changed))
    training = parameters.training
    assert parameters.model.stem == "3x3_strided"
    assert (training.epochs, training.learning_rate, training.horizontal_flip) == (3, 0.5, False)


@pytest.mark.parametrize("both_views", [False, True])
def test_an_outcome_has_the_figures_of_the_file_of_seeds(
    benchmark: Callable[[str], ModuleType], both_views: bool
) -> None:
    smoke = benchmark("recipes").recipe_parameters("smoke", "fashion_mnist", {"training.batch_size": 16})
    parameters = replace(smoke, export=replace(smoke.export, average_flips=both_views))
    parts = Split(IMAGES[:32], LABELS[:32], IMAGES[32:], LABELS[32:])
    figures = benchmark("gpu_recipe").outcome(parameters, parts, parts)
    shown = {name for name in benchmark("seeds").Row.__dataclass_fields__ if name.endswith(("loss", "accuracy"))}
    assert set(figures) == shown | {"precision", "epochs"}
    assert 0 <= float(figures["test_accuracy"]) <= 1


def test_minutes_are_shown_beside_the_accuracies_of_all_seeds(
    benchmark: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    minutes, seeds = benchmark("recipe_minutes"), PROJECT / "docs" / "results" / "seeds.csv"
    known = [("mnist", "base"), ("mnist", "mnist_32"), ("fashion_mnist", "base"), ("fashion_mnist", "d2l_fashion_28")]
    speeds = [minutes.Speed(data_set, recipe, "", 900, 1000, 1100, 3, 2.9) for data_set, recipe in known]
    lines = list(minutes.table(speeds, seeds))
    assert len({line.count("|") for line in lines}) == 1
    assert lines[3].endswith("| MNIST | `mnist_32` |  | 3 | 1,000 (900–1,100) | 2.9 | – | 0.9935 | 3 |")
    minutes.draw(speeds, seeds, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_trainings_of_equal_arithmetic_are_timed_once(
    benchmark: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    minutes, timed = benchmark("recipe_minutes"), []

    def trained(short: NamespaceParameters, *_: object) -> tuple[None, list[SimpleNamespace]]:
        size = short.preprocessing.size[0]
        timed.append((short.model.architecture, size))
        faster = 1 if size == 28 else 2
        return None, [SimpleNamespace(images_per_second=faster * speed) for speed in (1.0, 500.0, 1000.0, 2000.0)]

    monkeypatch.setattr(minutes, "trained", trained)
    alike = "training.epochs=4 training.weight_decay=0.1 training.erased_fraction=0.5 training.horizontal_flip=false"
    large, mixed = (
        minutes.measure("fashion_mnist", "accurate", f"{alike} training.small_epochs={small}") for small in (0, 2)
    )
    minutes.measure("fashion_mnist", "accurate", "training.small_epochs=0 model.architecture=resnet10")
    assert timed == [("resnet14_wide2", 28), ("resnet14_wide2", 20), ("resnet10", 28)]
    assert (large.images_per_second, large.epochs) == (1000, 4)
    assert large.minutes == pytest.approx(4 * 57 / 60)  # 57,000 images in an epoch
    assert (mixed.least, mixed.images_per_second, mixed.most) == (667, 1333, 2667)
    assert mixed.minutes == pytest.approx(0.75 * large.minutes, abs=0.01)
