"""Programs on a terminal of a given width."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios


def on_terminal(program: str, columns: int, stdout: int | None = None, **environment: str) -> str:
    """What a program of Python shows on a terminal; its standard output may go elsewhere."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    variables = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES", "FORCE_COLOR")}
    command, shown = [sys.executable, "-c", program], b""
    out = its if stdout is None else stdout
    with subprocess.Popen(command, stdin=its, stdout=out, stderr=its, env=variables | environment) as process:
        os.close(its)
        try:
            while part := os.read(ours, 4096):
                shown += part
        except OSError:  # how Linux says that the other side is closed
            pass
    os.close(ours)
    assert process.returncode == 0, shown
    return shown.decode()
