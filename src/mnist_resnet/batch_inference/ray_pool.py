"""Classification by a pool of workers, which Ray Data feeds with chunks, starts again and tells of what is done."""

import logging
import pickle
import shutil
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from mnist_resnet.batch_inference.answer_files import finished_parts
from mnist_resnet.batch_inference.sources.chunks import Chunk, SourcePlan
from mnist_resnet.batch_inference.worker import ATTEMPTS, MODEL_FILE, Worker, WorkerSettings
from mnist_resnet.computing.cluster import ClusterError, alive_nodes, cluster
from mnist_resnet.errors import UserError
from mnist_resnet.storage.artifacts import replacing

_CHUNKS_AT_A_WORKER = 2


class ClassifyError(UserError, RuntimeError):
    """A part that cannot be made; all others that are made stay."""


def make_parts(
    plan: SourcePlan,
    model: bytes,
    order: WorkerSettings,
    workers: int | None,
    address: str | None,
    done: Callable[[int, int], None],
    worker: type[Worker] = Worker,
) -> None:
    """Make all parts that are not there.

    A worker that dies is started again, and its chunk is read again. The images never leave the worker: it reads,
    classifies and writes.

    Args:
        plan: The source's chunks.
        model: The ONNX file's content.
        order: What each worker is to do, and where.
        workers: How many there are, at most; None: as many as there are cores for.
        address: Of a Ray cluster; see ``cluster``.
        done: Told the number of each part that is made, and how many row ids it has.
        worker: What makes the parts.

    Raises:
        ClassifyError: If a part cannot be made.
        ClusterError: If Ray cannot be used, or has too few cores for one worker.
    """
    left = sorted(set(range(len(plan.chunks))) - finished_parts(order.folder))
    if not left:
        return
    shutil.rmtree(order.folder / ATTEMPTS, ignore_errors=True)
    with replacing(order.folder / MODEL_FILE) as temporary:
        temporary.write_bytes(model)
    try:
        with cluster(address) as ray:
            room = _room(ray, order.threads)
            count = min(workers or room, room, len(left))
            for number, rows, error in _made(plan.chunks, left, order, count, worker):
                if error:
                    raise ClassifyError(error)
                done(number, rows)
    finally:
        (order.folder / MODEL_FILE).unlink(missing_ok=True)
        shutil.rmtree(order.folder / ATTEMPTS, ignore_errors=True)


def _room(ray: Any, threads: int) -> int:
    """How many workers the nodes have cores for; the cores of one worker are those of one node."""
    cores = [int(node["Resources"].get("CPU", 0)) for node in alive_nodes(ray)]
    room = sum(each // threads for each in cores)
    if not room:
        most = max(cores, default=0)
        raise ClusterError(f"--threads: received {threads}, but no node has more than {most} cores; choose fewer")
    return room


def _made(
    chunks: Sequence[Chunk], numbers: Sequence[int], order: WorkerSettings, workers: int, worker: type[Worker]
) -> Iterator[tuple[int, int, str]]:
    """Each part's number, rows and error, as they are made."""
    import ray.data

    _quieten(ray.data.DataContext.get_current())
    items = [{"number": number, "chunk": pickle.dumps(chunks[number])} for number in numbers]
    pool = ray.data.ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=_CHUNKS_AT_A_WORKER)
    made = ray.data.from_items(items, override_num_blocks=len(items)).map_batches(
        worker, fn_constructor_args=(order,), batch_size=1, compute=pool, num_cpus=order.threads
    )
    for row in made.iter_rows():
        yield int(row["number"]), int(row["rows"]), str(row["error"])


def _quieten(context: Any) -> None:
    """Keep Ray Data's own progress and reports off the terminal."""
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    for name in ("ray.data", "ray"):
        logging.getLogger(name).setLevel(logging.ERROR)
