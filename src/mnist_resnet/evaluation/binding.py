"""Batches at fixed places in memory, as CUDA graphs need them."""

from typing import Any

import numpy as np
import numpy.typing as npt


class FixedBatch:
    """Input and output of one batch size, where they stay from call to call.

    With ``enable_cuda_graph`` the first calls record what the GPU does, and later ones replay it. A record holds
    for one shape, so that each batch size has a number of its own.

    Args:
        inference: The onnxruntime session.
        shape: (images, height, width).
        device: ``cuda`` or ``cpu``.
    """

    def __init__(self, inference: Any, shape: tuple[int, ...], device: str) -> None:
        import onnxruntime

        (image,), (probabilities,) = inference.get_inputs(), inference.get_outputs()
        allocate = onnxruntime.OrtValue.ortvalue_from_shape_and_type
        self._images = allocate(shape, np.uint8, device, 0)
        self._probabilities = allocate((shape[0], probabilities.shape[1]), np.float32, device, 0)
        self._inference, self._binding = inference, inference.io_binding()
        self._binding.bind_ortvalue_input(image.name, self._images)
        self._binding.bind_ortvalue_output(probabilities.name, self._probabilities)
        self._options = onnxruntime.RunOptions()
        self._options.add_run_config_entry("gpu_graph_id", str(shape[0]))

    def run(self, batch: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Classify uint8 (images, height, width) of the fixed shape: float32 (images, classes)."""
        self._images.update_inplace(np.ascontiguousarray(batch))
        self._inference.run_with_iobinding(self._binding, self._options)
        return np.array(self._probabilities.numpy())
