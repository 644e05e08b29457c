"""A recipe's parameters, read where there may be no Kedro."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from mnist_resnet.config import NamespaceParameters, flatten, nest

CONF = Path(__file__).parents[1] / "conf"


def recipe_parameters(recipe: str, data_set: str, changed: Mapping[str, Any]) -> NamespaceParameters:
    """The parameters of one data set in a recipe.

    Args:
        recipe: A folder of conf/.
        data_set: ``mnist`` or ``fashion_mnist``.
        changed: What differs from the recipe, by keys such as ``training.epochs``.
    """
    base, own = (_read(folder).get(data_set, {}) for folder in ("base", recipe))
    return NamespaceParameters(**nest({**flatten(base), **flatten(own), **changed}))


def as_parameters(text: str) -> dict[str, Any]:
    """Parameters by their keys, from ``training.epochs=3 training.weight_decay=0.01`` as seeds.csv has them."""
    return {key: yaml.safe_load(value) for key, _, value in (each.partition("=") for each in text.split())}


def _read(folder: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((CONF / folder / "parameters.yml").read_text(encoding="utf-8"))
    return content
