"""The program that a user has typed."""

from pathlib import Path

_PACKAGE = __name__.partition(".")[0]


def program_words(path: str) -> list[str]:
    """The words to type that start the same program again.

    Args:
        path: The program's path, as ``sys.argv`` has it first.

    Returns:
        ``mnist_resnet`` or ``python -m mnist_resnet``, which need no project; ``kedro`` for all others.
    """
    match Path(path).parts[-2:]:
        case [*_, "mnist_resnet"]:
            return [_PACKAGE]
        case ["mnist_resnet", "__main__.py"]:
            return ["python", "-m", _PACKAGE]
    return ["kedro"]
