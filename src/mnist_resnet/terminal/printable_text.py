"""Paths and reasons as they may be shown: in one line of printable text, whatever files and names bring along."""

import os

from mnist_resnet.terminal.redaction import in_one_line

_LONGEST_REASON = 400


def as_unicode(path: str) -> str:
    """A path in valid Unicode: a byte that is none, such as 255, is shown as a backslash and ``udcff``."""
    return path.encode("utf-8", "backslashreplace").decode()


def printable(text: str) -> str:
    """A text in one line of valid Unicode, without control characters."""
    return printable_on_streams(as_unicode(text))


def printable_on_streams(text: str) -> str:
    """A text in one line, without control characters; bytes that are no text stay, since streams here can show them."""
    shown = (sign if sign.isprintable() or "\udc80" <= sign <= "\udcff" else " " for sign in text)
    return " ".join("".join(shown).split())


def as_reason(text: str) -> str:
    """The same of bearable length."""
    words = printable(text)
    return words if len(words) <= _LONGEST_REASON else f"{words[:_LONGEST_REASON]} …"


def in_words(error: BaseException) -> str:
    """What an error says; the system's words alone if it is one of the system's."""
    if isinstance(error, OSError) and error.errno is not None:
        return os.strerror(error.errno)
    return printable(in_one_line(error)) or type(error).__name__
