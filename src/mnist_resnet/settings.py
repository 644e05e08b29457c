"""Kedro's settings of this project: context, hooks, configuration loader."""

import os
import sys
import warnings

if sys.platform == "win32":  # locks and signals differ there; this is the first module that Kedro imports
    sys.exit("mnist_resnet runs on Linux and macOS. On Windows, use WSL2, which is Linux.")

from mnist_resnet.config.places import model_input_place
from mnist_resnet.context import ProjectContext
from mnist_resnet.hooks import RunHooks
from mnist_resnet.terminal.streams import prepare_streams

__all__ = ["CONFIG_LOADER_ARGS", "CONTEXT_CLASS", "DISABLE_HOOKS_FOR_PLUGINS", "HOOKS"]

# Kedro 1.7 calls a function that omegaconf 2.4 has renamed: nothing that a user could act on.
warnings.filterwarnings("ignore", r"register_new_resolver\(\) is deprecated", UserWarning)

prepare_streams()

# Without git, MLflow's git library would print a page. The run says itself what a missing git means for it.
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")

# Nobody but the user and the user's group may change data, models and the record of runs, however lax the shell is.
os.umask(os.umask(0o077) | 0o002)

CONTEXT_CLASS = ProjectContext
HOOKS = (RunHooks(),)

# .telemetry says the same, but it is not found where the package is installed without the project.
DISABLE_HOOKS_FOR_PLUGINS = ("kedro-telemetry",)

CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    "config_patterns": {"parameters": ["parameters*", "parameters*/**", "**/parameters*", "datasets*"]},
    "custom_resolvers": {"model_input": model_input_place},
    # A recipe states only what differs from base; without this it would replace whole namespaces.
    "merge_strategy": {"parameters": "soft"},
}
