"""The stages that say what the structures are: classes, duplicates, RDFs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nanochart.composition import is_alloy
from nanochart.descriptor.rdf import (
    PAPER_GRID,
    RadialBasis,
    Window,
    partial_rdf_of_positions,
    rdf_of_positions,
    window_for,
)
from nanochart.errors import NanochartError
from nanochart.landscape import Group, Landscape
from nanochart.parallel import available_cores
from nanochart.progress import Progress
from nanochart.structure.classes import CLASS_NAMES, cluster_class
from nanochart.structure.cna import Environment, environments_and_axes
from nanochart.structure.cutoffs import Cutoff, cluster_cutoff
from nanochart.structure.duplicates import split_by, unique_indices
from nanochart.workflow.config import RunFile
from nanochart.workflow.run import Run
from nanochart.workflow.sample import blocks, potential_of

#: Class code of a structure whose quench failed: it is counted, and takes part in nothing.
FAILED = -1
#: Structures described at a time: a few MB of RDFs.
_BLOCK = 1024


def cutoff_of(file: RunFile) -> Cutoff:
    """Return the neighbour cut-off of a run, Å; of an alloy one for each pair of elements."""
    system = file.system
    return file.structure.cutoff or cluster_cutoff(
        system.species, system.n_atoms, potential_of(file).r0
    )


def classify(run: Run, progress: Progress) -> None:
    """Give every quenched structure its class and its atoms their environments."""
    quenched = run.landscape["quenched"]
    cutoff = cutoff_of(run.file)
    group = run.rows(
        "classify",
        "classes",
        run.n_snapshots,
        chunk=run.chunk,
        flags={
            "cluster_class": {FAILED: "failed quench", **dict(enumerate(CLASS_NAMES))},
            "environment": {int(one): one.label for one in Environment},
        },
    )
    for start, stop in blocks(group.committed, run.n_snapshots, run.chunk):
        positions = quenched.read("positions", start, stop).astype(np.float64)
        converged = quenched.read("converged", start, stop).astype(bool)
        environments = np.zeros(positions.shape[:2], dtype=np.int8)
        codes = np.full(len(positions), FAILED, dtype=np.int8)
        if converged.any():
            environments[converged], n_axes = environments_and_axes(positions[converged], cutoff)
            codes[converged] = cluster_class(environments[converged], n_axes)
        group.write(start, cluster_class=codes, environment=environments)
        group.commit(stop)
        progress(stop, run.n_snapshots)


def find_unique(run: Run, progress: Progress) -> None:
    """Drop duplicates and describe what is left by its RDF."""
    quenched = run.landscape["quenched"]
    classes = run.landscape["classes"].read("cluster_class")
    good = np.flatnonzero(classes != FAILED)  # rows that take part
    if good.size == 0:
        raise NanochartError(
            f"{run.folder}: every quench failed; raise quench.max_steps or lower the temperatures"
        )
    kept, stands_for = distinct(run.landscape, run.file, good)
    multiplicity = np.bincount(stands_for, minlength=len(good))[kept]
    rows = good[kept]
    window = _window(run, quenched, rows)
    basis = RadialBasis(PAPER_GRID, run.file.descriptor.bandwidth, window)
    group = run.landscape.start_group(
        "unique",
        len(rows),
        chunk=_BLOCK,
        sizes={"bin": basis.n_bins},
        attributes={"window": list(window), "bandwidth": basis.bandwidth},
    )
    for start, stop in blocks(0, len(rows), _BLOCK):
        positions = quenched.read_rows("positions", rows[start:stop])
        group.write(
            start,
            snapshot=rows[start:stop],
            multiplicity=multiplicity[start:stop],
            rdf=rdf_of_positions(positions, basis, threads=available_cores()),
        )
        progress(stop, len(rows))
    group.commit(len(rows))


def distinct(
    landscape: Landscape, file: RunFile, rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return which of some snapshots are distinct, and which of those each repeats, as places.

    By energy and class, as the paper; in an alloy by the RDFs of its pairs of elements, too.
    """
    quenched = landscape["quenched"]
    kept, stands_for = unique_indices(
        quenched.read("energy")[rows],
        landscape["classes"].read("cluster_class")[rows],
        tolerance=file.structure.energy_tolerance,
    )
    if not is_alloy(landscape.species):
        return kept, stands_for
    basis = RadialBasis(PAPER_GRID, file.descriptor.bandwidth)

    def partials(places: NDArray[np.int64]) -> NDArray[np.float64]:
        own, back = np.unique(rows[places], return_inverse=True)
        density = partial_rdf_of_positions(
            quenched.read_rows("positions", own),
            basis,
            landscape.symbols,
            threads=available_cores(),
        )
        numbers: NDArray[np.float64] = np.sqrt(PAPER_GRID.step) * density.reshape(len(own), -1)
        return numbers[back]

    return split_by(stands_for, partials)


def _window(run: Run, quenched: Group, rows: NDArray[np.int64]) -> Window:
    """Return the window of the run file, the paper's, or the bins that hold anything."""
    if run.file.descriptor.window is not None:
        return run.file.descriptor.window
    system = run.file.system
    try:
        return window_for(system.species, system.n_atoms)
    except NanochartError:
        # Not one of the paper's systems: a sample, evenly spread over the run, stands for it.
        sample = rows[:: max(1, len(rows) // (4 * _BLOCK))]
        basis = RadialBasis(PAPER_GRID, run.file.descriptor.bandwidth)
        density = rdf_of_positions(
            quenched.read_rows("positions", sample), basis, threads=available_cores()
        )
        return window_for(system.species, system.n_atoms, density)
