import errno
import pickle

from mnist_resnet.batch_inference.sources.chunks import SourceError
from mnist_resnet.terminal.printable_text import as_reason, as_unicode, in_words, printable


def test_what_is_shown_is_printable_and_in_one_line():
    assert printable("a\n b\x1b[2Jc\u202e\u2028d\x00 ü×–") == "a b [2Jc d ü×–"
    assert as_unicode("\udcff.png") == "\\udcff.png"
    assert as_reason("x" * 1000) == "x" * 400 + " …"


def test_errors_in_words():
    assert in_words(FileNotFoundError(errno.ENOENT, "whatever", "name")) == "No such file or directory"
    assert in_words(OSError("https://me:secret@host/?key=secret\nfailed")) == "https://host/?… failed"
    assert in_words(TimeoutError()) == "TimeoutError"


def test_an_error_of_a_source_travels():
    error = SourceError("one\ntwo")
    assert str(error) == str(pickle.loads(pickle.dumps(error))) == "one two"  # noqa: S301 - our own
