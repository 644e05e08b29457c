"""The room that a training and the files made of it take, asked for before the first step."""

import math
import tempfile
from pathlib import Path

from mnist_resnet.computing.backend import keras
from mnist_resnet.storage.disk_space import require_space

_BYTES = 4  # of a float32
# model.keras, SavedModel, ONNX file, variants, MLflow's copies of the latter two, and one more while it is replaced.
# The largest variant has up to twice the weights, where images are small.
_STORED_MODELS = 10
# Graphs, tables, pictures, reports and records, whatever the network.
_BESIDES = 50_000_000
# onnxruntime quantizes that variant from one file to the next: as given, prepared, with calibration, and the result.
_TEMPORARY_MODELS = 8


def require_space_for(
    network: keras.Model, optimizer: keras.optimizers.Optimizer, keeps_best: bool, checkpoint: Path
) -> None:
    """Refuse a training that the disks have no room for; a quota or another program may still get in its way.

    The figures are upper ones, from sizes in float32. A checkpoint holds the weights, what the optimizer keeps of
    them, and those of the best epoch; two of them lie side by side while one is replaced. Once a model is stored, its
    checkpoint goes.

    Args:
        network: Built.
        optimizer: That of the training, built.
        keeps_best: Whether a checkpoint holds the weights of the best epoch, too.
        checkpoint: Its folder, on the disk of all that the run leaves; it need not exist.

    Raises:
        StorageError: With what is needed and what is free.
    """
    model = network.count_params() * _BYTES
    slots = sum(math.prod(variable.shape) for variable in optimizer.variables) * _BYTES
    two_checkpoints = 2 * (model + slots + keeps_best * model) + 2 * model
    # What an earlier run has left is replaced, one by one; the copy beside each is among the figures.
    there = sum(file.stat().st_size for file in checkpoint.parent.rglob("*") if file.is_file())
    stored = max(max(two_checkpoints, _STORED_MODELS * model) - there, 2 * model)
    needs = {checkpoint.parent: stored + _BESIDES, Path(tempfile.gettempdir()): _TEMPORARY_MODELS * model}
    require_space(f"Training {network.name} and exporting it", needs)
