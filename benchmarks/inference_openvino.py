# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy>=2", "openvino>=2026.4"]
# ///
"""An ONNX file on OpenVINO, on the CPU; a contestant of `inference.py`.

    .venv/bin/uv run --script benchmarks/inference_openvino.py --model model.onnx --precision bfloat16

The file is compiled for the batch size, and by that performance hint under which single calls are the
fastest. The libraries it needs are named above and are not part of this project's environment.
"""

import os
from pathlib import Path
from statistics import median

import numpy as np
import openvino
from images import raw_images
from inference_contestant import Classify, answer, parser, seconds_per_call
from side_by_side import describe

PRECISIONS = {"float32": openvino.Type.f32, "bfloat16": openvino.Type.bf16}


def compiled(model: openvino.Model, precision: str, hint: str) -> Classify:
    """The model with hints and all processors; refuses to go on in another precision than was asked for."""
    hints = {"PERFORMANCE_HINT": hint, "INFERENCE_PRECISION_HINT": PRECISIONS[precision]}
    network = openvino.compile_model(model, "CPU", hints | {"INFERENCE_NUM_THREADS": os.cpu_count()})
    if (got := network.get_property("INFERENCE_PRECISION_HINT")) != PRECISIONS[precision]:
        given = next((name for name, kind in PRECISIONS.items() if kind == got), str(got))
        raise SystemExit(f"OpenVINO computes in {given} on this processor, though asked for {precision}")
    request = network.create_infer_request()

    def classify(images: np.ndarray) -> np.ndarray:
        return np.asarray(request.infer([images], share_inputs=True, share_outputs=True)[0])

    return classify


def fastest(candidates: dict[str, Classify], images: np.ndarray, seconds: float) -> str:
    """The hint under which the median call is shortest."""
    if len(candidates) == 1:
        return next(iter(candidates))
    return min(candidates, key=lambda hint: median(seconds_per_call(candidates[hint], images, seconds)))


def main() -> None:
    """Answer with one line of JSON."""
    arguments = parser(__doc__)
    arguments.add_argument("--model", type=Path, help="an ONNX file that takes raw images")
    arguments.add_argument("--precision", choices=PRECISIONS, default="float32", help="default: float32")
    arguments.add_argument("--describe", action="store_true", help="print interpreter and versions, classify nothing")
    asked = arguments.parse_args()
    if asked.describe:
        describe("openvino")
        return
    images, _ = raw_images(asked.batch_size)
    model = openvino.Core().read_model(asked.model)
    model.reshape(list(images.shape))
    hints = ["LATENCY"] if asked.batch_size == 1 else ["LATENCY", "THROUGHPUT"]
    candidates = {hint: compiled(model, asked.precision, hint) for hint in hints}
    hint = fastest(candidates, images, asked.seconds / 4)
    classify = candidates[hint]
    candidates.clear()  # so that only one holds threads
    answer(classify, images, asked.seconds, f"{hint.lower()} hint")


if __name__ == "__main__":
    main()
