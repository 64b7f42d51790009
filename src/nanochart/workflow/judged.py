"""What ``nanochart compare`` works on: charts that can be compared, and structures to judge them.

The structures are the unique minima of a run with their classes, or those of files, whose RDFs
and classes are found here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nanochart.chart.chart import Chart, load_chart
from nanochart.chart.protocol import TrainingSettings, split
from nanochart.composition import cluster_name
from nanochart.descriptor.rdf import PAPER_GRID, RadialBasis, rdf_of_positions
from nanochart.descriptor.scaling import MinMaxScaling
from nanochart.errors import NanochartError
from nanochart.landscape import is_landscape, open_landscape
from nanochart.parallel import available_cores
from nanochart.structure.classes import cluster_class
from nanochart.structure.cna import environments_and_axes
from nanochart.structure.description import cutoff_for
from nanochart.workflow.source import Source

#: Scaled densities that differ by less are those of one structure, turned or rounded.
_SAME = 1e-3


@dataclass(frozen=True, eq=False)
class Entry:
    """A chart to judge: its name in a table, where it was found, whether that is a run folder."""

    name: str
    path: Path
    chart: Chart
    is_run: bool


@dataclass(frozen=True, eq=False)
class Structures:
    """What charts are judged on.

    Parameters
    ----------
    rdf : ndarray, shape (n_structures, n_bins), Å⁻¹
        In the window of the charts.
    classes : ndarray of int, shape (n_structures,)
        Codes, places in ``structure.classes.CLASS_NAMES``.
    reference
        The chart in whose scaled units everything is told.
    source
        Where the structures come from.
    skipped
        Bad frames left out.
    """

    rdf: NDArray[np.float64]
    classes: NDArray[np.int64]
    reference: Chart
    source: str
    skipped: int = 0

    def __len__(self) -> int:
        return len(self.rdf)

    @property
    def scaling(self) -> MinMaxScaling:
        """The scaling of the reference."""
        return self.reference.scaling

    @cached_property
    def scaled(self) -> NDArray[np.float64]:
        """The RDFs as the reference sees them, shape (n_structures, n_bins)."""
        return self.scaling.transform(self.rdf)

    def split_of(self, chart: Chart) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
        """Return the indices a chart was trained on and those held out; None if not on these.

        A training's split follows from its seed and the number of structures, which a run keeps
        in its chart; that they are these structures shows in the scaling, equal to the last bit.
        """
        try:
            record = chart.provenance["training"]
            kept = record["settings"]
            settings = TrainingSettings(
                seed=kept["seed"], validation_fraction=kept["validation_fraction"]
            )
            n_structures = record["n_training"] + record["n_validation"]
        except (KeyError, TypeError):
            return None
        own = self._fitted
        same = (
            n_structures == len(self)
            and np.array_equal(own.minimum, chart.scaling.minimum)
            and np.array_equal(own.maximum, chart.scaling.maximum)
        )
        return split(len(self), settings) if same else None

    @cached_property
    def _fitted(self) -> MinMaxScaling:
        return MinMaxScaling.fit(self.rdf)


def read_entries(paths: Sequence[Path]) -> list[Entry]:
    """Read charts, by their files or by the run folders they lie in.

    Raises
    ------
    NanochartError
        One cannot be read, or is of another cluster or RDF than the first.
    """
    entries: list[Entry] = []
    names = [path.resolve().name if path.is_dir() else path.stem for path in paths]
    for path, name in zip(paths, names, strict=True):
        file = path / "chart.safetensors" if path.is_dir() else path
        if path.is_dir() and not file.is_file():
            raise NanochartError(f"{path}: has no chart yet; nanochart train {path} makes one")
        chart = load_chart(file)
        # Equal names, chart.safetensors of several folders for instance, are told apart by path.
        entry = Entry(name if names.count(name) == 1 else str(path), path, chart, path.is_dir())
        if entries and _kind(chart) != _kind(entries[0].chart):
            raise NanochartError(
                f"{path} is a chart of {_kind(chart)}, {entries[0].path} of "
                f"{_kind(entries[0].chart)}; compare charts of one cluster and one RDF"
            )
        entries.append(entry)
    return entries


def judged_structures(
    entries: Sequence[Entry], files: Sequence[Path], *, species: str | None, skip_bad: bool
) -> Structures:
    """Return the structures of files, or the unique minima of the first run folder.

    Raises
    ------
    NanochartError
        There are none, they do not fit the charts, or they are all the same.
    """
    runs = [entry for entry in entries if entry.is_run and is_landscape(entry.path)]
    if files:
        found = _of_files(entries[0].chart, files, species=species, skip_bad=skip_bad)
    elif runs:
        found = _of_run(runs[0])
    else:
        raise NanochartError(
            f"{entries[0].path}: holds no structures to judge charts on; give a run folder "
            "among the charts, or --structures"
        )
    if np.ptp(found.scaled, axis=0).max() < _SAME:
        raise NanochartError(
            f"{found.source}: all structures ({len(found)}) are the same one; give different ones"
        )
    return found


def _of_files(
    chart: Chart, files: Sequence[Path], *, species: str | None, skip_bad: bool
) -> Structures:
    """Return the structures of files; the units are the chart's."""
    source = Source(
        files,
        species=species or chart.species,
        n_atoms=chart.n_atoms,
        skip_bad=skip_bad,
        alloys=True,
    )
    rdf, classes = [], []
    for path, block in source:
        if block.species != chart.species or block.positions.shape[1] != chart.n_atoms:
            raise NanochartError(
                f"{path}: holds {cluster_name(block.species, block.positions.shape[1])}, the "
                f"charts are of {cluster_name(chart.species, chart.n_atoms)}; give structures of "
                "that cluster"
            )
        cutoff = cutoff_for(block.positions, block.symbols, None)
        classes.append(cluster_class(*environments_and_axes(block.positions, cutoff)))
        rdf.append(rdf_of_positions(block.positions, chart.basis, threads=available_cores()))
    if not rdf:
        raise NanochartError(f"{files[0]}: holds no usable structure")
    return Structures(
        np.concatenate(rdf),
        np.concatenate(classes).astype(np.int64),
        chart,
        ", ".join(str(path) for path in files),
        source.skipped,
    )


def _of_run(entry: Entry) -> Structures:
    """Return the unique minima of a run; the units are its chart's."""
    landscape, chart = open_landscape(entry.path), entry.chart
    unique = landscape["unique"]
    window, bandwidth = unique.attributes["window"], float(unique.attributes["bandwidth"])
    basis = RadialBasis(PAPER_GRID, bandwidth, (int(window[0]), int(window[1])))
    cluster = (landscape.species, landscape.n_atoms)
    if (basis, cluster) != (chart.basis, (chart.species, chart.n_atoms)):
        raise NanochartError(
            f"{entry.path}: its chart is not of its structures (other cluster or RDF); "
            f"nanochart run {entry.path / 'run.toml'} makes it anew"
        )
    rows = unique.read("snapshot")
    return Structures(
        unique.read("rdf").astype(np.float64),
        landscape["classes"].read_rows("cluster_class", rows).astype(np.int64),
        chart,
        str(entry.path),
    )


def _kind(chart: Chart) -> str:
    """Return what must be the same of two charts to compare them, in words."""
    first, last = chart.window
    grid = chart.grid
    return (
        f"{cluster_name(chart.species, chart.n_atoms)} (RDF bins {first}:{last} of {grid.n_bins} "
        f"from {grid.start:g} to {grid.stop:g} Å, bandwidth {chart.bandwidth:g} Å)"
    )
