"""Commands on machines that are set up otherwise than a developer's: their locale, streams, folders and variables.

docs/reliability.md, "Settings of the machine", has what else was tried.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image

from mnist_resnet.terminal.streams import nearest_text
from tests.conftest import MadeData
from tests.integration.conftest import KEDRO, Project, clean_environment, make_project
from tests.made_model import halves_model

pytestmark = pytest.mark.integration

C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
NO_TEXT = os.fsdecode(b"caf\xe9.png")
MANY_SCRIPTS = "→ é 数.png"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with an ONNX file, and pictures whose names a stream may not be able to take."""
    project = make_project(tmp_path_factory.mktemp("pictures"))
    (project.folder / "own.onnx").write_bytes(halves_model())
    paper = Image.new("L", (8, 8), 255)
    paper.paste(0, (2, 2, 6, 6))  # dark on bright, of which a warning names the file
    for name in (NO_TEXT, MANY_SCRIPTS):
        paper.save(project.folder / name)
    return project


def typed(
    project: Project, command: str, settings: Mapping[str, str], *arguments: str
) -> "subprocess.CompletedProcess[bytes]":
    """What a shell does; ``kedro`` is on its path."""
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command, "bash", *arguments],
        cwd=project.folder,
        env=clean_environment() | settings,
        capture_output=True,
        timeout=400,
        check=False,
    )


@pytest.mark.parametrize(
    ("encoding", "settings"),
    [("utf-8", {"PYTHONIOENCODING": "utf-8"}), ("latin-1", {"PYTHONIOENCODING": "latin-1"}), ("ascii", C_LOCALE)],
    ids=["utf-8", "latin-1", "C locale"],
)
def test_pictures_of_any_name_are_answered_in_any_encoding(pictures: Project, encoding, settings) -> None:
    ended = typed(pictures, 'kedro predict "$@" --model own.onnx --top 1', settings, NO_TEXT, MANY_SCRIPTS)
    assert ended.returncode == 0, ended.stderr
    header, *rows, _ = ended.stdout.decode(encoding).splitlines()
    # A C locale knows of the name's bytes alone.
    names = MANY_SCRIPTS if settings != C_LOCALE else os.fsencode(MANY_SCRIPTS).decode("ascii", "surrogateescape")
    for row, name in zip(rows, (NO_TEXT, names), strict=True):
        assert row.startswith(nearest_text(name, encoding) + " ")
        assert len(row) <= len(header)
        assert nearest_text(name, encoding) in ended.stderr.decode(encoding)


def test_a_program_gets_the_names_of_files_back(pictures: Project) -> None:
    command = 'kedro predict "$@" --model own.onnx --json'
    ended = typed(pictures, command, {"PYTHONIOENCODING": "latin-1"}, NO_TEXT, MANY_SCRIPTS)
    assert ended.returncode == 0, ended.stderr
    assert [each["file"] for each in json.loads(ended.stdout)["predictions"]] == [NO_TEXT, MANY_SCRIPTS]


def test_an_error_names_a_file_of_any_name(pictures: Project) -> None:
    ended = typed(pictures, 'kedro predict "$1" --model "$2"', C_LOCALE, "nowhere" + NO_TEXT, "own.onnx")
    assert (ended.returncode, ended.stdout) == (1, b"")
    assert ended.stderr.splitlines() == [b"Error: nowherecaf\\xe9.png: No such file or directory"]


def test_a_recipe_that_is_not_there_is_an_error_of_one_line(pictures: Project) -> None:
    ended = typed(pictures, "kedro layers --env nowhere", {})
    assert ended.returncode == 1
    (line,) = ended.stderr.decode().splitlines()
    assert "--env: received 'nowhere', but" in line


