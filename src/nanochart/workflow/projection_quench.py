"""The structures of a projection quenched, by processes here or by a Dask cluster."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import replace

from nanochart.parallel import workers
from nanochart.sampling.potentials import Potential
from nanochart.sampling.quench import Minima, QuenchSettings, joined, quench_batches
from nanochart.trajectories.frames import Array
from nanochart.workflow.projection_reading import Chunk

#: Structures a worker quenches per task.
_BATCH = 16
#: Batches under way on a cluster: enough for a hundred workers.
_FOR_A_CLUSTER = 256


@contextmanager
def quenchers(n_workers: int, scheduler: str | None) -> Iterator[tuple[Executor, int]]:
    """Give what quenches, and how many batches to keep under way."""
    with workers(n_workers, scheduler=scheduler) as executor:
        yield executor, _FOR_A_CLUSTER if scheduler else max(16, 4 * n_workers)


def quenched(
    chunks: Iterator[Chunk], potential: Potential, executor: Executor, in_flight: int
) -> Iterator[Chunk]:
    """Yield the chunks with minima in place of their structures."""
    waiting: deque[Chunk] = deque()

    def batches() -> Iterator[Array]:
        for chunk in chunks:
            waiting.append(chunk)
            for first in range(0, len(chunk.positions), _BATCH):
                yield chunk.positions[first : first + _BATCH]

    parts: list[Minima] = []
    found = quench_batches(batches(), potential, QuenchSettings(), executor, in_flight=in_flight)
    for minima in found:
        while waiting and not len(waiting[0].positions):
            yield waiting.popleft()
        parts.append(minima)
        if sum(len(one.energies) for one in parts) == len(waiting[0].positions):
            yield _with_minima(waiting.popleft(), joined(parts))
            parts = []
    yield from waiting


def _with_minima(chunk: Chunk, minima: Minima) -> Chunk:
    return replace(
        chunk,
        positions=minima.positions,
        energies=minima.energies,
        converged=minima.converged,
    )
