"""Text as it may be shown and stored: without the credentials that addresses carry."""

import os
import re
from collections.abc import Iterator
from urllib.parse import unquote

# With one slash these name a path or a model, such as MLflow's models:/mnist@champion; no host, and so no user.
_WITHOUT_HOST = r"(?!(?:models|runs|file|dbfs|mlflow-artifacts|[a-zA-Z]):/[^/])"
# A path made of an address has lost one of its slashes.
_SCHEME = rf"(?<![a-zA-Z0-9+.-]){_WITHOUT_HOST}([a-zA-Z0-9+.-]+:/{{1,2}})"
# What follows a port is a path; what follows another colon is a password, which databases take with its slashes.
_USER_AND_PASSWORD = re.compile(rf"{_SCHEME}(?:(?:(?!://)[^/\s])*@|(?<=//)[^/\s:@\[]*:(?!\d*/)(?:(?!://)\S)*@)")
_USER_AND_PASSWORD_TO_THE_END = re.compile(rf"{_SCHEME}(?:([^/]*)@|([^/:@\[]*:(?!\d*/).*)@)", re.DOTALL)
_QUERY = re.compile(r"((?<![a-zA-Z0-9+])[a-zA-Z0-9+]+:/(?:(?!:/)[^\s?])*)\?\S*[^\s'\"()<>,.;:]")
_WITH_CREDENTIALS = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MNIST_RESNET_DATA_MIRROR")
_SHOWN = 300
LEFT_OUT = "?…"


def without_credentials(text: str) -> str:
    """A text without the user names, passwords and queries of the addresses in it.

    Args:
        text: An address, or a message that may hold some, such as ``https://user:password@host/files?token=1``,
            which becomes ``https://host/files?…``.
    """
    for known in _known_credentials():
        text = re.sub(rf"(?<!\w){re.escape(known)}(?!\w)(@?)", lambda found: "" if found[1] else "…", text)
    return _QUERY.sub(rf"\1{LEFT_OUT}", _USER_AND_PASSWORD.sub(r"\1", text))


def _known_credentials() -> Iterator[str]:
    """The users with their passwords that the environment states, which may have signs that end an address."""
    for name in _WITH_CREDENTIALS:
        if found := _USER_AND_PASSWORD_TO_THE_END.match(os.environ.get(name, "")):
            stated = found[2] or found[3] or ""
            user, _, password = stated.partition(":")
            if user and password:
                yield from {stated, unquote(stated)}


def in_one_line(error: BaseException) -> str:
    """An error's message in one line of bearable length, without credentials."""
    words = " ".join(without_credentials(str(error)).split())
    return words if len(words) <= _SHOWN else f"{words[:_SHOWN]} …"
