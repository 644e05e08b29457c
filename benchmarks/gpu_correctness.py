"""Checks that training on the device is right: each compares two ways to the same result.

    KERAS_BACKEND=jax python benchmarks/gpu_correctness.py chunks

A part of `gpu.py`. The last line printed is JSON: whether the check passed, and the figure that it looked at.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from gpu_ours import describe_device, made_split, parameters, trained

Arrays = Sequence[np.ndarray]
Answer = dict[str, Any]

_STEPS, _BATCH = 8, 64
# How far rounding drives weights apart in float32: in 8 steps if only sums have another order, and in one step of
# another device. There, weights that differed by 1e-7 of themselves made 5e-7, by 1e-4, as TF32 would, 7e-4; after 8
# steps either is more than 1.
_TOLERANCE, _DEVICE_TOLERANCE = 1e-5, 1e-4
_PRECISE: dict[str, Any] = {"precision": "float32", "deterministic": True, "batch_size": _BATCH}


def augmentation(architecture: str) -> Answer:
    """The augmentation against the same in numpy, image by image."""
    from mnist_resnet.computing.backend import keras
    from mnist_resnet.training.augmentation import Augmentation, draw_epoch

    del architecture
    images = made_split(512).train_images
    asked = parameters(32, max_shift=3, erased_fraction=0.5, epochs=2).training
    draws = draw_epoch(len(images), images.shape[1:], 0, asked)
    inputs = (images, draws.shifts, draws.flips, draws.erased)
    computed = keras.ops.convert_to_numpy(Augmentation()(*map(keras.ops.convert_to_tensor, inputs)))
    differ = sum(int(not np.array_equal(one, _augmented(*each))) for one, *each in zip(computed, *inputs, strict=True))
    return {"passed": differ == 0, "images": len(images), "images_that_differ": differ}


def _augmented(image: np.ndarray, shift: np.ndarray, flip: bool, erased: np.ndarray) -> np.ndarray:
    """One image: moved with black coming in, then mirrored, then blackened."""
    height, width = image.shape
    (down, right), (top, left, rows, columns) = shift, erased
    moved = np.zeros_like(image)
    source = image[max(-down, 0) : height - max(down, 0), max(-right, 0) : width - max(right, 0)]
    moved[max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)] = source
    outcome = moved[:, ::-1].copy() if flip else moved
    outcome[top : top + rows, left : left + columns] = 0
    return outcome


def fed_and_resident(architecture: str) -> Answer:
    """An epoch on the device against the same epoch by Keras' ``fit``."""
    from mnist_resnet.training.epochs.host_fed import HostFedEpochs

    split, asked = made_split(_STEPS * _BATCH, 100), parameters(32, architecture, epochs=1, **_PRECISE)
    (fed, by_fit), (resident, by_device) = trained(asked, split, HostFedEpochs), trained(asked, split, _resident(64))
    losses = [abs(by_fit[0].validation_loss - by_device[0].validation_loss), _furthest(fed, resident)]
    return {"passed": max(losses) <= _TOLERANCE, "validation_loss": losses[0], "weights": losses[1]}


