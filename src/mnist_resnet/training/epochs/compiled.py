"""Several steps of Keras' own training or evaluation in one compiled program."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from mnist_resnet.computing.backend import keras
from mnist_resnet.models.compilation import compiled_step

Figures = npt.NDArray[np.float32]
Batch = tuple[Any, Any]  # inputs and labels
MakeBatch = Callable[[Any, Any, int], Batch]  # from samples, the number of a step, and the size of the batch


class RunSteps(Protocol):
    """How steps are taken."""

    def __call__(self, samples: Any, first: int, count: int, size: int) -> Figures:
        """Take steps, and wait for the last of them.

        Args:
            samples: A tuple of tensors on the device.
            first: The number of the first step.
            count: How many. Each pair of ``count`` and ``size`` is compiled once.
            size: Images in a batch.

        Returns:
            float32 (count, 2), the mean loss and the mean accuracy so far after each step.
        """


class CompiledSteps(Protocol):
    """A loop over the steps of a model."""

    @contextmanager
    def running(self) -> Iterator[RunSteps]:
        """Take steps within the block; Keras' means start anew, and the model has its state again after the block."""


def compiled_training(trainee: keras.Model, make_batch: MakeBatch) -> CompiledSteps:
    """The loop that trains.

    Args:
        trainee: Compiled and built, its optimizer and metrics, too.
        make_batch: Makes the batch of a step, within the program.
    """
    return _compiled(trainee, trainee.train_step, make_batch, trains=True)


def compiled_evaluation(model: keras.Model, make_batch: MakeBatch) -> CompiledSteps:
    """The loop that evaluates; see ``compiled_training``."""
    return _compiled(model, model.test_step, make_batch, trains=False)


def _compiled(model: keras.Model, step: Callable[..., Any], make_batch: MakeBatch, *, trains: bool) -> CompiledSteps:
    if keras.backend.backend() == "jax":
        return _StepsOnJax(model, step, make_batch, trains=trains)
    return _StepsOnTensorFlow(model, step, make_batch)


class _StepsOnJax:
    """``jax.lax.scan`` over Keras' stateless step; the model's state is handed from program to program."""

    def __init__(self, model: keras.Model, step: Callable[..., Any], make_batch: MakeBatch, *, trains: bool) -> None:
        import jax

        self._model, self._trains = model, trains

        def several(state: Any, samples: Any, first: Any, count: int, size: int) -> Any:
            def one(state: Any, number: Any) -> Any:
                figures, changed = step(state, make_batch(samples, number, size))
                return tuple(map(list, changed)), _stacked(figures)

            with compiled_step():
                return jax.lax.scan(one, state, first + jax.numpy.arange(count))

        self._several = jax.jit(several, static_argnums=(3, 4), donate_argnums=0)

    @contextmanager
    def running(self) -> Iterator[RunSteps]:
        self._model.reset_metrics()
        groups = self._variables()
        # Copies, since what is donated must not be what somebody else holds: Keras shares averages with weights.
        state = tuple([keras.ops.copy(variable.value) for variable in group] for group in groups)

        def run(samples: Any, first: int, count: int, size: int) -> Figures:
            nonlocal state
            state, figures = self._several(state, samples, first, count, size)
            return np.asarray(figures)

        try:
            yield run
        finally:
            for group, values in zip(groups, state, strict=True):
                for variable, value in zip(group, values, strict=True):
                    variable.assign(value)

    def _variables(self) -> list[list[keras.Variable]]:
        model = self._model
        optimizer = [model.optimizer.variables] if self._trains else []
        return [model.trainable_variables, model.non_trainable_variables, *optimizer, model.metrics_variables]


class _StepsOnTensorFlow:
    """``tf.while_loop`` over Keras' step, in a function that XLA compiles; the state stays in the model's variables."""

    def __init__(self, model: keras.Model, step: Callable[..., Any], make_batch: MakeBatch) -> None:
        import tensorflow as tf

        self._model = model

        @tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]  # tensorflow is untyped
        def several(samples: Any, first: Any, count: int, size: int) -> Any:
            def one(number: Any, figures: Any) -> Any:
                stacked = _stacked(step(make_batch(samples, first + number, size)))
                return number + 1, figures.write(number, stacked)

            empty = tf.TensorArray(tf.float32, size=count, element_shape=(2,))
            with compiled_step():
                _, figures = tf.while_loop(
                    lambda number, _: number < count, one, (tf.constant(0), empty), maximum_iterations=count
                )
            return figures.stack()

        self._several = several

    @contextmanager
    def running(self) -> Iterator[RunSteps]:
        import tensorflow as tf

        self._model.reset_metrics()
        yield lambda samples, first, count, size: self._several(samples, tf.constant(first), count, size).numpy()


def _stacked(figures: Any) -> Any:
    """Keras' means after a step, as one tensor (2,)."""
    return keras.ops.stack([keras.ops.cast(figures[name], "float32") for name in ("loss", "accuracy")])
