"""The shared part of the contestants of `inference.py`: arguments, timed calls, answers."""

import argparse
import json
import time
from collections.abc import Callable
from statistics import median

import numpy as np

LEAST_CALLS = 3

# From a batch of images to float32 logits or probabilities (batch, classes), both in the computer's memory.
Classify = Callable[[np.ndarray], np.ndarray]


def parser(description: str | None) -> argparse.ArgumentParser:
    """The arguments that every contestant takes."""
    arguments = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--batch-size", type=int, default=1, help="images in a call (default: 1)")
    arguments.add_argument("--seconds", type=float, default=5.0, help="of timed calls (default: 5)")
    return arguments


def seconds_per_call(classify: Classify, images: np.ndarray, seconds: float) -> list[float]:
    """Call for so many seconds, one call after the other, and return what each call took."""
    taken: list[float] = []
    until = time.perf_counter() + seconds
    while len(taken) < LEAST_CALLS or time.perf_counter() < until:
        started = time.perf_counter()
        classify(images)
        taken.append(time.perf_counter() - started)
    return taken


def answer(classify: Classify, images: np.ndarray, seconds: float, how: str, *, compared: bool = True) -> None:
    """Warm up for half the time, measure for all of it, and print one line of JSON.

    Args:
        classify: The contestant.
        images: One batch, as it takes them.
        seconds: Of timed calls.
        how: What a reader should know of its settings.
        compared: Whether it runs our weights, so that its classes can be held against ours.
    """
    classes = classify(images).argmax(axis=1) if compared else np.empty(0)
    seconds_per_call(classify, images, seconds / 2)
    taken = seconds_per_call(classify, images, seconds)
    speed = len(images) / median(taken)
    answered = {"images_per_second": speed, "calls": len(taken), "classes": classes.tolist(), "how": how}
    print(json.dumps(answered), flush=True)