def cpu_reference(architecture: str) -> Answer:
    """A step on the device against the same on the CPU, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.npz"
        command = [sys.executable, __file__, "weights", "--architecture", architecture, "--output", str(path)]
        command += ["--steps", "1"]
        subprocess.run(command, env=os.environ | {"JAX_PLATFORMS": "cpu"}, check=True, stdout=subprocess.DEVNULL)
        with np.load(path, allow_pickle=False) as stored:
            expected = [stored[name] for name in stored.files]
    difference = _furthest(expected, _weights(architecture, steps=1))
    return {"passed": difference <= _DEVICE_TOLERANCE, "weights": difference}


def chunks(architecture: str) -> Answer:
    """The same epoch in programs of 1, 3 and all steps: equal bits."""
    split, asked = made_split(_STEPS * _BATCH), parameters(32, architecture, epochs=1, **_PRECISE)
    first, *others = [trained(asked, split, _resident(steps))[0] for steps in (1, 3, _STEPS)]
    differences = [_furthest(first, each) for each in others]
    return {"passed": max(differences) == 0, "weights": differences}


def planted_nan(architecture: str) -> Answer:
    """A rate at which the loss overflows: the same step is named, however many steps a program has."""
    from mnist_resnet.training.epochs.watch import TrainingError

    split, told = made_split(_STEPS * _BATCH), []
    asked = parameters(32, architecture, epochs=1, **_PRECISE | {"learning_rate": 1e20})
    for steps in (1, _STEPS):
        try:
            trained(asked, split, _resident(steps))
        except TrainingError as error:
            told.append(str(error))
    return {"passed": len(told) == 2 and told[0] == told[1], "told": told}


def resume(architecture: str) -> Answer:
    """A training broken off after an epoch goes on to the weights of one that was not: equal bits."""
    from mnist_resnet.training.events import listening

    def stop(result: Any) -> None:
        raise InterruptedError(f"after epoch {result.epoch}")

    split = made_split(_STEPS * _BATCH, 100)
    asked = parameters(32, architecture, epochs=2, **_PRECISE | {"checkpoint_seconds": 0})
    whole, _ = trained(asked, split, _resident(3))
    with tempfile.TemporaryDirectory() as folder:
        try:
            with listening(_on_second_epoch(stop)):
                trained(asked, split, _resident(3), Path(folder) / "checkpoint")
        except InterruptedError:
            pass
        resumed, history = trained(asked, split, _resident(3), Path(folder) / "checkpoint")
    return {"passed": _furthest(whole, resumed) == 0, "epochs": len(history), "weights": _furthest(whole, resumed)}


def _on_second_epoch(act: Callable[[Any], None]) -> Callable[[Any], None]:
    return lambda result: act(result) if result.epoch == 2 else None


def repeats(architecture: str) -> Answer:
    """The same epoch in two processes, with and without determinism: bits must be equal with it."""
    differences: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, options in (("deterministic", ()), ("not_deterministic", ("--any-order",))):
            stored = []
            for number in (1, 2):
                path = Path(folder) / f"{name}{number}.npz"
                command = [sys.executable, __file__, "weights", "--architecture", architecture, "--output", str(path)]
                subprocess.run([*command, *options], check=True, stdout=subprocess.DEVNULL)
                with np.load(path, allow_pickle=False) as arrays:
                    stored.append([arrays[each] for each in arrays.files])
            differences[name] = _furthest(*stored)
    return {"passed": differences["deterministic"] == 0, "weights": differences}


def _resident(steps: int) -> Any:
    from mnist_resnet.training.epochs.on_device import DeviceEpochs

    return partial(DeviceEpochs, steps_at_once=steps)


def _weights(architecture: str, deterministic: bool = True, steps: int = _STEPS) -> Arrays:
    asked = parameters(32, architecture, epochs=1, **_PRECISE | {"deterministic": deterministic})
    return trained(asked, made_split(steps * _BATCH), _resident(64))[0]


def _furthest(one: Arrays, other: Arrays) -> float:
    """The largest difference of two weights."""
    return max(float(np.abs(first - second).max()) for first, second in zip(one, other, strict=True))


CHECKS = {
    check.__name__: check
    for check in (augmentation, chunks, fed_and_resident, planted_nan, resume, cpu_reference, repeats)
}


def main() -> None:
    """Answer with one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("check", choices=[*CHECKS, "weights"])
    parser.add_argument("--architecture", default="resnet18", help="default: resnet18")
    parser.add_argument("--any-order", action="store_true", help="of `weights`: without determinism")
    parser.add_argument("--steps", type=int, default=_STEPS, help=f"of `weights` (default: {_STEPS})")
    parser.add_argument("--output", type=Path, help="of `weights`: the .npz file to write them to")
    asked = parser.parse_args()
    if asked.check == "weights":
        np.savez(asked.output, *_weights(asked.architecture, not asked.any_order, asked.steps))
        return
    print(json.dumps(CHECKS[asked.check](asked.architecture) | describe_device()), flush=True)


if __name__ == "__main__":
    main()
