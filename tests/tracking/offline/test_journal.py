import subprocess
import sys
from pathlib import Path

import pytest

from mnist_resnet.tracking.offline.journal import append_record, as_operation, as_record, read_records
from mnist_resnet.tracking.operations import LogArtifact


def test_records_are_read_in_order_with_their_exact_values(tmp_path: Path) -> None:
    records = [{"value": 0.1 + 0.2, "words": "zwölf\nLinien"}, {"value": float("inf")}, {}]
    for record in records:
        append_record(tmp_path / "journal", record)
    assert read_records(tmp_path / "journal") == records


def test_a_record_that_was_broken_off_is_not_there_and_those_before_it_are(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    append_record(journal, {"number": 1})
    append_record(journal, {"number": 2})
    whole = journal.read_bytes()
    for size in range(len(whole) // 2, len(whole)):
        journal.write_bytes(whole[:size])
        assert read_records(journal) == [{"number": 1}]


@pytest.mark.parametrize("content", [b"no journal\n", b"[1]\n"])
def test_what_is_no_journal_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "journal").write_bytes(content)
    with pytest.raises(ValueError, match=r"journal|Expecting"):
        read_records(tmp_path / "journal")


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from mnist_resnet.tracking.offline.journal import append_record

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
append_record(Path(sys.argv[1]), {"number": 1})
resource.setrlimit(resource.RLIMIT_FSIZE, (20, resource.RLIM_INFINITY))
try:
    append_record(Path(sys.argv[1]), {"number": "a long one"})
except OSError:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    append_record(Path(sys.argv[1]), {"number": 3})
"""


def test_a_full_disk_costs_the_record_that_did_not_fit_only(tmp_path: Path) -> None:
    # A limit on the size of files stops a write in its midst, as a full disk does.
    subprocess.run([sys.executable, "-c", FULL_DISK, str(tmp_path / "journal")], check=True)
    assert read_records(tmp_path / "journal") == [{"number": 1}, {"number": 3}]


def test_files_that_are_not_as_they_were_written_are_refused(tmp_path: Path) -> None:
    (tmp_path / "report.md").write_text("right")
    record = as_record(LogArtifact(tmp_path / "report.md", "mnist"), tmp_path / "files/0")
    assert as_operation(record, tmp_path / "files") == LogArtifact(tmp_path / "files/0/report.md", "mnist")
    (tmp_path / "files/0/report.md").write_text("wrong")
    with pytest.raises(ValueError, match="0 is damaged: its SHA-256 is not the recorded one"):
        as_operation(record, tmp_path / "files")