@pytest.mark.parametrize(("redirection", "code"), [("2>&1 | head -1", 0), (">&- 2>&- <&-", 0), ("> /dev/full", 1)])
def test_streams_that_take_no_more(pictures: Project, redirection: str, code: int) -> None:
    ended = typed(pictures, f'kedro predict "$@" --model own.onnx {redirection}', {}, NO_TEXT)
    assert ended.returncode == code
    assert b"Traceback" not in ended.stdout + ended.stderr
    assert b"Exception ignored" not in ended.stdout + ended.stderr


@pytest.fixture
def odd_machine(tmp_path: Path, made_data: MadeData, empty_store: Path) -> tuple[Project, dict[str, str]]:
    """A project in a folder with many signs in its name, reached by a link, and an environment with much missing."""
    real = tmp_path / "a 'quoted\" path, 数 é"
    make_project(real, made_data, empty_store)
    made_data.write(real / "data/01_raw/squares")
    link, temporary = tmp_path / "link", tmp_path / "temporary files"
    link.symlink_to(real)
    temporary.mkdir()
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("bash", "env"):  # but no git
        (programs / name).symlink_to(shutil.which(name) or "")
    variables = {
        "HOME": "/proc/nothing",  # which nobody can make
        "LC_ALL": "tr_TR.UTF-8",
        "NO_COLOR": "1",
        "PATH": f"{KEDRO.parent}{os.pathsep}{programs}",
        "PYTHONIOENCODING": "latin-1",
        "TERM": "dumb",
        "TMPDIR": str(temporary),
        "TZ": "Pacific/Chatham",
    }
    return Project(link), variables


@pytest.mark.slow
def test_a_stage_on_an_odd_machine_ends_with_its_summary(odd_machine: tuple[Project, dict[str, str]]) -> None:
    project, variables = odd_machine
    command = (
        "umask 077; ulimit -n 128; kedro run --namespaces squares --pipelines data --params tracking.enabled=false"
    )
    ended = typed(project, command, variables)
    assert ended.returncode == 0, ended.stderr
    shown = ended.stdout.decode("latin-1").splitlines()
    assert shown[0].strip() == "Summary"
    assert [cell.strip() for cell in shown[4].split("|")[1:5]] == ["squares", "-", "-", "-"]
    assert (project.folder / "data/05_model_input/squares/preprocessing.json").exists()


@pytest.mark.slow
def test_a_whole_run_on_an_odd_machine(odd_machine: tuple[Project, dict[str, str]]) -> None:
    project, variables = odd_machine
    variables |= {"MPLCONFIGDIR": "/proc/nothing", "PYTHONOPTIMIZE": "2"}
    ended = typed(project, "umask 077; ulimit -n 128; kedro run --namespaces squares", variables)
    assert ended.returncode == 0, ended.stderr
    assert "<= " in ended.stdout.decode("latin-1")
    assert (project.folder / "data/08_reporting/squares/report.html").exists()
    assert b"Git" not in ended.stderr  # of which MLflow's library speaks at length where it is missing


def test_a_project_in_a_folder_whose_name_is_no_text_is_refused(tmp_path: Path) -> None:
    project = make_project(tmp_path / os.fsdecode(b"caf\xe9"))
    ended = typed(project, "kedro run --pipelines data", {})
    assert ended.returncode == 1
    (line,) = ended.stderr.decode().splitlines()
    assert line.endswith("caf\\xe9, is not utf-8: rename it")


@pytest.mark.slow
def test_forty_columns_show_each_layer(pictures: Project) -> None:
    program = (
        "import os, pty, sys\n"
        "sys.exit(os.waitstatus_to_exitcode(pty.spawn(['kedro', 'layers', '--env', 'smoke', '--namespaces', 'mnist'])))"
    )
    settings = {"COLUMNS": "40", "TERM": "dumb"}
    ended = typed(pictures, f'"{sys.executable}" -c "$1"', settings, program)
    assert ended.returncode == 0
    lines = [line.rstrip() for line in ended.stdout.decode().splitlines()]
    assert max(map(len, lines)) <= 40
    assert "layer         stem_conv" in lines
