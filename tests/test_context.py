"""The pipelines of a session are for the data sets of its own configuration, wherever it lies."""

import shutil
from pathlib import Path

import pytest
import yaml
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from mnist_resnet.config import NoConfigurationError
from mnist_resnet.pipelines.wiring import dataset_of
from tests.conftest import PROJECT


def rename(environment: Path, data_set: str, name: str) -> None:
    """Give the folder of an environment one data set only, by another name."""
    for file in ("datasets.yml", "parameters.yml"):
        content = yaml.safe_load((environment / file).read_text())
        known = content.get("datasets", content)
        chosen = known[data_set]
        for other in known.keys() - {"recipe", "tracking"}:
            del known[other]
        known[name] = chosen
        (environment / file).write_text(yaml.safe_dump(content))


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """A configuration apart, with the data set ``letters``."""
    made = tmp_path / "apart" / "conf"
    shutil.copytree(PROJECT / "conf" / "base", made / "base")
    (made / "local").mkdir()
    (made / "local" / ".gitkeep").touch()
    rename(made / "base", "mnist", "letters")
    return made


@pytest.fixture(autouse=True)
def bootstrapped() -> None:
    bootstrap_project(PROJECT)


def registered(**options: str | Path | None) -> set[str | None]:
    """The data sets of Kedro's pipelines once a session has loaded its context."""
    with KedroSession.create(save_on_close=False, **options) as session:
        session.load_context()
    return {dataset_of(node) for node in pipelines["training"].nodes}


def archive(conf: Path, kind: str) -> Path:
    made = shutil.make_archive(str(conf), {"tar.gz": "gztar"}.get(kind, kind), conf.parent, "conf")
    return Path(made)


@pytest.mark.parametrize("kind", ["folder", "tar.gz", "zip"])
def test_another_configuration_has_its_own_data_sets(conf: Path, kind: str) -> None:
    source = conf if kind == "folder" else archive(conf, kind)
    assert registered(project_path=PROJECT, conf_source=str(source)) == {"letters"}
    assert registered(project_path=PROJECT) >= {"mnist", "fashion_mnist"}


def test_the_project_counts_and_not_the_present_folder(
    conf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(PROJECT / "pyproject.toml", conf.parent)
    shutil.copytree(PROJECT / "src", conf.parent / "src")
    monkeypatch.chdir(PROJECT)
    bootstrap_project(conf.parent)
    assert registered(project_path=conf.parent) == {"letters"}


def test_a_data_set_of_an_environment_alone_has_pipelines_there(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = conf / "own"
    shutil.copytree(conf / "base", own)
    rename(own, "letters", "digits")
    (own / "globals.yml").write_text("recipe: own\noutputs: data/recipes/own\n")
    (own / "catalog.yml").unlink()
    assert registered(project_path=PROJECT, conf_source=str(conf), env="own") == {"letters", "digits"}
    monkeypatch.setenv("KEDRO_ENV", "own")
    assert "digits" in registered(project_path=PROJECT, conf_source=str(conf))


def test_without_a_session_the_project_around_the_present_folder_counts(
    conf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(PROJECT / "pyproject.toml", conf.parent)
    (conf.parent / "src").mkdir()
    registered(project_path=PROJECT)
    monkeypatch.chdir(conf.parent)
    bootstrap_project(conf.parent)
    assert {dataset_of(node) for node in pipelines["training"].nodes} == {"letters"}


def test_a_folder_without_configuration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoConfigurationError, match=r"has no configuration of mnist_resnet.*--conf-source"):
        registered(project_path=tmp_path)


def test_the_project_of_another_package_is_refused(conf: Path) -> None:
    (conf.parent / "pyproject.toml").write_text('[tool.kedro]\npackage_name = "spaceflights"\n')
    with pytest.raises(NoConfigurationError, match="is the project of spaceflights"):
        registered(project_path=conf.parent)
    assert registered(project_path=conf.parent, conf_source=str(PROJECT / "conf")) >= {"mnist", "fashion_mnist"}


def test_an_unknown_environment_is_refused_with_those_that_are_there(conf: Path) -> None:
    with pytest.raises(NoConfigurationError, match=r"received 'smok'.*choose one of .*smoke"):
        registered(project_path=PROJECT, env="smok")
    (conf / "local").rename(conf / "elsewhere")
    with pytest.raises(NoConfigurationError, match="has no folder 'local'"):
        registered(project_path=PROJECT, conf_source=str(conf))


@pytest.mark.parametrize("asked", ["mnist", "mnist.export"])
def test_a_data_set_and_each_of_its_pipelines_can_be_asked_for_by_namespace(asked: str) -> None:
    registered(project_path=PROJECT)
    chosen = pipelines["training"].filter(node_namespaces=[asked])
    expected = {"data", "train", "export", "evaluate"} if asked == "mnist" else {"export"}
    assert {tag for node in chosen.nodes for tag in node.tags} == expected
    assert {name.split(".")[0] for name in chosen.all_outputs()} == {"mnist"}
