"""Optimizers that go through each weight's memory once a step on TensorFlow, and loss scaling for float16.

Keras writes an update as a dozen operations, each of which reads and writes whole arrays; on a CPU
that is a quarter of a step at batch size 64. TensorFlow has the same updates as single operations.
"""

from typing import Any, assert_never

from mnist_resnet.computing.backend import keras
from mnist_resnet.config import TrainingParameters
from mnist_resnet.training.schedule import learning_rate


def build_optimizer(steps: int, parameters: TrainingParameters) -> keras.optimizers.Optimizer:
    """The optimizer of a whole training.

    Args:
        steps: All steps of the training.
        parameters: Optimizer, schedule, momentum, weight decay and averaging. Decay is decoupled
            (Loshchilov & Hutter 2019) and leaves scales, offsets and biases alone.

    Returns:
        Under the policy ``mixed_float16`` one that scales the loss, else the optimizer itself.
    """
    options: dict[str, Any] = {
        "learning_rate": learning_rate(steps, parameters),
        "weight_decay": parameters.weight_decay or None,
        "use_ema": parameters.average_decay is not None,
        "ema_momentum": parameters.average_decay or 0.0,
    }
    optimizer: keras.optimizers.Optimizer
    match parameters.optimizer:
        case "adam":
            optimizer = FusedAdam(**options)
        case "sgd":
            optimizer = FusedSGD(momentum=parameters.momentum, nesterov=parameters.nesterov, **options)
        case unknown:
            assert_never(unknown)
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return LossScaling(optimizer) if keras.config.dtype_policy().name == "mixed_float16" else optimizer


class Scheduled(keras.optimizers.Optimizer):  # type: ignore[misc]  # keras is untyped
    """An optimizer that computes its learning rate once a step; Keras does so for each weight that decays.

    Attributes:
        skipped: Steps without an update so far, which count in the schedule: 0, or a variable of ``LossScaling``.
    """

    skipped: Any = 0
    _rate: Any = None

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Take a step, as Keras does."""
        self._rate = keras.ops.convert_to_tensor(self.learning_rate)
        try:
            super().apply(grads, trainable_variables)
        finally:
            self._rate = None

    @keras.optimizers.Optimizer.learning_rate.getter  # type: ignore[untyped-decorator]  # keras is untyped
    def learning_rate(self) -> Any:
        """The rate of this step, or between two steps that of the next."""
        if self._rate is not None:
            return self._rate
        rate = self._learning_rate
        return rate(self.iterations + self.skipped) if callable(rate) else rate


class LossScaling(keras.optimizers.LossScaleOptimizer):  # type: ignore[misc]  # keras is untyped
    """Dynamic loss scaling (Micikevicius et al. 2018), as Keras has it, but for the schedule.

    A step whose gradients overflow changes no weight. Keras' schedule does not count it, and so ends late. Here it
    counts; whatever else depends on the number of updates, such as Adam's bias correction, does not.

    Args:
        inner_optimizer: Not yet built.
    """

    def __init__(self, inner_optimizer: keras.optimizers.Optimizer, **options: Any) -> None:
        super().__init__(inner_optimizer, **options)
        inner_optimizer.skipped = inner_optimizer.add_variable((), dtype="int", name="skipped")

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Take or skip a step."""
        inner = self.inner_optimizer
        steps = inner.iterations + inner.skipped
        super().apply(grads, trainable_variables)
        inner.skipped.assign(steps + 1 - inner.iterations)

    def stateless_apply(self, optimizer_variables: Any, grads: Any, trainable_variables: Any) -> tuple[Any, Any]:
        """Take or skip a step, as a function of all variables (JAX)."""
        places = {id(variable): place for place, variable in enumerate(self.variables)}
        taken, skipped = (places[id(each)] for each in (self.inner_optimizer.iterations, self.inner_optimizer.skipped))
        steps = optimizer_variables[taken] + optimizer_variables[skipped]
        weights, variables = super().stateless_apply(optimizer_variables, grads, trainable_variables)
        variables[skipped] = steps + 1 - variables[taken]
        return weights, variables


class FusedSGD(Scheduled, keras.optimizers.SGD):  # type: ignore[misc]  # keras is untyped
    """``keras.optimizers.SGD``, its momentum update as one operation on TensorFlow."""

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one weight array by its gradient."""
        if keras.backend.backend() != "tensorflow" or not self.momentum:
            super().update_step(gradient, variable, learning_rate)
            return
        import tensorflow as tf

        tf.raw_ops.ResourceApplyKerasMomentum(
            var=_handle(variable),
            accum=_handle(self.momentums[self._get_variable_index(variable)]),
            lr=tf.cast(learning_rate, variable.dtype),
            grad=tf.cast(gradient, variable.dtype),
            momentum=tf.cast(self.momentum, variable.dtype),
            use_nesterov=self.nesterov,
        )


class FusedAdam(Scheduled, keras.optimizers.Adam):  # type: ignore[misc]  # keras is untyped
    """``keras.optimizers.Adam`` (Kingma & Ba 2015), its update as one operation on TensorFlow."""

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one weight array by its gradient."""
        if keras.backend.backend() != "tensorflow" or self.amsgrad:
            super().update_step(gradient, variable, learning_rate)
            return
        import tensorflow as tf

        step, kind = tf.cast(self.iterations + 1, variable.dtype), variable.dtype
        index = self._get_variable_index(variable)
        tf.raw_ops.ResourceApplyAdam(
            var=_handle(variable),
            m=_handle(self._momentums[index]),
            v=_handle(self._velocities[index]),
            beta1_power=tf.pow(tf.cast(self.beta_1, kind), step),
            beta2_power=tf.pow(tf.cast(self.beta_2, kind), step),
            lr=tf.cast(learning_rate, kind),
            beta1=tf.cast(self.beta_1, kind),
            beta2=tf.cast(self.beta_2, kind),
            epsilon=tf.cast(self.epsilon, kind),
            grad=tf.cast(gradient, kind),
        )


def _handle(variable: Any) -> Any:
    """The TensorFlow resource of a variable of either library."""
    return (variable.value if isinstance(variable, keras.Variable) else variable).handle
