"""The kernels that a training spends a device's time in."""

import gzip
import json
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

_MOST = 12

Kernels = list[tuple[str, float]]  # names with their shares of the device's time, in 0 to 1


def top_kernels_of_jax(train: Callable[[], object]) -> Kernels:
    """Run a training under JAX' profiler; none on a CPU, which has no kernels of its own in a trace."""
    import jax

    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            train()
        (trace,) = Path(folder).glob("plugins/profile/*/*.trace.json.gz")
        with gzip.open(trace, "rt", encoding="utf-8") as stored:
            events = json.load(stored)["traceEvents"]
    return largest_shares(device_time(events))


def device_time(events: list[dict[str, object]]) -> Counter[str]:
    """Microseconds by kernel, from the events of a trace in Chrome's format."""
    names = {
        event["pid"]: str(event["args"]["name"])  # type: ignore[index]
        for event in events
        if event.get("name") == "process_name"
    }
    threads = {
        (event["pid"], event["tid"]): str(event["args"]["name"])  # type: ignore[index]
        for event in events
        if event.get("name") == "thread_name"
    }
    spent: Counter[str] = Counter()
    for event in events:
        on_device = "/device:GPU" in names.get(event.get("pid"), "")
        # Beside its streams, a device has lines that repeat the same time by module and operation.
        if event.get("ph") == "X" and on_device and "Stream" in threads.get((event["pid"], event["tid"]), ""):
            spent[str(event["name"])] += float(event.get("dur", 0))  # type: ignore[arg-type]
    return spent


def largest_shares(spent: Counter[str]) -> Kernels:
    """Those that took the most, as shares of all."""
    whole = sum(spent.values())
    return [(name[:120], round(time / whole, 4)) for name, time in spent.most_common(_MOST)]
