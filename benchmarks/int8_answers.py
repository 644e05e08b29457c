"""Answers of ONNX files in one process on one processor, real or emulated, for `int8_forms.py`."""

import argparse
from pathlib import Path

import numpy as np

from mnist_resnet.evaluation.providers import CPU_PROVIDER
from mnist_resnet.evaluation.session import open_session

BATCH_SIZE = 50


def main() -> None:
    """Answer with every file of a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="holds images.npy and *.onnx; gets <name of the file>.npy")
    folder = parser.parse_args().folder
    images = np.load(folder / "images.npy")
    for file in sorted(folder.glob("*.onnx")):
        session = open_session(file.read_bytes(), [CPU_PROVIDER])
        np.save(folder / f"{file.stem}.npy", session.probabilities(images, BATCH_SIZE))


if __name__ == "__main__":
    main()
