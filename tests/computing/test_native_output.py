import os
import sys

import pytest

from mnist_resnet.computing.native_output import captured_native_output


def write_natively(text):
    os.write(2, text.encode())  # past sys.stderr, as native libraries do


def write_and_fail(text, error):
    with captured_native_output():
        write_natively(text)
        raise error


def test_native_output_is_hidden(capfd):
    with captured_native_output():
        write_natively("chatter\n")
    assert capfd.readouterr().err == ""


def test_what_is_held_can_be_read(capfd):
    with captured_native_output() as held:
        write_natively("first\n")
        assert held() == "first\n"
        write_natively("second\n")
        assert held() == "first\nsecond\n"
    assert capfd.readouterr().err == ""


def test_output_before_and_after_is_shown(capfd):
    sys.stderr.write("before\n")
    with captured_native_output():
        write_natively("chatter\n")
    write_natively("after\n")
    assert capfd.readouterr().err.splitlines() == ["before", "after"]


@pytest.mark.parametrize("error", [ImportError, KeyboardInterrupt, SystemExit])
def test_native_output_is_shown_when_the_block_raises(capfd, error):
    with pytest.raises(error):
        write_and_fail("the reason\n", error)
    write_natively("after\n")
    assert capfd.readouterr().err.splitlines() == ["the reason", "after"]


def test_much_output_is_shown_whole(capfd):
    reason = "x" * 300_000  # more than a pipe or one buffer takes
    with pytest.raises(ImportError):
        write_and_fail(reason, ImportError)
    assert capfd.readouterr().err == reason


def test_blocks_may_be_nested(capfd):
    with captured_native_output():
        write_natively("outer\n")
        with pytest.raises(ImportError):
            write_and_fail("inner\n", ImportError)
    assert capfd.readouterr().err == ""


def test_no_file_stays_open(capfd):
    def next_free():
        descriptor = os.dup(2)
        os.close(descriptor)
        return descriptor

    before = next_free()
    with captured_native_output():
        pass
    with pytest.raises(ImportError):
        write_and_fail("", ImportError)
    assert next_free() == before
