"""Loss scaling for float16, under which the learning rate follows the number of the step."""

from typing import Any

from mnist_resnet.computing.backend import keras


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
