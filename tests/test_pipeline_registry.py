"""The pipelines of all data sets, as ``kedro run`` and kedro-viz find them."""

from collections import Counter
from typing import Any

import pytest
from kedro.pipeline import Pipeline

from mnist_resnet.pipeline_registry import create_pipelines

FLOW = ["data", "train", "export", "evaluate"]


@pytest.fixture(scope="module")
def registered() -> dict[str, Pipeline]:
    configured: Any = {"parameters": {"datasets": {"mnist": {}, "squares": {}}}}
    return create_pipelines(configured)


def test_only_the_champion_comes_from_elsewhere(registered: dict[str, Pipeline]) -> None:
    """kedro-viz shows what is no parameter beside the boxes of the data sets."""
    shown = {name for name in registered["training"].inputs() if not name.startswith("params:")}
    assert shown == {"mnist.champion", "squares.champion"}


@pytest.mark.parametrize("name", FLOW)
def test_a_pipeline_of_a_data_set_is_a_namespace_that_can_be_overlooked(
    registered: dict[str, Pipeline], name: str
) -> None:
    boxes = Counter(node.namespace for node in registered[name].nodes)
    assert boxes.keys() == {f"mnist.{name}", f"squares.{name}"}
    assert max(boxes.values()) <= 12
    alone = registered["training"].filter(node_namespaces=[f"mnist.{name}"])
    assert {node.name for node in alone.nodes} == {
        node.name for node in registered[name].nodes if "mnist." in node.name
    }


def test_each_pipeline_follows_the_one_before(registered: dict[str, Pipeline]) -> None:
    made: set[str] = set()
    for name in FLOW:
        needed = {each for each in registered[name].inputs() if not each.startswith("params:")}
        assert needed - made <= {"mnist.champion", "squares.champion"}
        made |= registered[name].all_outputs()


@pytest.mark.parametrize("name", FLOW)
def test_each_node_says_what_it_does(registered: dict[str, Pipeline], name: str) -> None:
    """In kedro-viz, beside its code."""
    for node in registered[name].nodes:
        assert (node.func.__doc__ or "").rstrip().endswith("."), node.name
