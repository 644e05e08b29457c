"""What happens around a run: checks before it, freshness, tracking and provenance during it, a summary after it.

Kedro calls the hooks of one event in the reverse of this order, but those of the lock around these,
and those of the runner around all others.
"""

from mnist_resnet.hooks.configuration import ConfigurationHooks
from mnist_resnet.hooks.freshness import FreshnessHooks
from mnist_resnet.hooks.locking import LockingHooks
from mnist_resnet.hooks.provenance import ProvenanceHooks
from mnist_resnet.hooks.runners import RunnerHooks
from mnist_resnet.hooks.summary import SummaryHooks
from mnist_resnet.hooks.tracking import TrackingHooks

_tracking = TrackingHooks()
HOOKS = (
    *(SummaryHooks(_tracking), ProvenanceHooks(_tracking), _tracking),
    *(FreshnessHooks(), ConfigurationHooks(), LockingHooks(), RunnerHooks()),
)

__all__ = [
    "HOOKS",
    "ConfigurationHooks",
    "FreshnessHooks",
    "LockingHooks",
    "ProvenanceHooks",
    "RunnerHooks",
    "SummaryHooks",
    "TrackingHooks",
]
