import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from mnist_resnet.storage.lock import LOCK_FILE, LockedError, folder_lock

# A process that takes a lock and holds it until it is killed, or its input ends.
HOLDER = """
import sys
from pathlib import Path
from mnist_resnet.storage.lock import LockedError, folder_lock

try:
    with folder_lock(Path(sys.argv[1]), ["/usr/bin/kedro", "run", "--params", "a=1 2"]):
        exec(sys.argv[2])
        print("held", flush=True)
        sys.stdin.read()
except LockedError:
    print("refused", flush=True)
"""


@pytest.fixture
def start():
    """Start processes that want the lock of a folder; they end with the test."""
    started = []

    def start(folder: Path, then: str = "") -> subprocess.Popen:
        command = [sys.executable, "-c", HOLDER, str(folder), then]
        started.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def refuse(folder: Path, reason: str) -> None:
    with pytest.raises(LockedError, match=reason), folder_lock(folder):
        pass


def test_a_second_process_is_refused_with_who_holds_the_lock(tmp_path, start):
    process = start(tmp_path)
    assert process.stdout.readline() == "held\n"
    refuse(tmp_path, rf"process {process.pid} since \d{{4}}-.*`kedro run --params 'a=1 2'`.*--env")
    assert (tmp_path / LOCK_FILE).exists()


@pytest.mark.parametrize("then", ["", "import subprocess as s; s.Popen(['sleep', '20'], stdout=s.DEVNULL)"])
def test_the_lock_of_a_killed_process_is_taken_over_also_from_programs_that_it_started(tmp_path, start, then):
    process = start(tmp_path, then)
    process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert json.loads((tmp_path / LOCK_FILE).read_text())["process"] == process.pid
    with folder_lock(tmp_path, ["kedro"]):
        assert json.loads((tmp_path / LOCK_FILE).read_text())["process"] == os.getpid()


def test_of_many_processes_at_once_one_gets_the_lock(tmp_path, start):
    answers = [process.stdout.readline().strip() for process in [start(tmp_path) for _ in range(4)]]
    assert sorted(answers) == ["held", "refused", "refused", "refused"]


def test_the_lock_names_the_command_without_credentials(tmp_path):
    with folder_lock(tmp_path, ["/usr/bin/kedro", "run", "--params", "a=http://user:pa'ss@host/x"]):
        assert json.loads((tmp_path / LOCK_FILE).read_text())["command"] == "kedro run --params a=http://host/x"


def test_a_lock_that_is_given_back_leaves_nothing(tmp_path):
    folder = tmp_path / "outputs"
    for _ in range(2):
        with folder_lock(folder):
            assert (folder / LOCK_FILE).exists()
        assert not folder.exists()


def test_each_folder_has_a_lock_of_its_own_and_what_a_run_has_written_stays(tmp_path):
    with folder_lock(tmp_path), folder_lock(tmp_path / "recipes" / "fast"):
        (tmp_path / "recipes" / "model").touch()
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["recipes", "recipes/model"]


def test_never_do_two_hold_it_while_others_give_it_back(tmp_path):
    inside, most, times = [], [], 200

    def work():
        done = 0
        while done < times:
            with suppress(LockedError), folder_lock(tmp_path / "outputs"):
                inside.append(None)
                most.append(len(inside))
                inside.pop()
                done += 1

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(most) == 3 * times
    assert set(most) == {1}


def test_an_empty_file_does_not_hide_the_refusal(tmp_path):
    with folder_lock(tmp_path):
        (tmp_path / LOCK_FILE).write_text("")
        refuse(tmp_path, "a process that has just started")


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "data").write_text("a file where the folder should be")
    refuse(tmp_path / "data" / "outputs", r"data/outputs cannot be written: Not a directory\. Make it writable")


def test_what_the_file_says_has_no_credentials(tmp_path):
    with folder_lock(tmp_path, ["kedro", "classify", "sftp://user:password@host/scans", "--output", "answers"]):
        content = (tmp_path / LOCK_FILE).read_text()
    assert "kedro classify sftp://host/scans --output answers" in content
    assert "password" not in content


def test_a_refusal_says_what_else_could_be_done(tmp_path):
    with folder_lock(tmp_path), pytest.raises(LockedError) as raised, folder_lock(tmp_path, elsewhere="or go away"):
        pass
    assert str(raised.value).endswith(". Wait for it or stop it, or go away")
