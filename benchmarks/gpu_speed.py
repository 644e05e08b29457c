"""Training speed of this project's ResNet-18 on the device; a contestant of `gpu.py`.

    KERAS_BACKEND=jax python benchmarks/gpu_speed.py --points 96x256 32x64 --deterministic

One line of JSON for each point (size of the images x batch size): images a second of each epoch but the first, which
compiles, the seconds of the first, the peak of the device's memory, and the kernels that took the most time.
"""

import os
from functools import partial
from typing import Any

from gpu_kernels import top_kernels_of_jax
from gpu_ours import describe_device, made_split, parameters, trained
from gpu_points import Point, answer, arguments


def measure(point: Point, asked: Any) -> dict[str, Any]:
    """Train for some epochs of so many steps."""
    from mnist_resnet.training.epochs.on_device import DeviceEpochs

    options = {"batch_size": point.batch_size, "deterministic": asked.deterministic, "precision": asked.precision}
    chosen = parameters(point.size, asked.architecture, epochs=asked.epochs + 1, **options)
    split = made_split(point.batch_size * asked.steps)
    train = partial(trained, chosen, split, partial(DeviceEpochs, steps_at_once=min(asked.steps, 50)))
    _, (first, *others) = train()
    return {
        "images_per_second": [round(result.images_per_second) for result in others],
        "first_epoch_seconds": round(first.seconds, 2),
        **_peak_memory(),
        "kernels": top_kernels_of_jax(train) if asked.kernels else None,
    }


def _peak_memory() -> dict[str, Any]:
    import jax

    statistics = jax.devices()[0].memory_stats() or {}  # CPUs have none
    return {"peak_bytes": statistics.get("peak_bytes_in_use"), "limit_bytes": statistics.get("bytes_limit")}


def main() -> None:
    """Answer with one line of JSON for each point."""
    parser = arguments(__doc__)
    parser.add_argument("--deterministic", action="store_true", help="as training.deterministic")
    parser.add_argument("--architecture", default="resnet18", help="default: resnet18")
    parser.add_argument("--precision", default="auto", help="as training.precision (default: auto)")
    asked = parser.parse_args()
    if asked.kernels:  # JAX' profiler ended with a failed launch of such a graph
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_gpu_enable_command_buffer="
    answer(asked, measure, describe_device)


if __name__ == "__main__":
    main()
