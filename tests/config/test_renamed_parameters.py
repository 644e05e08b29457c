import copy

import pytest

from mnist_resnet.config import flatten
from mnist_resnet.config.renamed_parameters import ADDED, RENAMED, with_added_parameters, with_current_names


@pytest.mark.parametrize(
    ("recorded", "present"),
    [
        ({"mnist": {"model": {"variant": "resnet18"}}}, {"mnist": {"model": {"architecture": "resnet18"}}}),
        ({"mnist": {"model": {"architecture": "resnet18"}}}, {"mnist": {"model": {"architecture": "resnet18"}}}),
        (
            {"recipe": "base", "mnist": {"training": {"seed": 1}}},
            {"recipe": "base", "mnist": {"training": {"seed": 1}}},
        ),
    ],
)
def test_parameters_have_their_present_names_and_the_recorded_ones_stay(recorded, present):
    before = copy.deepcopy(recorded)
    assert with_current_names(recorded) == present
    assert recorded == before


def test_parameters_that_were_added_later_have_the_values_of_before_and_recorded_ones_stay():
    mnist = {"training": {"tf32": False}, "model": {}, "export": {"variants": {"seed": 0}}}
    recorded = {"recipe": "base", "mnist": mnist, "other": {"model": {}, "export": {"opset": 17}}}
    before = copy.deepcopy(recorded)
    training = {"tf32": False, "shuffle_shards": None, "devices": 1, "hosts": 1, "require_gpu": False}
    training |= {"small_epochs": 0, "small_size": [20, 20]}
    export = {"variants": {"seed": 0, "least_speed": None}}
    expected = {**recorded, "mnist": {"training": training, "model": {}, "export": export}}
    assert with_added_parameters(recorded) == expected
    assert recorded == before


def test_every_present_name_is_a_parameter(raw_parameters):
    known = flatten(raw_parameters["mnist"]).keys()
    assert set(RENAMED.values()) | ADDED.keys() <= known
    assert known.isdisjoint(RENAMED)
