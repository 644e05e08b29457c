"""Training speed of torchvision-like ResNet-18 by PyTorch on the device; a contestant of `gpu.py`.

    python benchmarks/gpu_pytorch.py --points 96x256 32x64 --compile

The images lie on the device as uint8. Steps are gathered, resized or padded and scaled there, in bfloat16 and
channels_last, with fused SGD, and nothing waits for the device until an epoch ends.
"""

import time
from typing import Any

import torch
from gpu_kernels import largest_shares
from gpu_points import Point, answer, arguments
from images import CLASSES, raw_images
from torch import nn
from torch.nn import functional

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
_STAGES = ((64, 1), (128, 2), (256, 2), (512, 2))


class Block(nn.Module):
    """A basic block (He et al. 2016, fig. 5 left)."""

    def __init__(self, inputs: int, outputs: int, strides: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, strides, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        projected = strides > 1 or inputs != outputs
        projection = nn.Sequential(nn.Conv2d(inputs, outputs, 1, strides, bias=False), nn.BatchNorm2d(outputs))
        self.shortcut: nn.Module = projection if projected else nn.Identity()

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """From (batch, inputs, height, width) to (batch, outputs, …)."""
        return functional.relu(self.convolutions(inputs) + self.shortcut(inputs))


def resnet18() -> nn.Module:
    """From (batch, 1, height, width) to logits; torchvision, which has the same, may not be there."""
    layers: list[nn.Module] = [nn.Conv2d(1, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True)]
    layers.append(nn.MaxPool2d(3, 2, 1))
    filters = 64
    for outputs, strides in _STAGES:
        layers += [Block(filters, outputs, strides), Block(outputs, outputs, 1)]
        filters = outputs
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(filters, CLASSES)]
    return nn.Sequential(*layers).to(DEVICE, memory_format=torch.channels_last).train()


class Training:
    """A network, its optimizer and its images."""

    def __init__(self, point: Point, asked: Any) -> None:
        images, labels = raw_images(point.batch_size * asked.steps)
        self.images, self.labels = torch.from_numpy(images).to(DEVICE), torch.from_numpy(labels).long().to(DEVICE)
        self.point = point
        network = resnet18()
        self.optimizer = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9, nesterov=True, fused=True)
        self.loss = torch.compile(self._loss) if asked.compile else self._loss
        self.network = network

    def epoch(self) -> float:
        """Train for one epoch; the images a second."""
        started = time.perf_counter()
        for chosen in torch.randperm(len(self.labels), device=DEVICE).split(self.point.batch_size):
            self.optimizer.zero_grad()
            loss = self.loss(self.images[chosen], self.labels[chosen])
            loss.backward()
            self.optimizer.step()
        loss.item()  # waits for the device
        return len(self.labels) / (time.perf_counter() - started)

    def _loss(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        size = (self.point.size, self.point.size)
        with torch.autocast(DEVICE.type, torch.bfloat16):
            prepared = images[:, None].float() / 255
            margin = (self.point.size - images.shape[-1]) // 2
            padded = functional.pad(prepared, [margin] * 4)
            resized = functional.interpolate(prepared, size, mode="bilinear", antialias=False)
            inputs = (padded if self.point.size == 32 else resized).to(memory_format=torch.channels_last)
            return functional.cross_entropy(self.network(inputs), labels)


def measure(point: Point, asked: Any) -> dict[str, Any]:
    """Train for some epochs; the first warms up, and compiles."""
    if DEVICE.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    training = Training(point, asked)
    first, *others = [training.epoch() for _ in range(asked.epochs + 1)]
    return {
        "images_per_second": [round(speed) for speed in others],
        "first_epoch_seconds": round(len(training.labels) / first, 2),
        "peak_bytes": torch.cuda.max_memory_allocated() if DEVICE.type == "cuda" else None,
        "kernels": _top_kernels(training) if asked.kernels and DEVICE.type == "cuda" else None,
    }


def _top_kernels(training: Training) -> list[tuple[str, float]]:
    from collections import Counter

    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profiler:
        training.epoch()
    spent = Counter({event.key: event.self_device_time_total for event in profiler.key_averages()})
    return largest_shares(spent)


def describe() -> dict[str, Any]:
    """The device and the version."""
    name = torch.cuda.get_device_name() if DEVICE.type == "cuda" else "cpu"
    return {"device": name, "platform": DEVICE.type, "torch": torch.__version__}


def main() -> None:
    """Answer with one line of JSON for each point."""
    parser = arguments(__doc__)
    parser.add_argument("--compile", action="store_true", help="by torch.compile")
    asked = parser.parse_args()
    torch.backends.cudnn.benchmark = True
    answer(asked, measure, describe)


if __name__ == "__main__":
    main()
