"""The whole configuration is checked as soon as it has been read."""

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl

from mnist_resnet.config import ConfigurationError, validate_parameters

_BASE_ENVIRONMENTS = {None, "base", "local"}


class ConfigurationHooks:
    """Refuse a configuration that cannot work, before anything is loaded or run."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Check all parameters, and that a recipe cannot write over another's outputs."""
        validate_parameters(context.config_loader["parameters"])
        _check_outputs(context.env, context.config_loader["globals"])


def _check_outputs(env: str | None, names: dict[str, str]) -> None:
    if env in _BASE_ENVIRONMENTS:
        return
    expected = {"recipe": env, "outputs": f"data/recipes/{env}"}
    for key, value in expected.items():
        if names.get(key) != value:
            raise ConfigurationError(
                f"globals.{key}: received {names.get(key)!r} in environment '{env}'; "
                f"state `{key}: {value}` in conf/{env}/globals.yml"
            )
