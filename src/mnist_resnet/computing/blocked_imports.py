"""Imports that other libraries make for features that no run uses, and do without where they fail."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def blocked_imports(*names: str) -> Iterator[None]:
    """Let the import of a package fail in the block, as if it were not installed, unless it is imported already.

    Args:
        names: Of packages, such as ``IPython``, which nobody needs who has not imported it: no notebook runs here then.
    """
    spared = [name for name in names if name not in sys.modules]
    sys.modules |= dict.fromkeys(spared)  # type: ignore[arg-type]  # for Python, None is a package that is not there
    try:
        yield
    finally:
        for name in spared:
            del sys.modules[name]
