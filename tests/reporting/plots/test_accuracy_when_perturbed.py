from collections.abc import Iterable

import numpy as np
import pytest

from mnist_resnet.evaluation.perturbations import PERTURBATIONS, perturb
from mnist_resnet.evaluation.robustness import Robustness, summarize
from mnist_resnet.reporting.plots import robustness
from tests.reporting.plots.conftest import pictures, texts

SEED = 3


def right_on(images: int) -> np.ndarray:
    return np.arange(50) < images


def measured(names: Iterable[str]) -> Robustness:
    perturbed = {
        name: {
            f"{strength:g}": right_on(45 - 5 * number - place)
            for place, strength in enumerate(PERTURBATIONS[name].strengths)
        }
        for number, name in enumerate(names)
    }
    return summarize(right_on(48), perturbed)


@pytest.fixture
def example() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (8, 8), dtype=np.uint8)


def test_every_perturbation_has_a_panel_on_one_scale(example):
    whole = measured(PERTURBATIONS)
    figure = robustness(whole, example, SEED, "Robust")
    read = texts(figure)
    assert {"Robust", "accuracy, with 95 % intervals", "untouched", *PERTURBATIONS} <= set(read)
    assert {perturbation.unit for perturbation in PERTURBATIONS.values()} <= set(read)
    panels = [axes for axes in figure.axes if axes.lines]
    assert [axes.get_title() for axes in panels] == list(PERTURBATIONS)
    assert len({axes.get_ylim() for axes in panels}) == 1
    for axes, (name, accuracies) in zip(panels, whole.perturbed.items(), strict=True):
        level, (curve,) = axes.lines[0], [line for line in axes.lines if line.get_linestyle() == "-"]
        assert set(level.get_ydata()) == {0.96}
        assert list(curve.get_ydata()) == [0.96, *accuracies.values()]
        (bars,) = axes.collections
        drawn = [sorted(segment[:, 1]) for segment in bars.get_segments()]
        intervals = [whole.untouched_interval, *whole.perturbed_intervals[name].values()]
        np.testing.assert_allclose(drawn, intervals)
        assert [label.get_text() for label in axes.get_xticklabels()] == ["untouched", *accuracies], name


def test_the_example_is_shown_untouched_and_at_each_strength(example):
    figure = robustness(measured(PERTURBATIONS), example, SEED, "Robust")
    expected = []
    for name, perturbation in PERTURBATIONS.items():
        expected.append(example)
        expected += [perturb(example[None], name, strength, SEED)[0] for strength in perturbation.strengths]
    np.testing.assert_array_equal(pictures(figure), expected)


@pytest.mark.parametrize("names", [["noise"], ["noise", "blur", "shift", "contrast"]])
def test_some_perturbations_alone_are_shown(example, names):
    figure = robustness(measured(names), example, SEED, "Some")
    assert [axes.get_title() for axes in figure.axes if axes.lines] == names
    assert len(pictures(figure)) == 4 * len(names)
    assert "Some" in texts(figure)
