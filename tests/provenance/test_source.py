import hashlib
import os
import subprocess
import time
from pathlib import Path

import pytest

from mnist_resnet.provenance.source import collect_commit, collect_source, why_no_commit

SECRET = "hunter2-swordfish"


def git(folder: Path, *arguments: str, given: bytes | None = None) -> bytes:
    command = ["git", "-C", str(folder), "-c", "user.name=A", "-c", "user.email=a@example.org", *arguments]
    return subprocess.run(command, input=given, capture_output=True, check=True).stdout


@pytest.fixture
def repository(tmp_path, monkeypatch) -> Path:
    """A repository with one commit, which no setting of the user's has an influence on."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    folder = tmp_path / "repository"
    write(
        folder, {"src/train.py": "rate = 1\n", "src/data/split.py": "seed = 0\n", "conf/base/parameters.yml": "a: 1\n"}
    )
    write(folder, {".gitignore": "/data/\n", "conf/local/credentials.yml": "empty: true\n"})
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "First")
    return folder


def write(folder: Path, files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    files = [file for file in folder.rglob("*") if file.is_file() and not file.is_symlink()]
    return {str(file.relative_to(folder)): (file.read_bytes(), file.stat().st_mtime_ns) for file in files}


def restored(repository: Path, patch: bytes, folder: Path) -> Path:
    """A new working tree of the commit with the patch applied."""
    git(repository, "clone", "-q", str(repository), str(folder))
    git(folder, "apply", "--binary", "-", given=patch)
    return folder


def test_a_clean_tree_is_its_commit(repository):
    source = collect_source(repository)
    assert source is not None
    assert source.commit == git(repository, "rev-parse", "HEAD").decode().strip()
    assert (source.dirty, source.patch) == (False, None)


def test_changes_and_new_files_can_be_restored_from_the_patch(repository, tmp_path):
    write(
        repository, {"src/train.py": "rate = 2\n", "src/new file é.py": "new = True\n", "logo.png": bytes(range(256))}
    )
    (repository / "src/data/split.py").unlink()
    source = collect_source(repository)
    assert source.dirty
    assert source.patch.left_out == ()
    assert source.patch.sha256 == hashlib.sha256(source.patch.content).hexdigest()
    assert source.patch.size == len(source.patch.content)
    tree = restored(repository, source.patch.content, tmp_path / "again")
    assert (tree / "src/train.py").read_text() == "rate = 2\n"
    assert (tree / "src/new file é.py").read_text() == "new = True\n"
    assert (tree / "logo.png").read_bytes() == bytes(range(256))
    assert not (tree / "src/data/split.py").exists()


def test_what_is_staged_is_in_the_patch_too(repository, tmp_path):
    write(repository, {"src/train.py": "rate = 2\n", "src/staged.py": "staged = True\n"})
    git(repository, "add", "-A")
    write(repository, {"src/train.py": "rate = 3\n"})
    tree = restored(repository, collect_source(repository).patch.content, tmp_path / "again")
    assert (tree / "src/train.py").read_text() == "rate = 3\n"
    assert (tree / "src/staged.py").read_text() == "staged = True\n"


def test_a_change_of_equal_size_in_the_second_of_the_commit_is_seen(repository):
    write(repository, {"src/train.py": "rate = 2\n", "src/new.py": "new = True\n"})
    time.sleep(1.1)  # the copy of the index must not look newer than that change
    assert b"rate = 2" in collect_source(repository).patch.content


PRIVATE = (
    *(
        "conf/local/credentials.yml",
        "conf/local/parameters.yml",
        "conf/base/credentials.yml",
        ".env",
        ".env.production",
    ),
    *(
        "my_secrets.txt",
        "certificates/server.pem",
        "id_rsa",
        ".netrc",
        "mlflow.db",
        "mlartifacts/1/run",
        "mlruns/0/meta",
    ),
    *("model.keras", "export/model.onnx", "weights.h5", "images.npy", "CREDENTIALS.json", "data/01_raw/notes.txt"),
)


@pytest.mark.parametrize("staged", [False, True])
def test_neither_secrets_nor_data_nor_models_are_in_the_patch(repository, staged):
    (repository / ".gitignore").write_text("")
    write(repository, dict.fromkeys(PRIVATE, f"password: {SECRET}\n") | {"src/train.py": "rate = 2\n"})
    if staged:
        git(repository, "add", "-A", "-f")
    patch = collect_source(repository).patch
    assert b"rate = 2" in patch.content
    assert SECRET.encode() not in patch.content
    assert patch.left_out == tuple(sorted(PRIVATE))


def test_ignored_files_are_not_even_named(repository):
    write(repository, {"data/01_raw/images": SECRET, "src/train.py": "rate = 2\n"})
    patch = collect_source(repository).patch
    assert SECRET.encode() not in patch.content
    assert patch.left_out == ()


def test_source_code_that_deals_with_data_is_kept(repository):
    write(repository, {"src/data/split.py": "seed = 1\n", "src/data/new.py": "new = True\n"})
    patch = collect_source(repository).patch
    assert b"seed = 1" in patch.content
    assert b"new = True" in patch.content


def test_a_project_within_a_repository_has_its_own_private_folders(repository):
    write(repository, {"inner/train.py": "rate = 1\n"})
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "A project within")
    write(repository, {"inner/conf/local/user.yml": SECRET, "inner/data/x.txt": SECRET, "inner/train.py": "rate = 2\n"})
    patch = collect_source(repository / "inner").patch
    assert b"rate = 2" in patch.content
    assert patch.left_out == ("inner/conf/local/user.yml", "inner/data/x.txt")


def test_a_patch_above_the_limit_is_told_by_its_size_only(repository):
    write(repository, {"src/train.py": "rate = 2\n" * 200})
    patch = collect_source(repository, limit=1000).patch
    assert patch.content is None
    assert patch.size > 1000
    assert len(patch.sha256) == 64


def test_a_new_file_above_the_limit_is_left_out(repository):
    write(repository, {"src/train.py": "rate = 2\n", "dump.bin": bytes(2000)})
    patch = collect_source(repository, limit=1000).patch
    assert b"rate = 2" in patch.content
    assert patch.left_out == ("dump.bin",)


def test_many_new_files_above_the_limit_together_are_told_by_their_size_only(repository):
    write(repository, {f"src/part_{number}.py": "x" * 400 for number in range(3)})
    patch = collect_source(repository, limit=1000).patch
    assert (patch.content, patch.sha256, patch.size) == (None, None, 1200)


def test_neither_the_tree_nor_the_repository_is_touched(repository):
    write(repository, {"src/train.py": "rate = 2\n", "src/new.py": "new = True\n", "src/staged.py": "staged = True\n"})
    git(repository, "add", "src/staged.py")
    os.utime(repository / "conf/base/parameters.yml")  # git would note the new time in its index
    before = contents(repository)
    assert collect_source(repository).patch.content
    assert contents(repository) == before


def test_the_settings_of_a_user_have_no_influence(repository):
    write(repository, {"src/train.py": "rate = 2\n", "src/new.py": "new = True\n"})
    before = collect_source(repository).patch
    for setting in ("diff.noprefix=true", "color.ui=always", "core.quotePath=false", "diff.context=0"):
        git(repository, "config", *setting.split("="))
    assert collect_source(repository).patch == before


def test_a_repository_within_the_tree_is_left_out(repository):
    git(repository, "init", "-q", "inner")
    write(repository, {"src/train.py": "rate = 2\n"})
    patch = collect_source(repository).patch
    assert b"rate = 2" in patch.content
    assert patch.left_out == ("inner/",)


def test_outside_a_repository_there_is_no_source(tmp_path):
    assert collect_source(tmp_path) is None
    assert collect_commit(tmp_path) is None


def test_a_commit_is_told_without_its_patch(repository):
    write(repository, {"src/train.py": "rate = 2\n"})
    source = collect_commit(repository)
    assert (source.dirty, source.patch) == (True, None)


def test_a_commit_has_no_reason_to_be_missing(repository):
    assert why_no_commit(repository) is None


def test_each_failure_of_git_is_told_with_its_remedy(repository, tmp_path, monkeypatch):
    empty, broken = tmp_path / "empty", tmp_path / "broken"
    git(tmp_path, "init", "-q", str(empty))
    write(broken, {".git": "gitdir: /nowhere/at/all\n"})
    write(repository, {"from_zip/pyproject.toml": "", ".gitignore": "/from_zip/\n"})
    assert "clone the project" in why_no_commit(tmp_path)
    assert "has no commit" in why_no_commit(empty)
    assert "git fails" in why_no_commit(broken)
    assert "does not track it" in why_no_commit(repository / "from_zip")
    assert collect_commit(repository / "from_zip") is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "git is not installed" in why_no_commit(repository)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another user")
def test_a_clone_of_another_user_is_told_with_its_remedy(repository):
    for path in (repository, repository / ".git"):
        os.chown(path, 65534, 65534)
    assert "safe.directory" in why_no_commit(repository)
    assert collect_commit(repository) is None


@pytest.fixture
def another(repository: Path, tmp_path: Path) -> Path:
    """A repository with another commit, beside it."""
    folder = tmp_path / "another"
    write(folder, {"other.py": "other = 1\n"})
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "Another")
    return folder


def head(folder: Path) -> str:
    return git(folder, "rev-parse", "HEAD").decode().strip()


def test_the_folder_decides_and_not_the_variables_of_a_git_hook(repository, another, tmp_path, monkeypatch):
    write(repository, {"src/train.py": "rate = 2\n"})
    expected = collect_source(repository)
    for name, value in {
        "GIT_DIR": f"{another}/.git",
        "GIT_WORK_TREE": str(another),
        "GIT_INDEX_FILE": f"{another}/.git/index",
        "GIT_OBJECT_DIRECTORY": f"{another}/.git/objects",
    }.items():
        monkeypatch.setenv(name, value)
    assert collect_source(repository) == expected
    assert why_no_commit(repository) is None
    assert "in no repository (GIT_DIR is not followed)" in why_no_commit(tmp_path)
    assert collect_commit(tmp_path) is None


def test_a_git_that_does_not_answer_is_told_with_its_remedy(repository, monkeypatch):
    def hang(command, *, timeout, **_):
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(subprocess, "run", hang)
    assert collect_source(repository) is None
    assert why_no_commit(repository) == f"git did not answer within 60 s; try `git status` in {repository}"


def test_a_git_that_hangs_over_the_patch_leaves_the_commit(repository, monkeypatch, caplog):
    write(repository, {"src/train.py": "rate = 2\n"})
    commit, answer = head(repository), subprocess.run

    def hang_over_differences(command, **options):
        if "diff" in command:
            raise subprocess.TimeoutExpired(command, options["timeout"])
        return answer(command, **options)

    monkeypatch.setattr(subprocess, "run", hang_over_differences)
    source = collect_source(repository)
    assert (source.commit, source.dirty, source.patch) == (commit, True, None)
    assert "The uncommitted changes cannot be recorded" in caplog.text


def test_a_working_tree_beside_the_repository_has_its_own_commit_and_changes(repository, tmp_path):
    tree = tmp_path / "tree"
    git(repository, "worktree", "add", "-q", "-b", "beside", str(tree))
    write(tree, {"src/train.py": "rate = 2\n", "src/new.py": "new = True\n"})
    git(tree, "commit", "-q", "-a", "-m", "Faster")
    write(tree, {"src/train.py": "rate = 3\n"})
    source = collect_source(tree)
    assert source.commit == head(tree) != head(repository)
    assert b"rate = 3" in source.patch.content
    assert b"new = True" in source.patch.content
    assert why_no_commit(tree) is None
    assert not collect_commit(repository).dirty


@pytest.mark.parametrize("change", ["content", "commit"])
def test_a_submodule_that_has_changed_is_left_out_by_name_and_has_a_source_of_its_own(repository, another, change):
    git(repository, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(another), "part")
    git(repository, "commit", "-q", "-m", "A part")
    part = repository / "part"
    assert not collect_commit(repository).dirty
    assert collect_commit(part).commit == head(another)
    write(part, {"other.py": "other = 2\n"})
    if change == "commit":
        git(part, "commit", "-q", "-a", "-m", "Another still")
    patch = collect_source(repository).patch
    assert (patch.content, patch.left_out) == (b"", ("part",))
    assert collect_source(part).dirty == (change == "content")
    assert collect_commit(part).commit == head(part)
