import hashlib
import os
import subprocess
import time
from pathlib import Path

import pytest

from mnist_resnet.provenance.patch import Patch
from mnist_resnet.provenance.source import collect_commit, collect_source, why_no_commit
from tests.made_repository import commit, git, head, make_repository, write

SECRET = "hunter2-swordfish"
FASTER = {"src/train.py": "rate = 2\n"}


@pytest.fixture
def repository(tmp_path, monkeypatch) -> Path:
    """A repository with one commit, which no setting of the user's has an influence on."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    files = {"src/train.py": "rate = 1\n", "src/data/split.py": "seed = 0\n", "conf/base/parameters.yml": "a: 1\n"}
    private = {".gitignore": "/data/\n", "conf/local/credentials.yml": "empty: true\n"}
    return make_repository(tmp_path / "repository", files | private)


@pytest.fixture
def another(repository, tmp_path) -> Path:
    """A repository with another commit, beside it."""
    return make_repository(tmp_path / "another", {"other.py": "other = 1\n"})


def patch_of(folder: Path, files: dict[str, str | bytes], **options: int) -> Patch:
    """What is recorded after files were written."""
    write(folder, files)
    patch = collect_source(folder, **options).patch
    assert patch.content is None or patch.sha256 == hashlib.sha256(patch.content).hexdigest()
    return patch


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    files = [file for file in folder.rglob("*") if file.is_file() and not file.is_symlink()]
    return {str(file.relative_to(folder)): (file.read_bytes(), file.stat().st_mtime_ns) for file in files}


def restored(repository: Path, patch: Patch, folder: Path) -> Path:
    """A new working tree of the commit with the patch applied."""
    git(repository, "clone", "-q", str(repository), str(folder))
    git(folder, "apply", "--binary", "-", given=patch.content)
    return folder


def test_a_clean_tree_is_its_commit(repository):
    source = collect_source(repository)
    assert (source.commit, source.dirty, source.patch) == (head(repository), False, None)
    assert why_no_commit(repository) is None


def test_changes_and_new_files_can_be_restored_from_the_patch(repository, tmp_path):
    changed = FASTER | {"src/new file é.py": "new = True\n", "logo.png": bytes(range(256))}
    (repository / "src/data/split.py").unlink()
    patch = patch_of(repository, changed)
    assert (patch.file, patch.size, patch.left_out) == ("uncommitted.patch", len(patch.content), ())
    assert collect_source(repository).dirty
    tree = restored(repository, patch, tmp_path / "again")
    assert (tree / "src/train.py").read_text() == "rate = 2\n"
    assert (tree / "src/new file é.py").read_text() == "new = True\n"
    assert (tree / "logo.png").read_bytes() == bytes(range(256))
    assert not (tree / "src/data/split.py").exists()


def test_what_is_staged_is_in_the_patch_too(repository, tmp_path):
    write(repository, FASTER | {"src/staged.py": "staged = True\n"})
    git(repository, "add", "-A")
    tree = restored(repository, patch_of(repository, {"src/train.py": "rate = 3\n"}), tmp_path / "again")
    assert (tree / "src/train.py").read_text() == "rate = 3\n"
    assert (tree / "src/staged.py").read_text() == "staged = True\n"


def test_a_change_of_equal_size_in_the_second_of_the_commit_is_seen(repository):
    write(repository, FASTER | {"src/new.py": "new = True\n"})
    time.sleep(1.1)  # the copy of the index must not look newer than that change
    assert b"rate = 2" in patch_of(repository, {}).content


PRIVATE = (
    *("conf/local/credentials.yml", "conf/local/parameters.yml", "conf/base/credentials.yml", ".env"),
    *(".env.production", "my_secrets.txt", "certificates/server.pem", "id_rsa", ".netrc", "mlflow.db"),
    *("mlartifacts/1/run", "mlruns/0/meta", "model.keras", "export/model.onnx", "weights.h5", "images.npy"),
    *("CREDENTIALS.json", "data/01_raw/notes.txt"),
)


@pytest.mark.parametrize("staged", [False, True])
def test_neither_secrets_nor_data_nor_models_are_in_the_patch(repository, staged):
    write(repository, {".gitignore": "", **dict.fromkeys(PRIVATE, f"password: {SECRET}\n")})
    if staged:
        git(repository, "add", "-A", "-f")
    patch = patch_of(repository, FASTER)
    assert b"rate = 2" in patch.content
    assert SECRET.encode() not in patch.content
    assert patch.left_out == tuple(sorted(PRIVATE))


@pytest.mark.parametrize(
    ("files", "limit", "kept", "left_out"),
    [
        # Ignored files are not even named.
        ({"data/01_raw/images": SECRET, **FASTER}, 1 << 20, b"rate = 2", ()),
        # Source code that deals with data is kept.
        ({"src/data/split.py": "seed = 1\n"}, 1 << 20, b"seed = 1", ()),
        ({"src/data/new.py": "new = True\n"}, 1 << 20, b"new = True", ()),
        # A new file above the limit is left out.
        ({"dump.bin": bytes(2000), **FASTER}, 1000, b"rate = 2", ("dump.bin",)),
    ],
)
def test_what_is_kept_and_what_is_left_out(repository, files, limit, kept, left_out):
    patch = patch_of(repository, files, limit=limit)
    assert kept in patch.content
    assert SECRET.encode() not in patch.content
    assert patch.left_out == left_out


def test_a_project_within_a_repository_has_its_own_private_folders(repository):
    commit(repository, {"inner/train.py": "rate = 1\n"})
    write(repository, {"inner/conf/local/user.yml": SECRET, "inner/data/x.txt": SECRET, "inner/train.py": "rate = 2\n"})
    patch = patch_of(repository / "inner", {})
    assert b"rate = 2" in patch.content
    assert patch.left_out == ("inner/conf/local/user.yml", "inner/data/x.txt")


def test_a_patch_or_new_files_together_above_the_limit_are_told_by_their_size_only(repository):
    new = patch_of(repository, {f"src/part_{number}.py": "x" * 400 for number in range(3)}, limit=1000)
    assert (new.content, new.sha256, new.size) == (None, None, 1200)
    git(repository, "clean", "-q", "-f")
    changed = patch_of(repository, {"src/train.py": "rate = 2\n" * 200}, limit=1000)
    assert (changed.content, changed.file, len(changed.sha256)) == (None, None, 64)
    assert changed.size > 1000


def test_neither_the_tree_nor_the_repository_is_touched(repository):
    write(repository, FASTER | {"src/new.py": "new = True\n", "src/staged.py": "staged = True\n"})
    git(repository, "add", "src/staged.py")
    os.utime(repository / "conf/base/parameters.yml", (0, 0))  # git would note the new time in its index
    before = contents(repository)
    assert collect_source(repository).patch.content
    assert contents(repository) == before


def test_the_settings_of_a_user_have_no_influence(repository):
    before = patch_of(repository, FASTER | {"src/new.py": "new = True\n"})
    assert b"new = True" in before.content
    settings = ("diff.noprefix=true", "color.ui=always", "core.quotePath=false", "diff.context=0")
    for setting in (*settings, "status.showUntrackedFiles=no"):
        git(repository, "config", *setting.split("="))
    assert patch_of(repository, {}) == before


def test_a_repository_within_the_tree_is_left_out(repository):
    git(repository, "init", "-q", "inner")
    patch = patch_of(repository, FASTER)
    assert b"rate = 2" in patch.content
    assert patch.left_out == ("inner/",)


def test_each_failure_of_git_is_told_with_its_remedy(repository, tmp_path, monkeypatch):
    empty, broken = tmp_path / "empty", tmp_path / "broken"
    git(tmp_path, "init", "-q", str(empty))
    write(broken, {".git": "gitdir: /nowhere/at/all\n"})
    write(repository, {"from_zip/pyproject.toml": "", ".gitignore": "/from_zip/\n"})
    for folder, reason in {
        tmp_path: "clone the project",
        empty: "has no commit",
        broken: "git fails",
        repository / "from_zip": "does not track it",
    }.items():
        assert reason in why_no_commit(folder)
        assert collect_commit(folder) is None
        assert collect_source(folder) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "git is not installed" in why_no_commit(repository)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another user")
def test_a_clone_of_another_user_is_told_with_its_remedy(repository):
    for path in (repository, repository / ".git"):
        os.chown(path, 65534, 65534)
    assert "safe.directory" in why_no_commit(repository)
    assert collect_commit(repository) is None


def test_the_folder_decides_and_not_the_variables_of_a_git_hook(repository, another, tmp_path, monkeypatch):
    write(repository, FASTER)
    expected, git_folder = collect_source(repository), another / ".git"
    for name, value in {
        "GIT_DIR": git_folder,
        "GIT_WORK_TREE": another,
        "GIT_INDEX_FILE": git_folder / "index",
        "GIT_OBJECT_DIRECTORY": git_folder / "objects",
    }.items():
        monkeypatch.setenv(name, str(value))
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
    write(repository, FASTER)
    answer = subprocess.run

    def hang_over_differences(command, **options):
        if "diff" in command:
            raise subprocess.TimeoutExpired(command, options["timeout"])
        return answer(command, **options)

    monkeypatch.setattr(subprocess, "run", hang_over_differences)
    source = collect_source(repository)
    assert (source.commit, source.dirty, source.patch) == (head(repository), True, None)
    assert collect_commit(repository) == source
    assert "The uncommitted changes cannot be recorded" in caplog.text


def test_a_working_tree_beside_the_repository_has_its_own_commit_and_changes(repository, tmp_path):
    tree = tmp_path / "tree"
    git(repository, "worktree", "add", "-q", "-b", "beside", str(tree))
    write(tree, FASTER | {"src/new.py": "new = True\n"})
    git(tree, "commit", "-q", "-a", "-m", "Faster")
    patch = patch_of(tree, {"src/train.py": "rate = 3\n"})
    assert collect_source(tree).commit == head(tree) != head(repository)
    assert b"rate = 3" in patch.content
    assert b"new = True" in patch.content
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
    patch = patch_of(repository, {})
    assert (patch.content, patch.left_out) == (b"", ("part",))
    assert collect_source(part).dirty == (change == "content")
    assert collect_commit(part).commit == head(part)


@pytest.mark.parametrize("hiding", ["--skip-worktree", "--assume-unchanged"])
def test_a_change_that_git_was_told_to_overlook_is_recorded(repository, hiding):
    git(repository, "update-index", hiding, "src/train.py")
    assert not collect_source(repository).dirty
    patch = patch_of(repository, FASTER)
    assert b"rate = 2" in patch.content
    assert not git(repository, "ls-files", "-v", "src/train.py").startswith(b"H")  # the user's index is as it was


def test_a_commit_is_not_what_replaces_it(repository):
    right = head(repository)
    write(repository, FASTER)
    git(repository, "add", "-A")
    tree = git(repository, "write-tree").decode().strip()
    git(repository, "replace", right, git(repository, "commit-tree", "-m", "other", tree).decode().strip())
    source = collect_source(repository)
    assert (source.commit, source.dirty) == (right, True)


def test_the_commit_of_a_project_is_not_that_of_a_package_from_elsewhere(repository):
    commit(repository, {"src/mnist_resnet/__init__.py": ""})
    assert collect_source(repository) is None
    assert f"not from {repository / 'src/mnist_resnet'}" in why_no_commit(repository)
