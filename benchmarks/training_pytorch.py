# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy>=2", "torch~=2.14", "torchvision~=0.29"]
# ///
"""Two epochs of torchvision's ResNet-18 on one channel, with fused Adam; a contestant of `training.py`.

    .venv/bin/uv run --script benchmarks/training_pytorch.py --precision bfloat16 --layout channels_last

The libraries it needs are named above and are not part of this project's environment.
"""

import argparse

import torch
import torchvision
from images import CLASSES, prepared_images
from side_by_side import describe
from torch.nn import functional
from training_contestant import EPOCHS, EpochEnds, answer, parser

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
LAYOUTS = {"default": torch.contiguous_format, "channels_last": torch.channels_last}


def resnet18(layout: torch.memory_format) -> torch.nn.Module:
    """From prepared images (batch, 1, 32, 32) to logits."""
    network = torchvision.models.resnet18(num_classes=CLASSES)
    network.conv1 = torch.nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)
    return network.to(DEVICE, memory_format=layout).train()


def train(images: torch.Tensor, labels: torch.Tensor, asked: argparse.Namespace) -> EpochEnds:
    """When each epoch ended."""
    layout, ends = LAYOUTS[asked.layout], EpochEnds()
    network = resnet18(layout)
    answers = torch.compile(network, dynamic=False) if asked.compile else network
    optimizer = torch.optim.Adam(network.parameters(), fused=True)
    autocast = torch.autocast(DEVICE.type, torch.bfloat16, enabled=asked.precision == "bfloat16")
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(labels)).to(DEVICE).split(asked.batch_size):
            optimizer.zero_grad()
            with autocast:
                logits = answers(images[chosen].to(memory_format=layout))
                loss = functional.cross_entropy(logits, labels[chosen])
            loss.backward()
            optimizer.step()
        ends(loss.item())  # reading the loss waits for the device
    return ends


def main() -> None:
    """Answer with one line of JSON."""
    arguments = parser(__doc__)
    arguments.add_argument("--precision", choices=("float32", "bfloat16"), default="float32", help="default: float32")
    arguments.add_argument("--layout", choices=LAYOUTS, default="default", help="of images and kernels in memory")
    arguments.add_argument("--compile", action="store_true", help="by torch.compile, which needs a C++ compiler")
    arguments.add_argument("--describe", action="store_true", help="print interpreter and versions, train nothing")
    asked = arguments.parse_args()
    if asked.describe:
        describe("torch", "torchvision")
        return
    images, labels = (torch.from_numpy(array) for array in prepared_images(asked.images))
    images, labels = images[:, None].to(DEVICE), labels.long().to(DEVICE)
    answer(train(images, labels, asked), asked.precision)


if __name__ == "__main__":
    main()
