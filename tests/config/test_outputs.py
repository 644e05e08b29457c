import re
from pathlib import Path

import pytest

from mnist_resnet.config import (
    OUTPUTS_VARIABLE,
    TEMPORARY_VARIABLE,
    ConfigurationError,
    outputs_folder,
    with_own_outputs,
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with outputs of recipes, of which one is kept on another disk, and two other folders."""
    folder = tmp_path / "project"
    (folder / "data/recipes/smoke").mkdir(parents=True)
    (folder / "file").touch()
    for name in ("disk", "other"):
        (tmp_path / name).mkdir()
    (folder / "data/recipes/fast").symlink_to(tmp_path / "disk")
    (folder / "link").symlink_to(tmp_path / "other")
    (folder / "to_smoke").symlink_to("data/recipes/smoke")
    return folder


@pytest.mark.parametrize("env", [None, "base", "local"])
@pytest.mark.parametrize("outputs", ["data", "elsewhere", "{tmp}/other", "{tmp}/new/deep", "link", "../other", "a~b"])
def test_outputs_of_base_may_be_anywhere_else(project: Path, tmp_path: Path, env: str | None, outputs: str) -> None:
    outputs = outputs.format(tmp=tmp_path)
    assert outputs_folder({"recipe": "base", "outputs": outputs}, env, project) == project / outputs


@pytest.mark.parametrize(
    ("outputs", "reason"),
    [
        (None, "not the name of a folder"),
        (" ", "not the name of a folder"),
        (7, "not the name of a folder"),
        ("s3://bucket/outputs", "is a URL"),
        ("~/outputs", "write the whole path"),
        ("~", "write the whole path"),
        ("file", "is a file"),
        ("data/recipes", "other recipes"),
        ("data/recipes/smoke", "other recipes"),
        ("data/../data/recipes/smoke/deeper", "other recipes"),
        ("{project}/data/recipes/new", "other recipes"),
        ("to_smoke", "other recipes"),
        ("{tmp}/disk", "other recipes"),
        ("../disk/deeper", "other recipes"),
    ],
)
def test_outputs_of_base_are_refused_in_a_line(project: Path, tmp_path: Path, outputs: object, reason: str) -> None:
    if isinstance(outputs, str):
        outputs = outputs.format(tmp=tmp_path, project=project)
    with pytest.raises(ConfigurationError, match=re.escape(f"received {outputs!r}") + f".*{reason}") as refused:
        outputs_folder({"recipe": "base", "outputs": outputs}, None, project)
    assert "\n" not in str(refused.value)


def test_without_outputs_there_is_no_folder(project: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"globals\.outputs: received None"):
        outputs_folder({"recipe": "base"}, None, project)


@pytest.mark.parametrize("env", [None, "local"])
def test_base_is_not_called_as_another_recipe(project: Path, env: str | None) -> None:
    with pytest.raises(ConfigurationError, match=r"globals\.recipe: received 'smoke' .* `recipe: base` in conf/local"):
        outputs_folder({"recipe": "smoke", "outputs": "data"}, env, project)


def test_each_other_recipe_has_its_own_place(project: Path) -> None:
    own = {"recipe": "smoke", "outputs": "data/recipes/smoke"}
    assert outputs_folder(own, "smoke", project) == project / "data/recipes/smoke"
    for change in ({"outputs": "data"}, {"outputs": "data/recipes/fast"}, {"recipe": "fast"}):
        with pytest.raises(ConfigurationError, match=r"state `(recipe|outputs): .*` in conf/smoke/globals\.yml"):
            outputs_folder(own | change, "smoke", project)


@pytest.mark.parametrize("env", [None, "smoke"])
def test_a_trial_of_a_sweep_has_outputs_of_its_own(env: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OUTPUTS_VARIABLE, "data/sweeps/1234/0")
    names = with_own_outputs({"recipe": env or "base", "outputs": "data"})
    assert outputs_folder(names, env, Path("project")) == Path("project/data/sweeps/1234/0")


def test_without_one_they_are_where_globals_say() -> None:
    assert with_own_outputs({"recipe": "base", "outputs": "data"})["outputs"] == "data"


@pytest.mark.parametrize(("outputs", "expected"), [("/mnt/disk/outputs", "data"), ("elsewhere", "elsewhere")])
def test_a_project_that_goes_away_leaves_nothing_elsewhere(
    outputs: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {"recipe": "base", "outputs": outputs}
    assert with_own_outputs(names) == names
    monkeypatch.setenv(TEMPORARY_VARIABLE, "true")
    assert with_own_outputs(names)["outputs"] == expected
