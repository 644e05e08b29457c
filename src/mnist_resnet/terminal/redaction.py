"""Text as it may be shown and stored: without the credentials that addresses carry."""

import re

# With one slash these name a path or a model, such as MLflow's models:/mnist@champion; no host, and so no user.
_WITHOUT_HOST = r"(?!(?:models|runs|file|dbfs|mlflow-artifacts|[a-zA-Z]):/[^/])"
# A path made of an address has lost one of its slashes.
_USER_AND_PASSWORD = re.compile(rf"(?<![a-zA-Z0-9+.-]){_WITHOUT_HOST}([a-zA-Z0-9+.-]+:/{{1,2}})[^/\s'\"]*@")
_SHOWN = 300
_QUERY = re.compile(r"([a-zA-Z0-9+]+:/[^\s?'\"]*\?)[^\s'\"()<>]+")


def without_credentials(text: str) -> str:
    """A text without the user names, passwords and queries of the addresses in it.

    Args:
        text: An address, or a message that may hold some, such as ``https://user:password@host/files?token=1``,
            which becomes ``https://host/files?…``.
    """
    return _QUERY.sub(r"\1…", _USER_AND_PASSWORD.sub(r"\1", text))


def in_one_line(error: BaseException) -> str:
    """An error's message in one line of bearable length, without credentials."""
    words = " ".join(without_credentials(str(error)).split())
    return words if len(words) <= _SHOWN else f"{words[:_SHOWN]} …"
