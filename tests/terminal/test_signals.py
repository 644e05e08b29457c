import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mnist_resnet.terminal.signals import graceful_shutdown

PROGRAM = """
import hashlib
import signal
import sys
import time
import weakref
from pathlib import Path
from mnist_resnet.terminal import signals

def work():
    if sys.argv[1] == "python":
        time.sleep(60)
    elif sys.argv[1] == "native":  # a call during which the interpreter handles no signal
        hashlib.pbkdf2_hmac("sha256", b"", b"", 10**8)
    elif sys.argv[1] == "late":  # such a call that ends while everything is being closed
        began = time.monotonic()
        hashlib.pbkdf2_hmac("sha256", b"", b"", 10**5)
        hashlib.pbkdf2_hmac("sha256", b"", b"", round(10**5 * 2.5 / (time.monotonic() - began)))
        print("went on", flush=True)
        time.sleep(60)
    elif sys.argv[1] == "callback":  # what is raised there goes nowhere
        thing = {1, 2}
        watched = weakref.ref(thing, lambda _: print("within", flush=True) or time.sleep(60))
        del thing
        print("went on", flush=True)
        time.sleep(60)
    elif sys.argv[1] == "swallowed":
        while True:
            try:
                time.sleep(60)
            except BaseException:
                pass
    elif sys.argv[1] == "converted":
        try:
            time.sleep(60)
        except BaseException:
            raise ImportError("initialization failed")

def close():
    print("closed", flush=True)
    if sys.argv[2:] == ["slow"]:
        time.sleep(60)

def fail():
    raise OSError("no answer")

signals.register(close)
signals.register(fail)  # does not hold up the rest
signals._SECONDS_TO_UNWIND = 1.0
with signals.graceful_shutdown(lambda name: print(name, flush=True)):
    print("begun", flush=True)
    work()
"""


def start(*arguments: str) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "begun\n"
    return process


@pytest.mark.parametrize("work", ["python", "native", "swallowed", "converted"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_closes_what_is_open_and_ends_the_process(work, number):
    with start(work) as process:
        process.send_signal(number)
        output, errors = process.communicate(timeout=20)
    assert output.splitlines() == [number.name, "closed"]
    assert errors == ""
    assert process.returncode == 128 + number


def test_a_signal_that_meets_a_callback_is_raised_after_it():
    with start("callback") as process:
        assert process.stdout.readline() == "within\n"
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=20)
    assert (output.splitlines(), errors) == (["went on", "SIGTERM", "closed"], "")
    assert process.returncode == 128 + signal.SIGTERM


def test_the_second_signal_ends_it_at_once():
    with start("python", "slow") as process:
        process.send_signal(signal.SIGINT)
        assert [process.stdout.readline() for _ in range(2)] == ["SIGINT\n", "closed\n"]
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        process.communicate(timeout=20)
    assert time.monotonic() - began < 2
    assert process.returncode == 128 + signal.SIGINT


def test_nothing_goes_on_after_a_call_that_was_waited_for_too_long():
    with start("late", "slow") as process:
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=20)
    assert (output.splitlines(), errors) == (["SIGINT", "closed"], "")
    assert process.returncode == 128 + signal.SIGINT


def fail_while_stopping_orderly() -> None:
    with graceful_shutdown(print):
        assert signal.getsignal(signal.SIGTERM) not in {signal.SIG_DFL, signal.default_int_handler}
        raise ValueError("its own")


def test_nothing_is_left_of_a_block_that_ends_by_itself():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    threads, files = threading.active_count(), len(list(Path("/dev/fd").iterdir()))
    hook = sys.unraisablehook
    with pytest.raises(ValueError, match="its own"):
        fail_while_stopping_orderly()
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    assert (threading.active_count(), len(list(Path("/dev/fd").iterdir())), sys.unraisablehook) == (
        threads,
        files,
        hook,
    )


def test_a_signal_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as of a command that a script has put in the background
    try:
        with graceful_shutdown(print):
            signal.raise_signal(signal.SIGINT)
            assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_in_another_thread_signals_are_left_alone():
    done = []

    def work():
        with graceful_shutdown(print):
            done.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [before]
