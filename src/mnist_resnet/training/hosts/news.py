"""Events of the ranks of a training, announced once in the process that waits for them."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from mnist_resnet.errors import UserError
from mnist_resnet.terminal.messages import LoggedElsewhere
from mnist_resnet.training.events import EpochResult, TrainingStart, announce
from mnist_resnet.training.hosts.placement import HostPlacement
from mnist_resnet.training.hosts.rank import Trained

logger = logging.getLogger(__name__)


class Mailbox:
    """News of the ranks, until they are taken; lives in a process of its own."""

    def __init__(self) -> None:
        self._news: list[Any] = []

    def put(self, news: Any) -> None:
        """Add news."""
        self._news.append(news)

    def take(self) -> list[Any]:
        """All news since they were last taken, in their order."""
        news, self._news = self._news, []
        return news


def open_mailbox(ray: Any, here: Any) -> tuple[Any, Callable[[Any], None]]:
    """A mailbox, and what brings news there from any host, and waits until they are there.

    Args:
        ray: The module.
        here: Ray's strategy by which a process is on this host.
    """
    mailbox = ray.remote(num_cpus=0, scheduling_strategy=here)(Mailbox).remote()
    return mailbox, partial(_put, mailbox)


def _put(mailbox: Any, news: Any) -> None:
    import ray

    ray.get(mailbox.put.remote(news))


class Announcer:
    """Announces what the ranks tell; what ranks that have started again tell once more, it does not."""

    def __init__(self) -> None:
        self._started, self._epochs = False, 0

    def told(self, news: Any) -> Trained | None:
        """Take note of news; of the last, what the training has come to.

        Raises:
            UserError: That a rank has raised.
        """
        match news:
            case Trained():
                return news
            case UserError():
                raise news
            case LoggedElsewhere():
                news.log()
            case TrainingStart():
                self._start(news)
            case EpochResult(epoch=epoch) if epoch > self._epochs:
                self._epochs = epoch
                announce(news)
        return None

    def missed(self, seconds: float, placement: HostPlacement, there: int) -> None:
        """Say that the ranks have told nothing for a while, and what is known of the cause.

        Args:
            seconds: How long.
            placement: Of the ranks.
            there: How many hosts of those that the ranks need are there.
        """
        nothing = f"Nothing was heard of the ranks for {seconds:.0f} s{self._last()}"
        if there < placement.hosts:
            logger.warning("%s. They need %d hosts, and Ray has %d; they wait", nothing, placement.hosts, there)
        elif self._started:
            logger.info("%s. Their hosts are there; a long epoch tells nothing until its end", nothing)
        else:
            logger.warning("%s. Their hosts are there; they wait if other work has the cores or GPUs", nothing)

    def _last(self) -> str:
        if self._epochs:
            return f", since epoch {self._epochs}"
        return ", since they began to train" if self._started else "; they have not begun to train"

    def _start(self, start: TrainingStart) -> None:
        if self._started:
            logger.warning("A rank was lost; all ranks have started again, and go on from the last checkpoint")
        else:
            announce(start)
        self._started = True
