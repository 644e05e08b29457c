"""A recorded source, checked and put in place, in a made repository."""

from dataclasses import replace
from pathlib import Path

import pytest

from mnist_resnet.provenance.source import Source, collect_source
from mnist_resnet.reproduce.checkout import as_shown, check_present_source, check_source, clone
from mnist_resnet.reproduce.preflight import CheckResult, ReproductionError
from tests.made_repository import commit, git, head, make_repository, write


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project in a subfolder of a repository with one commit."""
    return make_repository(tmp_path / "repository", {"project/file.txt": "first\n"}) / "project"


@pytest.fixture
def changed(project: Path) -> tuple[Source, bytes]:
    """A recorded source with uncommitted changes, which were undone afterwards."""
    write(project, {"file.txt": "changed\n", "new.txt": "new\n"})
    source = collect_source(project)
    git(project, "checkout", "-q", "--", ".")
    (project / "new.txt").unlink()
    return source, source.patch.content


def test_a_clone_has_the_commit_and_the_patch(project: Path, changed: tuple[Source, bytes], tmp_path: Path) -> None:
    source, patch = changed
    assert [check.result for check in check_source(project, source, patch)] == [CheckResult.PASS, CheckResult.PASS]
    commit(project, {"file.txt": "second\n"})
    made = clone(project, source.commit, patch, tmp_path / "clone")
    assert made == tmp_path / "clone" / "project"
    assert (made / "file.txt").read_text() == "changed\n"
    again = collect_source(made)
    assert (again.commit, again.patch.sha256) == (source.commit, source.patch.sha256)
    assert (project / "file.txt").read_text() == "second\n"


def test_a_patch_must_be_the_recorded_one_and_apply(project: Path, changed: tuple[Source, bytes]) -> None:
    source, patch = changed
    _, other = check_source(project, source, patch + b"\n")
    assert (other.result, other.present[:20]) == (CheckResult.FAIL, "not the recorded one")
    _, lost = check_source(project, source, None)
    assert lost.result == CheckResult.FAIL
    commit(project, {"file.txt": "second\n"})
    found, unfitting = check_source(project, replace(source, commit=head(project)), patch)
    assert (found.result, unfitting.result) == (CheckResult.PASS, CheckResult.FAIL)
    assert "file.txt" in unfitting.present


def test_what_was_left_out_of_a_patch_is_a_warning(project: Path, changed: tuple[Source, bytes]) -> None:
    source, patch = changed
    without = replace(source, patch=replace(source.patch, left_out=(".env",)))
    _, check = check_source(project, without, patch)
    assert (check.result, check.present) == (CheckResult.WARN, "applies, without .env")


def test_where_all_changes_were_left_out_of_the_patch_the_commit_is_cloned(project: Path, tmp_path: Path) -> None:
    (project / ".env").write_text("token=1\n")
    source = collect_source(project)
    assert source.patch.content == b""
    _, check = check_source(project, source, b"")
    assert (check.result, check.present) == (CheckResult.WARN, "applies, without project/.env")
    made = clone(project, source.commit, b"", tmp_path / "clone")
    assert [path.name for path in made.iterdir()] == ["file.txt"]


def test_a_clone_of_a_working_tree_beside_its_repository_has_the_tree_s_commit(project: Path, tmp_path: Path) -> None:
    git(project, "worktree", "add", "-q", "-b", "beside", str(tmp_path / "tree"))
    tree = tmp_path / "tree" / "project"
    commit(tree, {"file.txt": "second\n"})
    source = collect_source(tree)
    assert [check.result for check in check_source(tree, source, None)] == [CheckResult.PASS, CheckResult.PASS]
    made = clone(tree, source.commit, None, tmp_path / "clone")
    assert (made / "file.txt").read_text() == "second\n"


def test_a_commit_that_is_not_there_cannot_be_cloned(project: Path, tmp_path: Path) -> None:
    source = Source("a" * 40, dirty=False, patch=None)
    found, _ = check_source(project, source, None)
    assert found.result == CheckResult.FAIL
    with pytest.raises(ReproductionError, match="commit aaaaaaaaaaaa cannot be checked out"):
        clone(project, source.commit, None, tmp_path / "clone")


def test_a_run_outside_a_repository_has_no_source(project: Path) -> None:
    assert {check.result for check in check_source(project, None, None)} == {CheckResult.FAIL}
    told, _ = check_source(project, None, None, "git is not installed; install it")
    assert told.recorded == "none: git is not installed; install it"


def test_in_place_the_present_source_is_compared(project: Path, changed: tuple[Source, bytes]) -> None:
    source, _ = changed
    found, patch = check_present_source(project, source)
    assert (found.result, patch.result, patch.present) == (CheckResult.PASS, CheckResult.WARN, "none")


def test_nothing_hides_in_a_patch_that_is_shown() -> None:
    assert as_shown("+é\tharmless\n+\x1b[2K\r\u202e\n".encode()) == "+é\tharmless\n+\\x1b[2K\\r\\u202e\n"
