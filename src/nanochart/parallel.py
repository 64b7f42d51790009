"""One way to spread work: any ``concurrent.futures.Executor``, results in the order of the tasks.

LAMMPS and numba want processes that are spawned, with one thread each; a test or a small job
wants no process at all. Both, and a Dask client's executor, look the same to the caller.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from nanochart.errors import NanochartError

Task = TypeVar("Task")
Result = TypeVar("Result")


def available_cores() -> int:
    """Return the number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class InProcess(Executor):
    """An executor that runs each task at once, in the calling thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run ``fn`` now and return its result as a finished future."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


@contextmanager
def workers(n_workers: int) -> Iterator[Executor]:
    """Give an executor of spawned processes, or of none for a single worker.

    Parameters
    ----------
    n_workers
        Processes; 1 runs in this process, 0 takes every core.
    """
    count = n_workers or available_cores()
    if count == 1:
        yield InProcess()
        return
    pool = ProcessPoolExecutor(
        count, mp_context=multiprocessing.get_context("spawn"), initializer=_start_worker
    )
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def map_ordered(
    executor: Executor,
    function: Callable[[Task], Result],
    tasks: Iterable[Task],
    *,
    in_flight: int = 64,
) -> Iterator[Result]:
    """Yield ``function(task)`` for each task, in order, with a bounded number under way.

    Parameters
    ----------
    executor
        Where to run; for processes, ``function`` and the tasks must pickle.
    function
        What to do with each task.
    tasks
        May be endless or larger than memory.
    in_flight
        How many tasks exist at a time.
    """
    if isinstance(executor, InProcess):
        # Nothing to keep busy: each result as soon as it is there.
        yield from map(function, tasks)
        return
    pending: deque[Future[Result]] = deque()
    try:
        for task in tasks:
            pending.append(executor.submit(function, task))
            if len(pending) >= in_flight:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    except BrokenExecutor as error:
        raise NanochartError(
            f"a worker process died ({error}); there may be too little memory, "
            "or a calling script lacks its if __name__ == '__main__'. Run the same command again "
            "to go on from the last commit"
        ) from None
    finally:
        for future in pending:
            future.cancel()


def _start_worker() -> None:
    """Prepare a worker: one thread, and an end as soon as its parent is gone.

    A pool's workers hold both ends of their queue, so a parent killed with SIGKILL would leave
    them waiting for ever.
    """
    os.environ["OMP_NUM_THREADS"] = "1"
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_exit_with, args=(parent.sentinel,), daemon=True).start()


def _exit_with(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    os._exit(1)
