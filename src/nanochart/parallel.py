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
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
)
from contextlib import contextmanager
from typing import Any, TypeVar

from nanochart.errors import NanochartError

Task = TypeVar("Task")
Result = TypeVar("Result")

#: Seconds until a Dask cluster must have a worker.
_WAIT_FOR_WORKERS = 120.0


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
def workers(n_workers: int, *, scheduler: str | None = None) -> Iterator[Executor]:
    """Give an executor of spawned processes, or of none for a single worker.

    Parameters
    ----------
    n_workers
        Processes; 1 runs in this process, 0 takes every core.
    scheduler
        Address of a Dask scheduler, ``tcp://host:8786``: its workers do the work instead.

    Raises
    ------
    NanochartError
        The scheduler cannot be reached, or its workers cannot run LAMMPS.
    """
    if scheduler is not None:
        with _cluster(scheduler) as executor:
            yield executor
        return
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


@contextmanager
def _cluster(scheduler: str) -> Iterator[Executor]:
    """Give the executor of a Dask cluster; a task of a worker that dies goes to another."""
    try:
        import distributed
    except ImportError:
        raise NanochartError(
            "--scheduler needs Dask: pip install 'nanochart[dask]' here and on its workers"
        ) from None
    try:
        # No such machine is told at once, and no client is made that cannot be closed.
        distributed.comm.addressing.resolve_address(scheduler)
        client: Any = distributed.Client(  # type: ignore[no-untyped-call]
            scheduler, timeout="10s", set_as_default=False
        )
    except (OSError, TimeoutError, ValueError) as error:
        raise NanochartError(f"--scheduler {scheduler}: cannot be reached ({error})") from None
    with client:
        try:  # a job starts them and goes on to this
            client.wait_for_workers(1, timeout=_WAIT_FOR_WORKERS)
        except TimeoutError:
            raise NanochartError(
                f"--scheduler {scheduler}: has no workers after {_WAIT_FOR_WORKERS:g} s; start some"
            ) from None
        threads = client.nthreads().values()
        if max(threads) > 1:
            # A process has one LAMMPS instance for a system, and two threads would share it.
            raise NanochartError(
                f"--scheduler {scheduler}: its workers have {max(threads)} threads; start them "
                "with --nthreads 1"
            )
        executor = client.get_executor()
        try:
            yield executor
        finally:
            executor.shutdown(wait=False)


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
    except CancelledError as error:
        raise NanochartError(
            f"the Dask scheduler is gone ({error or 'its tasks were cancelled'}). Run the same "
            "command again, with a scheduler that is there, to go on from the last commit"
        ) from None
    except Exception as error:
        if type(error).__name__ != "KilledWorker":
            raise
        raise NanochartError(
            "a task died with its Dask worker on one machine after another: there may be too "
            "little memory. Run the same command again to go on from the last commit"
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
