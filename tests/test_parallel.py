"""Work spread over processes: in order, bounded, its failures carried home, no orphans left."""

from __future__ import annotations

import contextlib
import itertools
import math
import operator
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from ase.cluster import Icosahedron
from hypothesis import given
from hypothesis import strategies as st

from nanochart import parallel
from nanochart.errors import NanochartError
from nanochart.parallel import InProcess, available_cores, map_ordered, workers
from nanochart.sampling.rgl import rgl
from nanochart.sampling.tempering import PtmdSettings, initial_replicas, ptmd


@pytest.fixture(scope="module")
def pool() -> Iterator[Executor]:
    with workers(2) as executor:
        yield executor


# Functions of the standard library: a spawned process can import them, but not this module.
def test_processes_give_results_in_the_order_of_the_tasks(pool: Executor) -> None:
    tasks = [3000, *range(100), 3000, 5]
    assert list(map_ordered(pool, math.factorial, tasks)) == [math.factorial(n) for n in tasks]


def test_the_work_is_done_elsewhere_and_by_at_most_as_many_as_asked_for(pool: Executor) -> None:
    pids = {pool.submit(os.getpid).result() for _ in range(20)}
    assert os.getpid() not in pids
    assert len(pids) <= 2
    assert pool.submit(os.getenv, "OMP_NUM_THREADS").result() == "1"


@given(
    tasks=st.lists(st.integers()),
    in_flight=st.integers(1, 10),
    n_threads=st.integers(0, 3),
)
def test_any_executor_keeps_the_order(tasks: list[int], in_flight: int, n_threads: int) -> None:
    executor = ThreadPoolExecutor(n_threads) if n_threads else InProcess()
    with executor:
        found = list(map_ordered(executor, operator.neg, tasks, in_flight=in_flight))
    assert found == [-task for task in tasks]


@given(in_flight=st.integers(1, 12), taken=st.integers(1, 30))
def test_no_more_tasks_are_drawn_than_may_be_under_way(in_flight: int, taken: int) -> None:
    drawn: list[int] = []

    def endless() -> Iterator[int]:
        for task in itertools.count():
            drawn.append(task)
            yield task

    results = map_ordered(InProcess(), operator.neg, endless(), in_flight=in_flight)
    for expected in range(taken):
        assert next(results) == -expected
        assert len(drawn) - expected <= in_flight
    results.close()
    assert len(drawn) < taken + in_flight


def test_an_exception_of_a_worker_comes_out_here_after_the_results_before_it(
    pool: Executor,
) -> None:
    for executor in (pool, InProcess()):
        results = map_ordered(executor, math.sqrt, [4.0, 9.0, -1.0, 16.0])
        assert [next(results), next(results)] == [2.0, 3.0]
        with pytest.raises(ValueError, match=r"domain error|nonnegative"):
            next(results)
    # The pool outlives it.
    assert list(map_ordered(pool, math.sqrt, [25.0])) == [5.0]


def test_our_own_errors_keep_their_message_on_the_way(pool: Executor) -> None:
    from nanochart.sampling.rgl import rgl

    with pytest.raises(NanochartError, match="unknown potential 'Xx'"):
        list(map_ordered(pool, rgl, ["Xx"]))


def test_a_worker_that_dies_is_told_with_what_to_do() -> None:
    with (
        workers(2) as executor,
        pytest.raises(NanochartError, match=r"worker process died.*Run the same command again"),
    ):
        list(map_ordered(executor, os._exit, [3]))


def test_one_worker_is_this_process() -> None:
    with workers(1) as executor:
        assert executor.submit(os.getpid).result() == os.getpid()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity to set")
def test_cores_are_those_this_process_may_use() -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert available_cores() == 1
        with workers(0) as executor:  # all of one core: nothing is spawned
            assert executor.submit(os.getpid).result() == os.getpid()
    finally:
        os.sched_setaffinity(0, before)


# The workers inherit the parent's output, so that its pipe ends when the last of them is gone.
PARENT = """
import os, time
from nanochart.parallel import workers
if __name__ == "__main__":
    with workers(2) as pool:
        for done in [pool.submit(time.sleep, 0.3) for _ in range(2)]:
            done.result()
        asleep = [pool.submit(time.sleep, 60) for _ in range({busy})]
        print("started", flush=True)
        time.sleep(60)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize("busy", [0, 2])
def test_workers_end_with_a_parent_that_is_killed(busy: int) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT.format(busy=busy)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    try:
        assert parent.stdout.readline() == "started\n"
        os.kill(parent.pid, signal.SIGKILL)
        # Far less than the minute that the workers would sleep, far more than they need.
        output, _ = parent.communicate(timeout=25)
    finally:
        with contextlib.suppress(ProcessLookupError):
            parent.kill()
    assert output == ""
    assert parent.returncode == -signal.SIGKILL


@pytest.fixture
def cluster(require_oracle: Callable[[str], Any]) -> Iterator[Any]:
    """Give a Dask cluster of two worker processes on this machine."""
    with require_oracle("distributed").LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as found:
        yield found


def test_a_worker_of_a_cluster_is_killed_and_the_bits_are_those_of_one_process(
    cluster: Any,
) -> None:
    gold = rgl("Au")
    shape = Icosahedron("Au", 3, latticeconstant=math.sqrt(2.0) * gold.r0).positions
    settings = PtmdSettings(temperatures=(300.0, 350.0, 400.0, 450.0), n_steps=4000, seed=8)
    start = initial_replicas([shape], settings, gold)
    alone = [state for state, _ in ptmd(start, settings, gold, n_cycles=4)]
    with workers(0, scheduler=cluster.scheduler_address) as executor:
        (victim, *_), before = _pids(executor), _pids(executor)
        assert len(before) == 2
        assert os.getpid() not in before
        together = []
        for state, _ in ptmd(start, settings, gold, n_cycles=4, executor=executor):
            together.append(state)
            if state.cycle == 1:  # a moment into the next cycle, with every worker at work
                killer = threading.Timer(0.1, os.kill, (victim, signal.SIGKILL))
                killer.start()
        killer.join()
    with pytest.raises(ProcessLookupError):
        os.kill(victim, 0)
    assert [state.cycle for state in together] == [1, 2, 3, 4]
    for one, other in zip(alone, together, strict=True):
        for name, array in one.arrays().items():
            assert np.array_equal(array, other.arrays()[name]), name


def _pids(executor: Any) -> set[int]:
    """Return the processes of a cluster's workers."""
    return set(executor._client.run(os.getpid).values())


def test_a_scheduler_that_is_not_there_or_cannot_run_lammps_is_told(
    require_oracle: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    distributed = require_oracle("distributed")
    for address in ("tcp://127.0.0.1:9", "tcp://no-such-machine.invalid:8786"):
        with (
            pytest.raises(NanochartError, match=f"{address}: cannot be reached"),
            workers(0, scheduler=address),
        ):
            pass
    monkeypatch.setattr(parallel, "_WAIT_FOR_WORKERS", 0.5)
    with (
        distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=None) as nobody,
        pytest.raises(NanochartError, match=r"has no workers after 0\.5 s; start some"),
        workers(0, scheduler=nobody.scheduler_address),
    ):
        pass
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
        ) as threads,
        pytest.raises(NanochartError, match="2 threads; start them with --nthreads 1"),
        workers(0, scheduler=threads.scheduler_address),
    ):
        pass
