from pathlib import Path

import pytest

from mnist_resnet.terminal.paths import shown_path


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/home/me/project/data/report.md", "data/report.md"),
        ("data/report.md", "data/report.md"),
        ("/home/me/project/../elsewhere/report.md", "/home/me/elsewhere/report.md"),
        ("/mnt/large/report.md", "/mnt/large/report.md"),
        ("/home/me/project2/report.md", "/home/me/project2/report.md"),
        ("/home/me/project", "."),
    ],
)
def test_paths_within_the_project_are_shown_from_it_and_others_whole(path, shown):
    assert shown_path(Path(path), Path("/home/me/project")) == shown


def test_a_folder_that_a_link_leads_elsewhere_is_shown_as_the_projects(tmp_path):
    (tmp_path / "project").mkdir()
    (tmp_path / "large").mkdir()
    (tmp_path / "project" / "data").symlink_to(tmp_path / "large")
    assert shown_path(tmp_path / "project" / "data" / "report.md", tmp_path / "project") == "data/report.md"
