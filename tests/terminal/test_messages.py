import logging
from typing import Any

import pytest

from mnist_resnet.terminal.messages import Forwarding, LoggedElsewhere


def test_a_message_is_logged_as_it_was_in_the_process_that_it_comes_from(caplog: pytest.LogCaptureFixture) -> None:
    sent: list[Any] = []
    there = logging.Logger("there")
    there.addHandler(Forwarding(sent.append))
    there.warning("%d %% of %s", 7, "it")
    (received,) = sent
    assert received == LoggedElsewhere("there", logging.WARNING, "7 % of it")
    received.log()
    assert caplog.record_tuples == [("there", logging.WARNING, "7 % of it")]
