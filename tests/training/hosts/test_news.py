import logging
from dataclasses import replace

import pytest

from mnist_resnet.terminal.messages import LoggedElsewhere
from mnist_resnet.training.epochs.watch import TrainingError
from mnist_resnet.training.events import EpochResult, TrainingDevice, TrainingStart, listening
from mnist_resnet.training.hosts.news import Announcer, Mailbox
from mnist_resnet.training.hosts.placement import HostPlacement
from mnist_resnet.training.hosts.rank import Trained

DEVICE = TrainingDevice(
    name="the CPU", kind="CPU", backend="jax", precision="float32", tf32=False, deterministic=False, asked={}
)
START = TrainingStart(DEVICE, {})
FIRST = EpochResult(1, 0.1, 1.0, 0.5, 1.0, 0.5, 1.0, 64.0)
ON_TWO = HostPlacement(2, {"CPU": 1.0}, "STRICT_SPREAD", "cpu")


@pytest.fixture(autouse=True)
def _everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "mnist_resnet")


def test_a_mailbox_gives_each_news_once_and_in_order() -> None:
    mailbox = Mailbox()
    for news in (1, 2):
        mailbox.put(news)
    assert [mailbox.take(), mailbox.take()] == [[1, 2], []]


def test_what_ranks_tell_again_after_they_have_started_again_is_announced_once(caplog) -> None:
    announcer, announced = Announcer(), []
    second = replace(FIRST, epoch=2)
    with listening(announced.append), listening(announced.append, TrainingStart):
        for news in (START, FIRST, START, FIRST, second):
            assert announcer.told(news) is None
    assert announced == [START, FIRST, second]
    assert caplog.messages == ["A rank was lost; all ranks have started again, and go on from the last checkpoint"]


def test_messages_errors_and_the_end_are_handed_on(caplog) -> None:
    announcer, trained = Announcer(), Trained([], [FIRST], DEVICE)
    announcer.told(LoggedElsewhere("mnist_resnet.training.fit", logging.INFO, "100 % of it"))
    assert caplog.messages == ["100 % of it"]
    assert announcer.told(trained) is trained
    with pytest.raises(TrainingError, match="the loss is nan"):
        announcer.told(TrainingError("the loss is nan"))


@pytest.mark.parametrize(
    ("news", "there", "level", "said"),
    [
        ([], 2, "WARNING", "120 s; they have not begun to train. Their hosts are there; they wait if other work has"),
        ([START], 2, "INFO", "120 s, since they began to train. Their hosts are there; a long epoch tells nothing"),
        ([START, FIRST], 2, "INFO", "120 s, since epoch 1. Their hosts are there; a long epoch tells nothing until"),
        ([START, FIRST], 1, "WARNING", "120 s, since epoch 1. They need 2 hosts, and Ray has 1; they wait"),
    ],
)
def test_silence_is_told_with_what_is_known_of_it(caplog, news, there, level, said) -> None:
    announcer = Announcer()
    for each in news:
        announcer.told(each)
    announcer.missed(120, ON_TWO, there)
    (record,) = caplog.records
    assert record.levelname == level
    assert record.getMessage().startswith(f"Nothing was heard of the ranks for {said}")


def test_processes_of_one_machine_lack_no_host(caplog) -> None:
    Announcer().missed(120, HostPlacement(8, {"CPU": 1.0}, "PACK", "cpu"), 1)
    assert "Their hosts are there" in caplog.text
