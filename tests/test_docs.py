"""Links, files, tests and figures that README, CHANGELOG, docs and notebooks name."""

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
NOTEBOOKS = sorted((PROJECT / "notebooks").glob("*.ipynb"))
PAGES = [PROJECT / "README.md", PROJECT / "CHANGELOG.md", *sorted((PROJECT / "docs").rglob("*.md")), *NOTEBOOKS]
ROOMS = [PROJECT, PROJECT / "src/mnist_resnet"]
NAMES = {file.name for room in ("src", "tests", "benchmarks") for file in (PROJECT / room).rglob("*.py")}
TESTS = "\n".join(file.read_text(encoding="utf-8") for file in (PROJECT / "tests").rglob("*.py"))

of_each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def named(pattern: str, page: Path) -> list[str]:
    return re.findall(pattern, page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in named(r"(?m)^#+ (.+)$", page)}


def leads_somewhere(link: str, page: Path) -> bool:
    file, _, anchor = link.partition("#")
    target = page.parent / file if file else page
    return target.exists() and (not anchor or anchor in anchors(target))


@of_each_page
def test_each_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    links = [link for link in named(r"\]\(([^)\s]+)\)", page) if not link.startswith("https://")]
    assert [link for link in links if not leads_somewhere(link, page)] == []


@of_each_page
def test_each_file_that_is_named_is_there(page: Path) -> None:
    paths = named(r"`((?:[\w.-]+/)+(?:[\w.-]*\w\.(?:py|yml|md|ipynb))?)`", page)
    ours = [path for path in paths if path.endswith(".py") or path.startswith(("src/", "tests/", "conf/", "docs/"))]
    missing = [path for path in ours if not any((room / path).exists() for room in ROOMS)]
    assert [path for path in missing if not path.startswith("conf/local/")] == []
    assert set(named(r"`(\w+\.py)`", page)) - NAMES == set()


@of_each_page
def test_each_test_that_is_named_is_there(page: Path) -> None:
    whole, shortened = named(r"`(test_\w+)(?:\[[^`]*)?`", page), named(r"`(test_\w+)…[^`]*`", page)
    assert [name for name in whole if f"def {name}(" not in TESTS] == []
    assert [name for name in shortened if f"def {name}" not in TESTS] == []


def test_each_page_is_in_the_contents() -> None:
    docs = PROJECT / "docs"
    pages = {page.relative_to(docs).as_posix() for page in PAGES if docs in page.parents} - {"README.md"}
    notebooks = {f"../notebooks/{notebook.name}" for notebook in NOTEBOOKS}
    assert pages | notebooks <= set(named(r"\]\(([^)#\s]+)\)", docs / "README.md"))


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.stem)
def test_each_accuracy_that_a_notebook_states_is_in_the_results(notebook: Path) -> None:
    accuracy = r"\b0\.\d{3,4}\b"
    assert set(named(accuracy, notebook)) <= set(named(accuracy, PROJECT / "docs/results/accuracy.md"))


def test_the_readme_can_be_read_in_five_minutes() -> None:
    assert len((PROJECT / "README.md").read_text(encoding="utf-8").split()) <= 1200
