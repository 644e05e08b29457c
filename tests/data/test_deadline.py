import time
from threading import Event

import pytest

from mnist_resnet.data.deadline import Deadline


def test_work_that_ends_in_time_is_handed_back():
    assert Deadline(5).wait_for(lambda: "done") == "done"


def test_what_work_raises_is_raised_where_it_is_waited_for():
    def fail():
        raise KeyError("no such file")

    with pytest.raises(KeyError, match="no such file"):
        Deadline(5).wait_for(fail)


def test_work_without_end_is_left_behind():
    over, started = Event(), time.monotonic()
    with pytest.raises(TimeoutError, match=r"it took more than 0\.1 s in all"):
        Deadline(0.1).wait_for(lambda: over.wait(10))
    assert time.monotonic() - started < 5
    over.set()


def test_all_work_shares_the_time():
    deadline, over = Deadline(1), Event()
    assert deadline.wait_for(lambda: "done") == "done"
    time.sleep(1)
    with pytest.raises(TimeoutError):
        deadline.wait_for(lambda: over.wait(1))
