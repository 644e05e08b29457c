"""What Kedro needs to know of this project."""

import os
import sys
import warnings

if sys.platform == "win32":  # where locks and signals are others; this is the first module that Kedro imports
    sys.exit("mnist_resnet runs on Linux and macOS. On Windows, use it within WSL2, where all works as on Linux.")

from mnist_resnet.context import ProjectContext
from mnist_resnet.hooks import HOOKS
from mnist_resnet.terminal.streams import prepare_streams

__all__ = ["CONFIG_LOADER_ARGS", "CONTEXT_CLASS", "DISABLE_HOOKS_FOR_PLUGINS", "HOOKS"]

# Kedro 1.7 calls a function that omegaconf 2.4 has renamed: nothing that a user could act on.
warnings.filterwarnings("ignore", r"register_new_resolver\(\) is deprecated", UserWarning)

prepare_streams()

# Where there is no git, MLflow's library for it would fill a page; what that means for a run is said by the run.
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")

# Nobody but the user and the user's group may change data, models and the record of runs, however lax the shell is.
os.umask(os.umask(0o077) | 0o002)

CONTEXT_CLASS = ProjectContext

# Where the package is installed without the project, its .telemetry, which says the same, is not found.
DISABLE_HOOKS_FOR_PLUGINS = ("kedro-telemetry",)

CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    "config_patterns": {"parameters": ["parameters*", "parameters*/**", "**/parameters*", "datasets*"]},
    # A recipe states only what differs from base; without this it would replace whole namespaces.
    "merge_strategy": {"parameters": "soft"},
}
