"""The plan that options ask for, and what is refused before anything starts."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mnist_resnet.config import ConfigurationError
from mnist_resnet.sweep.plan import SweepError, SweepPlan
from mnist_resnet.sweep.planning import DEFAULT_TRIALS, Configured

Planned = Callable[..., SweepPlan]
Written = Callable[[str], Path]

RATE, SEED = "mnist.training.learning_rate", "mnist.training.seed"


def test_seeds_are_those_of_each_chosen_data_set(planned: Planned) -> None:
    plan = planned(seeds="0-1,7", namespaces=["mnist", "fashion_mnist"])
    assert plan.namespaces == ("mnist", "fashion_mnist")
    assert plan.pipelines == ("training",)
    assert [trial.overrides for trial in plan.trials] == [
        {"mnist.training.seed": seed, "fashion_mnist.training.seed": seed} for seed in (0, 1, 7)
    ]
    assert [trial.number for trial in plan.trials] == [0, 1, 2]
    assert plan.count == 3


def test_a_grid_is_a_product_and_those_that_differ_by_seed_follow_each_other(planned: Planned) -> None:
    plan = planned(namespaces=["mnist"], seeds="3,4", grid=[f"{RATE}=0.2,1e-1", "mnist.training.nesterov=true,false"])
    assert [tuple(trial.overrides.values()) for trial in plan.trials[:3]] == [
        (0.2, True, 3),
        (0.2, True, 4),
        (0.2, False, 3),
    ]
    assert plan.trials[-1].overrides == {RATE: 0.1, "mnist.training.nesterov": False, SEED: 4}
    assert plan.varied == (RATE, "mnist.training.nesterov", SEED)
    assert plan.count == len({trial.identity for trial in plan.trials}) == 8


def test_a_search_has_a_space_and_a_number_of_trials(planned: Planned, space_file: Written) -> None:
    plan = planned(namespaces=["mnist"], space=space_file(f"{RATE}: {{low: 0.1, high: 1, log: true}}"), prune=True)
    assert (plan.trials, plan.count, plan.prune, plan.varied) == ((), DEFAULT_TRIALS, True, (RATE,))


def test_a_space_of_few_trials_is_searched_whole(planned: Planned, space_file: Written) -> None:
    space = space_file(
        "mnist.model.head: {values: [flatten, average_pool]}\nmnist.training.max_shift: {low: 0, high: 2}"
    )
    assert planned(namespaces=["mnist"], space=space).count == 6
    with pytest.raises(SweepError, match="received 7, but the space has only 6 different trials"):
        planned(namespaces=["mnist"], space=space, trials=7)


def test_several_hosts_of_a_data_set_that_is_not_trained_are_no_concern(planned: Planned) -> None:
    assert planned(seeds="0", namespaces=["mnist"], params={"fashion_mnist": {"training": {"hosts": 2}}}).count == 1


def test_a_plan_names_the_configuration_that_it_was_made_from(planned: Planned) -> None:
    plan = planned(seeds="0", env="fast", conf_source="/archives/my conf.zip")
    chosen = ["--pipelines", "data,train", "--namespaces", "mnist", "--params", "a.b=true,a.size=[28, 28]"]
    params = {"a.b": True, "a.size": [28, 28]}
    command = plan.run_command(["data", "train"], ["mnist"], params)
    assert command == ["run", "--env", "fast", "--conf-source", "/archives/my conf.zip", *chosen]
    assert planned(seeds="0").run_command(["data", "train"], ["mnist"], params) == ["run", *chosen]


def test_parameters_of_all_trials_are_kept_by_dotted_key(planned: Planned) -> None:
    plan = planned(seeds="0", params={"mnist": {"training": {"epochs": 2}}}, namespaces=["mnist"])
    assert plan.params == {"mnist.training.epochs": 2}


def test_a_sweep_is_resumed_with_the_parameters_that_it_began_with(planned: Planned, configured: Configured) -> None:
    params = {"mnist": {"training": {"epochs": 2}}}
    plan = planned(seeds="0", namespaces=["mnist"], params=params)
    plan.require_unchanged(configured(params))
    plan.require_unchanged(configured({**params, "tracking": {"offline": True}}))
    with pytest.raises(SweepError, match="parameters in conf/ have changed since this sweep began"):
        plan.require_unchanged(configured({"mnist": {"training": {"epochs": 2, "batch_size": 64}}}))


@pytest.mark.parametrize(
    ("grid", "said"),
    [
        ("mnist.training.learning_rat=0.1", "mnist.training.learning_rat: unknown key, value 0.1; did you mean"),
        ("mnist.training.learning_rate=0.1,fast", "mnist.training.learning_rate: received 'fast'"),
        ("minst.training.seed=1", "minst: no such data set; add it to conf/base/datasets.yml, or did you mean 'mnist'"),
        ("mnist.training.batch_size=256,0", "mnist.training.batch_size: received 0"),
        ("mnist.model.variant=resnet18", "it is called mnist.model.architecture now"),
        ("mnist.training=3", "mnist.training: received 3"),
        ("mnist.preprocessing.size=[32,32],[8,8]", "mnist.preprocessing.size: received [8, 8], but padding cannot"),
    ],
)
def test_wrong_parameters_are_refused_in_the_words_of_a_run(planned: Planned, grid: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        planned(grid=[grid])
    assert said in str(refusal.value)


@pytest.mark.parametrize(
    ("space", "said"),
    [
        (f"{RATE}: {{low: 0, high: 1}}", f"{RATE}: received 0"),
        (f"{RATE}: {{low: 0.1, high: 1}}\nmnist.training.seeed: {{low: 1, high: 3}}", "mnist.training.seeed: unknown"),
        ("mnist.model.head: {values: [average_pool, no_head]}", "mnist.model.head: received 'no_head'"),
        ("mnist.training.max_shift: {low: 1, high: 28}", "mnist.training.max_shift: received 28, which can move"),
    ],
)
def test_the_ends_of_a_space_are_checked_as_parameters(planned, space_file, space: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        planned(namespaces=["mnist"], space=space_file(space))
    assert said in str(refusal.value)


def test_values_that_need_each_other_are_checked_together(planned: Planned, space_file: Written) -> None:
    space = space_file("mnist.preprocessing.method: {values: [resize]}\nmnist.preprocessing.size: {values: [[16, 16]]}")
    assert planned(namespaces=["mnist"], space=space).count == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "Nothing varies: give --seeds"),
        ({"seeds": "0", "trials": 3}, "--trials is for a search"),
        ({"seeds": "0", "prune": True}, "--prune is for a search"),
        ({"seeds": "0", "cpus": 0}, "--cpus: received 0"),
        ({"seeds": "0", "gpus": 1.5}, "--gpus: received 1.5; choose a share"),
        ({"seeds": "0", "gpus": -0.5}, "--gpus: received -0.5"),
        ({"seeds": "0", "gpus": float("nan")}, "--gpus: received nan"),
        (
            {"seeds": "0", "namespaces": ["minst"]},
            "--namespaces: received 'minst'; the data sets are mnist, fashion_mn",
        ),
        (
            {"seeds": "0", "pipelines": ["trian"]},
            "--pipelines: received 'trian'; the pipelines are data, train, export",
        ),
        ({"seeds": "0", "pipelines": ["data", "export"]}, "--pipelines: received data,export, but a trial trains"),
        ({"seeds": "0", "pipelines": ["data", "train"], "promote": True}, "--promote needs the whole training"),
        ({"seeds": "0", "grid": [f"{SEED}=1,2"]}, f"--grid: received '{SEED}', which --seeds gives, too"),
        (
            {"grid": ["tracking.experiment=a,b"]},
            "--grid: received 'tracking.experiment'; a sweep varies the parameters",
        ),
        (
            {"grid": [f"{RATE}=1"], "namespaces": ["fashion_mnist"]},
            f"--grid: received '{RATE}'; a sweep varies the par",
        ),
        ({"grid": ["mnist.release.register=true"]}, "no trial registers its model"),
        ({"seeds": "0", "params": {"mnist": {"release": {"register": True}}}}, "no trial registers its model"),
        ({"seeds": "0", "params": {"mnist": {"training": {"seed": 1}}}}, f"--seeds: received '{SEED}', which --params"),
        (
            {"seeds": "0", "params": {"mnist": {"training": {"hosts": 2}}}},
            "mnist.training.hosts: received 2, but a trial of a sweep has one host; make it 1, or start such runs",
        ),
        ({"grid": ["mnist.training.hosts=1,2"]}, "mnist.training.hosts: received 2, but a trial of a sweep"),
        (
            {"seeds": "0", "params": {"tracking": {"enabled": False}}},
            "received false from --params, but a sweep is kept",
        ),
        (
            {"seeds": "0", "params": {"tracking": {"offline": True}}},
            "tracking.offline: received true from --params, but a sweep is kept in MLflow's store; make it false",
        ),
        (
            {"seeds": "0", "promote": True, "params": {"mnist": {"data": {"validation_fraction": 0}}}},
            "--promote compares trials by validation images, but mnist.data.validation_fraction is 0",
        ),
    ],
)
def test_options_that_do_not_go_together_are_refused(planned: Planned, options, said: str) -> None:
    with pytest.raises(SweepError) as refusal:
        planned(**options)
    assert said in str(refusal.value)
    assert len(str(refusal.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"seeds": "0-3"}, "--space searches by itself: leave out --seeds"),
        ({"trials": 0}, "--trials: received 0; choose 1 to"),
        ({"namespaces": []}, "--space searches for one data set; name it by --namespaces: one of mnist, fashion_mnist"),
        ({"params": {"mnist": {"training": {"learning_rate": 0.1}}}}, f"--space: received '{RATE}', which --params"),
        (
            {"params": {"mnist": {"data": {"validation_fraction": 0}}}},
            "--space compares trials by validation images, but mnist.data.validation_fraction is 0",
        ),
    ],
)
def test_a_search_for_one_data_set_is_refused_where_it_cannot_be(planned, space_file, options, said: str) -> None:
    space = space_file(f"{RATE}: {{low: 0.1, high: 1}}")
    with pytest.raises(SweepError) as refusal:
        planned(**({"namespaces": ["mnist"], "space": space} | options))
    assert said in str(refusal.value)


@pytest.mark.parametrize("key", ["mnist.data.seed", "mnist.evaluation.batch_size", "mnist.export.opset"])
def test_a_search_keeps_to_what_the_validation_loss_judges(planned: Planned, space_file: Written, key: str) -> None:
    with pytest.raises(SweepError, match="a fair judge of preprocessing, model, training only"):
        planned(namespaces=["mnist"], space=space_file(f"{key}: {{values: [14, 15]}}"))
