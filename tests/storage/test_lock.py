import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mnist_resnet.storage.lock import LOCK_FILE, FolderLock, LockedError

# A process that takes a lock and holds it until it is killed, or its input ends.
HOLDER = """
import sys
from pathlib import Path
from mnist_resnet.storage.lock import FolderLock, LockedError

lock = FolderLock(Path(sys.argv[1]))
try:
    lock.acquire(["/usr/bin/kedro", "run", "--params", "a=1 2"])
except LockedError:
    print("refused", flush=True)
else:
    exec(sys.argv[2])
    print("held", flush=True)
    sys.stdin.read()
    lock.release()
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


def test_a_second_process_is_refused_with_who_holds_the_lock(tmp_path, start):
    process = start(tmp_path)
    assert process.stdout.readline() == "held\n"
    with pytest.raises(
        LockedError, match=rf"process {process.pid} since \d{{4}}-.*`kedro run --params 'a=1 2'`.*--env"
    ):
        FolderLock(tmp_path).acquire()
    assert (tmp_path / LOCK_FILE).exists()


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path, start):
    process = start(tmp_path)
    process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert json.loads((tmp_path / LOCK_FILE).read_text())["process"] == process.pid
    lock = FolderLock(tmp_path)
    lock.acquire(["kedro"])
    assert json.loads((tmp_path / LOCK_FILE).read_text())["process"] == os.getpid()
    lock.release()


def test_of_many_processes_at_once_one_gets_the_lock(tmp_path, start):
    answers = [process.stdout.readline().strip() for process in [start(tmp_path) for _ in range(4)]]
    assert sorted(answers) == ["held", "refused", "refused", "refused"]


def test_a_lock_that_is_given_back_leaves_nothing(tmp_path):
    folder = tmp_path / "outputs"
    lock = FolderLock(folder)
    for _ in range(2):
        lock.acquire()
        assert (folder / LOCK_FILE).exists()
        lock.release()
        assert not folder.exists()
    lock.release()


def test_what_the_run_has_written_stays(tmp_path):
    lock = FolderLock(tmp_path)
    lock.acquire()
    (tmp_path / "model").touch()
    lock.release()
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_each_folder_has_a_lock_of_its_own(tmp_path):
    base, recipe = FolderLock(tmp_path), FolderLock(tmp_path / "recipes" / "fast")
    base.acquire()
    recipe.acquire()
    base.release()
    recipe.release()
    assert (tmp_path / "recipes").exists()


def test_never_do_two_hold_it_while_others_give_it_back(tmp_path):
    inside, most, times = [], [], 200

    def work():
        done = 0
        while done < times:
            lock = FolderLock(tmp_path / "outputs")
            try:
                lock.acquire()
            except LockedError:
                continue
            inside.append(None)
            most.append(len(inside))
            inside.pop()
            lock.release()
            done += 1

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(most) == 3 * times
    assert set(most) == {1}


def test_programs_that_a_killed_holder_had_started_do_not_keep_it(tmp_path, start):
    process = start(tmp_path, "import subprocess; subprocess.Popen(['sleep', '20'], stdout=subprocess.DEVNULL)")
    process.stdout.readline()
    process.kill()
    process.wait()
    lock = FolderLock(tmp_path)
    lock.acquire()
    lock.release()


def test_an_empty_file_does_not_hide_the_refusal(tmp_path):
    lock = FolderLock(tmp_path)
    lock.acquire()
    (tmp_path / LOCK_FILE).write_text("")
    with pytest.raises(LockedError, match="a process that has just started"):
        FolderLock(tmp_path).acquire()
    lock.release()


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "data").write_text("a file where the folder should be")
    with pytest.raises(LockedError, match=r"data/outputs cannot be written: Not a directory\. Make it writable"):
        FolderLock(tmp_path / "data" / "outputs").acquire()
