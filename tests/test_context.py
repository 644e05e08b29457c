"""The pipelines of a session are for the data sets of its own configuration, wherever it lies."""

import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from mnist_resnet.config import NoConfigurationError
from tests.conftest import PROJECT


def rename(conf: Path, name: str) -> Path:
    """Give a configuration one data set only, by another name."""
    for file in ("datasets.yml", "parameters.yml"):
        content = yaml.safe_load((conf / "base" / file).read_text())
        known = content.get("datasets", content)
        known[name] = known.pop("mnist")
        del known["fashion_mnist"]
        (conf / "base" / file).write_text(yaml.safe_dump(content))
    return conf


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """A configuration apart, with the data set ``letters``."""
    shutil.copytree(PROJECT / "conf" / "base", tmp_path / "apart" / "conf" / "base")
    (tmp_path / "apart" / "conf" / "local").mkdir()
    (tmp_path / "apart" / "conf" / "local" / ".gitkeep").touch()
    return rename(tmp_path / "apart" / "conf", "letters")


def registered(**options: str | Path | None) -> set[str | None]:
    """The namespaces of Kedro's pipelines once a session has loaded its context."""
    with KedroSession.create(save_on_close=False, **options) as session:
        session.load_context()
    return {node.namespace for node in pipelines["training"].nodes}


def archive(conf: Path, kind: str) -> Path:
    path = conf.parent / f"conf.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as made:
            for file in conf.rglob("*"):
                made.write(file, file.relative_to(conf.parent))
    else:
        with tarfile.open(path, "w:gz") as made:
            made.add(conf, "conf")
    return path


@pytest.mark.parametrize("kind", ["folder", "tar.gz", "zip"])
def test_another_configuration_has_its_own_data_sets(conf: Path, kind: str) -> None:
    bootstrap_project(PROJECT)
    source = conf if kind == "folder" else archive(conf, kind)
    assert registered(project_path=PROJECT, conf_source=str(source)) == {"letters"}
    assert registered(project_path=PROJECT) == {"mnist", "fashion_mnist"}


def test_the_project_counts_and_not_the_present_folder(
    conf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pyproject.toml", "src"):
        (shutil.copy if name.endswith("toml") else shutil.copytree)(PROJECT / name, conf.parent / name)
    monkeypatch.chdir(PROJECT)
    bootstrap_project(conf.parent)
    assert registered(project_path=conf.parent) == {"letters"}


def test_a_data_set_of_an_environment_alone_has_pipelines_there(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = conf / "own"
    shutil.copytree(conf / "base", own)
    rename_again = {"datasets.yml": "letters", "parameters.yml": "letters"}
    for file, name in rename_again.items():
        content = yaml.safe_load((own / file).read_text())
        known = content.get("datasets", content)
        known["digits"] = known.pop(name)
        (own / file).write_text(yaml.safe_dump(content))
    (own / "globals.yml").write_text("recipe: own\noutputs: data/recipes/own\n")
    (own / "catalog.yml").unlink()
    bootstrap_project(PROJECT)
    assert registered(project_path=PROJECT, conf_source=str(conf), env="own") == {"letters", "digits"}
    monkeypatch.setenv("KEDRO_ENV", "own")
    assert "digits" in registered(project_path=PROJECT, conf_source=str(conf))


def test_without_a_session_the_project_around_the_present_folder_counts(
    conf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(PROJECT / "pyproject.toml", conf.parent)
    (conf.parent / "src").mkdir()
    bootstrap_project(PROJECT)
    registered(project_path=PROJECT)
    monkeypatch.chdir(conf.parent)
    bootstrap_project(conf.parent)
    assert {node.namespace for node in pipelines["training"].nodes} == {"letters"}


def test_a_folder_without_configuration_is_refused(tmp_path: Path) -> None:
    bootstrap_project(PROJECT)
    with pytest.raises(NoConfigurationError, match=r"has no configuration of mnist_resnet.*--conf-source"):
        registered(project_path=tmp_path)


def test_the_project_of_another_package_is_refused(conf: Path) -> None:
    bootstrap_project(PROJECT)
    (conf.parent / "pyproject.toml").write_text('[tool.kedro]\npackage_name = "spaceflights"\n')
    with pytest.raises(NoConfigurationError, match="is the project of spaceflights"):
        registered(project_path=conf.parent)
    assert registered(project_path=conf.parent, conf_source=str(PROJECT / "conf")) == {"mnist", "fashion_mnist"}


def test_an_unknown_environment_is_refused_with_those_that_are_there(conf: Path) -> None:
    bootstrap_project(PROJECT)
    with pytest.raises(NoConfigurationError, match=r"received 'smok'.*choose one of .*smoke"):
        registered(project_path=PROJECT, env="smok")
    (conf / "local").rename(conf / "elsewhere")
    with pytest.raises(NoConfigurationError, match="has no folder 'local'"):
        registered(project_path=PROJECT, conf_source=str(conf))
