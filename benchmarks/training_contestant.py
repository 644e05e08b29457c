"""The shared part of the contestants of `training.py`: arguments, epochs, answers."""

import argparse
import json
import time
from collections.abc import Sequence

EPOCHS = 2


def parser(description: str | None) -> argparse.ArgumentParser:
    """The arguments that every contestant takes."""
    arguments = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--images", type=int, default=12_800, help="images in an epoch (default: 12800)")
    arguments.add_argument("--batch-size", type=int, default=256, help="images in a step (default: 256)")
    return arguments


def answer(epoch_ends: Sequence[float], precision: str) -> None:
    """Print when each epoch ended, by ``time.time``, and the precision, as one line of JSON."""
    print(json.dumps({"epoch_ends": list(epoch_ends), "precision": precision}), flush=True)


class EpochEnds(list[float]):
    """The times at which epochs ended, noted by calling this with anything."""

    def __call__(self, *_: object) -> None:
        """Note that an epoch has ended now."""
        self.append(time.time())
