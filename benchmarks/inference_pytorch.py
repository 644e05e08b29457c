# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy>=2", "torch~=2.14", "torchvision~=0.29"]
# ///
"""torchvision's ResNet-18 on one channel, compiled, on the CPU; a contestant of `inference.py`.

    .venv/bin/uv run --script benchmarks/inference_pytorch.py --precision bfloat16

Its weights are random and frozen, its images float32 and 32 by 32 pixels, prepared before. It needs a C++
compiler. The libraries it needs are named above and are not part of this project's environment.
"""

import os

import numpy as np
import torch
from images import prepared_images
from inference_contestant import Classify, answer, parser
from side_by_side import describe
from torch._inductor import config as inductor
from training_pytorch import resnet18


def compiled(precision: str) -> Classify:
    """From float32 images (batch, 1, 32, 32) to float32 logits, by all processors."""
    torch.set_num_threads(os.cpu_count() or 1)
    inductor.freezing = True  # as an option of `compile` it leaves the weights unpacked (PyTorch 2.14)
    fast = torch.compile(resnet18(torch.channels_last).cpu().eval(), dynamic=False)

    def classify(images: np.ndarray) -> np.ndarray:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            return fast(torch.from_numpy(images)).float().numpy()

    return classify


def main() -> None:
    """Answer with one line of JSON."""
    arguments = parser(__doc__)
    arguments.add_argument("--precision", choices=("float32", "bfloat16"), default="float32", help="default: float32")
    arguments.add_argument("--describe", action="store_true", help="print interpreter and versions, classify nothing")
    asked = arguments.parse_args()
    if asked.describe:
        describe("torch", "torchvision")
        return
    images, _ = prepared_images(asked.batch_size)
    answer(compiled(asked.precision), images[:, None], asked.seconds, "own weights, frozen", compared=False)


if __name__ == "__main__":
    main()
