"""The folder of a recipe's outputs, as its globals.yml names it."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mnist_resnet.config.validation import ConfigurationError
from mnist_resnet.config.variables import OUTPUTS_VARIABLE, TEMPORARY_VARIABLE

_BASE_ENVIRONMENTS = {None, "base", "local"}
_OF_RECIPES = "data/recipes"


def outputs_folder(names: Mapping[str, Any], env: str | None, project: Path) -> Path:
    """The folder of a recipe's outputs.

    Those of base may be anywhere but in the folders of other recipes; those of any other recipe have their place.

    Args:
        names: The content of ``globals.yml``.
        env: Kedro's environment, of which each is a recipe.
        project: The project's folder.

    Raises:
        ConfigurationError: If the recipe is not named as its environment, or its outputs cannot be where it says.
    """
    if os.environ.get(OUTPUTS_VARIABLE):  # the sweep's plan has been made by what globals.yml says
        return project / str(names["outputs"])
    is_base = env in _BASE_ENVIRONMENTS
    recipe = "base" if is_base else env
    _require(names, "recipe", str(recipe), "local" if is_base else str(recipe))
    if not is_base:
        _require(names, "outputs", f"{_OF_RECIPES}/{recipe}", str(recipe))
        return project / str(names["outputs"])
    value = names.get("outputs")
    if reason := next(_objections(value, project), None):
        raise ConfigurationError(
            f"globals.outputs: received {value!r}, {reason}. Correct it in conf/local/globals.yml, for "
            f"example `outputs: /mnt/disk/outputs`, or remove it there to use `outputs: data` of conf/base/globals.yml"
        )
    return project / str(value)


def with_own_outputs(names: Mapping[str, Any]) -> dict[str, Any]:
    """The content of ``globals.yml``, with outputs that are not in the way of others.

    That is the folder that a trial of a sweep is told, if any; and in a project that goes away afterwards, as that of a
    reproduction does, a folder of its own instead of one elsewhere.
    """
    told = os.environ.get(OUTPUTS_VARIABLE)
    if not told and os.environ.get(TEMPORARY_VARIABLE) and Path(str(names.get("outputs"))).is_absolute():
        told = "data"
    return {**names, "outputs": told} if told else dict(names)


def _require(names: Mapping[str, Any], key: str, expected: str, env: str) -> None:
    if names.get(key) != expected:
        raise ConfigurationError(
            f"globals.{key}: received {names.get(key)!r} in environment '{env}'; "
            f"state `{key}: {expected}` in conf/{env}/globals.yml"
        )


def _objections(value: Any, project: Path) -> Iterator[str]:
    """Why a folder cannot be that of base's outputs."""
    if not isinstance(value, str) or not value.strip():
        yield "which is not the name of a folder"
    elif "://" in value:
        yield "which is a URL, but outputs must be a local folder"
    elif value.startswith("~"):
        yield "but ~ is not expanded there: write the whole path"
    elif (project / value).exists() and not (project / value).is_dir():
        yield "which is a file"
    else:
        place, recipes = (project / value).resolve(), project / _OF_RECIPES
        taken = [recipes, *(recipes.iterdir() if recipes.is_dir() else ())]  # any may be a link to another disk
        if any(place.is_relative_to(each.resolve()) for each in taken):
            yield f"which is in {_OF_RECIPES}, where other recipes have their outputs"
