"""The model that MLflow serves: an ONNX classifier that answers raw images and refuses everything else.

MLflow stores this file with the model and runs it wherever the model is loaded ("models from code").
It therefore imports nothing of this package, and nothing of this package imports it.
"""

import ctypes
import hashlib
import logging
import os
import reprlib
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, NoReturn

import mlflow
import numpy as np
import numpy.typing as npt
import onnxruntime
from mlflow.exceptions import MlflowException

logger = logging.getLogger(__name__)

# A published test set in one request, some 25 MB of JSON, is answered within MLflow's limit of a minute.
MAX_IMAGES = 10_000

# Bounds what the activations of a request take; more images in a call are hardly faster.
_BATCH_SIZE = 256
_CPU, _CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
_ERRORS_ONLY = 3


class ServedModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # MLflow is untyped
    """An ONNX classifier of raw images, loaded by MLflow."""

    def load_context(self, context: Any) -> None:
        """Open the ONNX file.

        Args:
            context: Holds the path of the artifact ``onnx`` and, in ``model_config``, its ``onnx_sha256`` and the
                onnxruntime ``providers`` to ask for, in order of preference.

        Raises:
            MlflowException: If the file is not the one that was recorded.
        """
        content = Path(context.artifacts["onnx"]).read_bytes()
        recorded, found = context.model_config["onnx_sha256"], hashlib.sha256(content).hexdigest()
        if found != recorded:
            raise MlflowException(f"the ONNX file is damaged: its SHA-256 is {found}, but {recorded} was recorded")
        self._session = _open(content, context.model_config["providers"])

    # What MLflow passes is a dictionary of arrays; it warns of any type hint that says so, and of none at all.
    def predict(self, context: Any, model_input: np.ndarray) -> dict[str, npt.NDArray[np.float32]]:
        """Classify images.

        Args:
            context: Unused.
            model_input: Under the name of the network's input, the images (images, height, width):
                whole numbers from 0 to 255, as an array of numbers or of Python's int and float.

        Returns:
            Under the name of the network's output, float32 (images, classes).

        Raises:
            MlflowException: If these are not such images, none, or more than ``MAX_IMAGES``. Its
                code is INVALID_PARAMETER_VALUE, which MLflow's server answers with status 400.
        """
        (entry,), (answer,) = self._session.get_inputs(), self._session.get_outputs()
        images = _raw_images(model_input[entry.name], entry.name, tuple(entry.shape[1:]))
        starts = range(0, len(images), _BATCH_SIZE)
        batches = [self._session.run(None, {entry.name: images[start : start + _BATCH_SIZE]}) for start in starts]
        return {answer.name: np.concatenate([batch[0] for batch in batches])}


class _UnusableError(Exception):
    """A provider that does not run the model; the message is the reason."""

    def __init__(self, reason: str, expected: bool) -> None:
        super().__init__(reason)
        # No driver, or an onnxruntime for CPUs: the machine is not meant for it.
        self.level = logging.INFO if expected else logging.WARNING


def _open(content: bytes, providers: Sequence[str]) -> Any:
    """The session of the first provider that classifies an image, the CPU at last; says why others do not."""
    for provider in providers:
        try:
            return _load(content, provider)
        except _UnusableError as error:
            logger.log(error.level, "onnxruntime cannot use %s here: %s", provider, error)
    return _load(content, _CPU)


def _load(content: bytes, provider: str) -> Any:
    """A session that has classified an image by the provider, and by no other in its place."""
    if provider == _CPU:
        return _session(content, provider)
    if provider not in onnxruntime.get_available_providers():
        raise _UnusableError("this onnxruntime is built without it", expected=True)
    if provider == _CUDA:
        _require_driver()
    printed = StringIO()
    with _native_output_held() as held, redirect_stdout(printed):
        try:
            onnxruntime.preload_dlls()
            session = _session(content, provider)
            if session.get_providers()[0] == provider:
                (image,) = session.get_inputs()
                session.run(None, {image.name: np.zeros((1, *image.shape[1:]), np.uint8)})
                return session
            reason = ""
        except Exception as error:  # noqa: BLE001  # of whatever kind, it is the reason
            reason = str(error)
        said = f"{reason}\n{held()}\n{printed.getvalue()}"
    raise _UnusableError(textwrap.shorten(said, 400) or "it was left out without a reason", expected=False)


def _session(content: bytes, provider: str) -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    return onnxruntime.InferenceSession(content, options, providers=[provider], enable_fallback=0)


def _require_driver() -> None:
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        raise _UnusableError(f"the NVIDIA driver does not load: {error}", expected=True) from error


@contextmanager
def _native_output_held() -> Iterator[Callable[[], str]]:
    """Keep what native code writes to the error stream; yields a function that returns it."""
    sys.stderr.flush()
    original = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield lambda: os.pread(held.fileno(), os.fstat(held.fileno()).st_size, 0).decode(errors="replace")
        finally:
            os.dup2(original, 2)
            os.close(original)


def _raw_images(values: npt.NDArray[Any], name: str, image_size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    height, width = image_size
    expected = f"'{name}' must be images, each {height} rows of {width} whole numbers from 0 to 255"
    _check_shape(values, image_size, expected)
    if values.dtype == np.uint8:
        return values
    numbers = _numbers(values, expected)
    wrong = ~((numbers >= 0) & (numbers <= 255) & (numbers == np.floor(numbers)))
    if wrong.any():
        image, row, column = np.argwhere(wrong)[0]
        _refuse(f"{expected}; received {numbers[wrong][0]:g} in image {image}, row {row}, column {column}")
    return numbers.astype(np.uint8)


def _check_shape(values: npt.NDArray[Any], image_size: tuple[int, int], expected: str) -> None:
    if values.ndim == 0:
        _refuse(f"{expected}; received {reprlib.repr(values.item())}")
    if values.size == 0:
        _refuse(f"{expected}; received no pixels (shape {values.shape})")
    if values.shape[1:] != image_size:
        ragged = ", with lists of different lengths" if isinstance(values.flat[0], list) else ""
        _refuse(f"{expected}; received an array of shape {values.shape}{ragged}")
    if len(values) > MAX_IMAGES:
        _refuse(f"a request may have at most {MAX_IMAGES} images; received {len(values)}; send several requests")


def _numbers(values: npt.NDArray[Any], expected: str) -> npt.NDArray[Any]:
    if values.dtype == object:
        # bool is a subclass of int, so the very types are compared.
        others = [value for value in values.flat if type(value) not in (int, float)]
        if others:
            _refuse(f"{expected}; received {reprlib.repr(others[0])}")
        try:
            return values.astype(np.float64)
        except OverflowError:
            _refuse(f"{expected}; received a number too large for any type")
    if values.dtype.kind not in "uif":
        _refuse(f"{expected}; received {values.dtype}")
    return values


def _refuse(message: str) -> NoReturn:
    raise MlflowException.invalid_parameter_value(message)


mlflow.models.set_model(ServedModel())
