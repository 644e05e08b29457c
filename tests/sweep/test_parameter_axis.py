"""Where the values of a parameter lie in a picture."""

import pytest

from mnist_resnet.sweep.parameter_axis import ParameterAxis


def test_numbers_lie_on_a_scale() -> None:
    axis = ParameterAxis("epochs", [1, 5, 3, 3])
    assert (axis.is_numeric, axis.is_log) == (True, False)
    assert [axis.place(value) for value in (1, 3, 5)] == [1, 3, 5]
    assert [axis.height(value) for value in (1, 3, 5)] == [0, 0.5, 1]
    assert axis.ticks() == [(0, "1"), (0.5, "3"), (1, "5")]


def test_a_logarithmic_scale_is_that_of_the_search_or_of_numbers_far_apart() -> None:
    assert ParameterAxis("rate", [0.01, 0.1, 1.0]).height(0.1) == pytest.approx(0.5)
    assert not ParameterAxis("rate", [0.01, 0.1, 1.0], log=False).is_log
    assert ParameterAxis("rate", [0.5, 1.0], log=True).is_log
    assert not ParameterAxis("rate", [0.0, 100.0]).is_log


@pytest.mark.parametrize(
    "values", [["sgd", "adam", "sgd"], [None, 0.9], [True, False], [[28, 28], [32, 32]], [1, "1.5"]]
)
def test_other_values_lie_side_by_side_in_their_order(values: list[object]) -> None:
    axis = ParameterAxis("x", values)
    assert not axis.is_numeric
    assert [axis.height(value) for value in values[:2]] == [0, 1]
    assert [height for height, _ in axis.ticks()] == [0, 1]


def test_a_single_value_lies_in_the_middle() -> None:
    axis = ParameterAxis("rate", [0.020372192041196138])
    assert axis.height(0.020372192041196138) == 0.5
    assert axis.ticks() == [(0.5, "0.02037")]


def test_of_many_numbers_the_ends_are_labelled_and_long_labels_are_cut() -> None:
    assert ParameterAxis("rate", [0.1 * number for number in range(1, 12)]).ticks() == [(0, "0.1"), (1, "1.1")]
    assert ParameterAxis("x", ["a" * 30, "b"]).ticks()[0] == (0, "a" * 19 + "…")
