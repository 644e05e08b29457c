"""The plan of a sweep as it is recorded, and the identity of its trials."""

import json

import pytest

from mnist_resnet.sweep.plan import SweepError, SweepPlan, Trial
from mnist_resnet.sweep.search_space import Choice, Range

RATE, SIZE, SEED = "mnist.training.learning_rate", "mnist.preprocessing.size", "mnist.training.seed"
PLAN = SweepPlan(
    env="fast",
    namespaces=("mnist",),
    pipelines=("training",),
    params={"mnist.training.epochs": 1},
    trials=(Trial(0, {RATE: 0.2, SIZE: [32, 32], SEED: 0}), Trial(1, {RATE: 1, SIZE: [28, 28], SEED: None})),
    space={
        "mnist.model.head": Choice(("flatten", None, 1, True, 2.5, [1, 2])),
        RATE: Range(1e-3, 1, True, None, False),
    },
    count=2,
    prune=False,
    cpus=1,
    gpus=0.5,
    promote=False,
    parameters_digest="0",
)


def test_a_recorded_plan_is_read_as_it_was() -> None:
    read = SweepPlan.from_json(PLAN.as_json())
    assert read == PLAN
    assert [trial.identity for trial in read.trials] == [trial.identity for trial in PLAN.trials]
    assert repr(read.trials) == repr(PLAN.trials)  # 1 is not 1.0, and True is not 1


def test_a_plan_of_an_earlier_version_names_no_configuration() -> None:
    earlier = {name: value for name, value in json.loads(PLAN.as_json()).items() if name != "conf_source"}
    assert SweepPlan.from_json(json.dumps(earlier)) == PLAN


def test_what_is_no_plan_is_refused() -> None:
    with pytest.raises(SweepError, match="recorded plan of the sweep cannot be read: namespaces"):
        SweepPlan.from_json('{"env": null}')


def test_the_identity_is_that_of_the_overrides() -> None:
    assert Trial(0, {RATE: 0.2, SEED: 3}).identity == Trial(7, {SEED: 3, RATE: 0.2}).identity
    assert Trial(0, {SEED: 3}).identity != Trial(0, {SEED: 4}).identity


def test_trials_that_differ_only_by_seed_have_the_rest_in_common() -> None:
    assert Trial(0, {RATE: 0.2, SEED: 3, "mnist.data.seed": 1}).without_seeds == {RATE: 0.2, "mnist.data.seed": 1}


def test_overrides_are_shown_as_they_are_typed() -> None:
    trial = Trial(0, {RATE: 0.2, "mnist.training.nesterov": True, "mnist.model.head": "flatten", SIZE: [32, 32]})
    assert trial.in_words() == (f"{RATE}=0.2, mnist.training.nesterov=true, mnist.model.head=flatten, {SIZE}=[32, 32]")
