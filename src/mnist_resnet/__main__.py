"""``mnist_resnet COMMAND`` and ``python -m mnist_resnet COMMAND``: the commands, also without the project's folder."""

import sys
from collections.abc import Sequence
from pathlib import Path

from mnist_resnet.terminal.messages import choose_logging

_NO_OPTIONS_OF_RUN = {"-h", "--help", "--version"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; what it reads and writes is in the project's folder, else in the present one.

    Options without a command are those of ``run``: that is how Kedro's deployments call a packaged project.

    Args:
        arguments: The words after the program's name; None for those that were typed.
    """
    choose_logging(Path.cwd())
    from kedro.framework.project import configure_project

    configure_project("mnist_resnet")
    from mnist_resnet.cli import cli

    words = list(sys.argv[1:] if arguments is None else arguments)
    if words and words[0].startswith("-") and words[0] not in _NO_OPTIONS_OF_RUN:
        words.insert(0, "run")
    sys.argv[1:] = words  # what is recorded, and shown to others, is the command that this one stands for
    cli.main(args=words, prog_name="mnist_resnet")


if __name__ == "__main__":
    main()
