"""What the Dockerfile says, and the reader of it that CI performs its steps by."""

import re
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "path", [str(PROJECT / ".ci"), *sys.path])
    import dockerfile

    return dockerfile


def test_the_image_is_not_roots_and_its_command_is_process_1(reader) -> None:
    last = {each.name: each for each in reader.read_dockerfile(PROJECT / "Dockerfile")}
    assert last["USER"].text == "10001:10001"
    assert last["ENTRYPOINT"].words({}) == ["mnist_resnet"]
    assert last["VOLUME"].words({}) == ["/work"]


def test_packages_come_by_hash_and_no_registry_is_named(reader) -> None:
    text = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
    steps = [each.text for each in reader.read_dockerfile(PROJECT / "Dockerfile") if each.name == "RUN"]
    installs = re.findall(r"pip install[^&;]*", "\n".join(steps))
    assert len(installs) == 4
    assert [each for each in installs if "--require-hashes" not in each and "--no-index" not in each] == []
    assert re.findall(r"https?://", text + (PROJECT / ".dockerignore").read_text(encoding="utf-8")) == []


def test_the_image_gets_no_settings_of_this_machine(reader, tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_text((PROJECT / ".dockerignore").read_text(encoding="utf-8"))
    for name in ("conf/base/a.yml", "conf/local/.gitkeep", "conf/local/credentials.yml", "src/a.py", ".env", "data/a"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "src/__pycache__").mkdir()
    (tmp_path / "src/__pycache__/a.pyc").touch()
    left = {
        name.as_posix() for each in ("conf", "src", ".env", "data") for name in reader.Context(tmp_path).files(each)
    }
    assert left == {"conf/base/a.yml", "conf/local/.gitkeep", "src/a.py"}


@pytest.mark.parametrize("line", ["ADD a b", "HEALTHCHECK NONE", "COPY ${WHAT} b"])
def test_what_is_not_understood_is_refused(reader, line: str, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM base\n{line}\n")
    with pytest.raises(reader.DockerfileError):
        [each.words({}) for each in reader.read_dockerfile(tmp_path / "Dockerfile")]
