import numpy as np
import pytest

from mnist_resnet.evaluation.perturbations import PERTURBATIONS, perturb
from mnist_resnet.evaluation.plots import robustness
from mnist_resnet.evaluation.robustness import Robustness
from tests.evaluation.plots.conftest import pictures, texts

SEED = 3
PERTURBED = {
    name: {f"{strength:g}": 0.9 - 0.1 * number - 0.01 * place for place, strength in enumerate(perturbation.strengths)}
    for number, (name, perturbation) in enumerate(PERTURBATIONS.items())
}


@pytest.fixture
def example() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (8, 8), dtype=np.uint8)


def test_every_perturbation_has_a_panel_on_one_scale(example):
    figure = robustness(Robustness(50, 0.95, PERTURBED), example, SEED, "Robust")
    read = texts(figure)
    assert {"Robust", "accuracy", "untouched", *PERTURBED} <= set(read)
    assert {perturbation.unit for perturbation in PERTURBATIONS.values()} <= set(read)
    panels = [axes for axes in figure.axes if axes.lines]
    assert [axes.get_title() for axes in panels] == list(PERTURBED)
    assert len({axes.get_ylim() for axes in panels}) == 1
    for axes, (name, accuracies) in zip(panels, PERTURBED.items(), strict=True):
        level, curve = axes.lines
        assert set(level.get_ydata()) == {0.95}
        assert list(curve.get_ydata()) == [0.95, *accuracies.values()]
        assert [label.get_text() for label in axes.get_xticklabels()] == ["untouched", *accuracies], name


def test_the_example_is_shown_untouched_and_at_each_strength(example):
    figure = robustness(Robustness(50, 0.95, PERTURBED), example, SEED, "Robust")
    expected = []
    for name, perturbation in PERTURBATIONS.items():
        expected.append(example)
        expected += [perturb(example[None], name, strength, SEED)[0] for strength in perturbation.strengths]
    np.testing.assert_array_equal(pictures(figure), expected)


@pytest.mark.parametrize("names", [["noise"], ["noise", "blur", "shift", "contrast"]])
def test_some_perturbations_alone_are_shown(example, names):
    figure = robustness(Robustness(50, 0.95, {name: PERTURBED[name] for name in names}), example, SEED, "Some")
    assert [axes.get_title() for axes in figure.axes if axes.lines] == names
    assert len(pictures(figure)) == 4 * len(names)
    assert "Some" in texts(figure)
