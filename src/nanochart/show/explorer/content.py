"""What the explorer shows: the points as plain arrays, and where structures come from on demand.

Nothing here knows a landscape or a run folder; the workflow fills ``ExplorerPoints`` and answers
as a ``StructureSource``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nanochart.composition import cluster_name, symbols_of
from nanochart.show.atoms import ENVIRONMENT_COLOURS
from nanochart.show.content import FamilyRow
from nanochart.show.palette import CLASS_PALETTE, NO_FAMILY, family_colour, on_dark
from nanochart.structure.classes import CLASS_NAMES
from nanochart.structure.cna import Environment

#: Surface atoms keep pale shades, so that what is inside stands out; tips and lines are five-fold.
_SURFACE_COLOURS = {
    Environment.OTHER: "#f2efe6",
    Environment.FACET_111: "#cfd3d8",
    Environment.FACET_100: "#a9bfcf",
    Environment.EDGE: "#b4bbc4",
    Environment.CORNER: "#8d97a3",
    Environment.FIVE_FOLD_LINE: "#9fc0f2",
    Environment.TIP: "#5b7fd9",
    Environment.MARKS_REENTRANCE: "#c9a2dd",
}


@dataclass(frozen=True, eq=False)
class ExplorerPoints:
    """All points of a chart, a row each; what failed to quench is left out.

    Attributes
    ----------
    title, species, n_atoms
        What is charted.
    temperatures : ndarray, shape (n_temperatures,), K
        The ladder.
    rdf_grid : ndarray, shape (n_bins,), Å
        Where RDFs are given.
    families : sequence of FamilyRow
        With words; ``family`` below holds their ids.
    rows : ndarray of int64, shape (n_points,)
        The snapshot's number in the landscape.
    cvs : ndarray of float32, shape (n_points, 3)
        The place on the chart.
    energy : ndarray of float64, shape (n_points,), eV
    temperature : ndarray of int16, shape (n_points,)
        Place on the ladder, −1 where unknown.
    cluster_class : ndarray of int8, shape (n_points,)
        Code of the class.
    family : ndarray of int16, shape (n_points,)
    error : ndarray of float32, shape (n_points,)
        Mean squared reconstruction error, scaled.
    inside : ndarray of bool, shape (n_points,)
        Within the chart's domain.
    stands_for : ndarray of int32, shape (n_points,)
        The point of the distinct structure that this one repeats; a distinct one names itself.
    time : ndarray of int32, shape (n_points,)
        Place in time (the PTMD cycle).
    walker : ndarray of int16, shape (n_points,)
        The replica that went through it, −1 where unknown.
    largest_error : float
        Above it a structure is outside the domain.
    """

    title: str
    species: str
    n_atoms: int
    temperatures: NDArray[np.float64]
    rdf_grid: NDArray[np.float64]
    families: Sequence[FamilyRow]
    rows: NDArray[np.int64]
    cvs: NDArray[np.float32]
    energy: NDArray[np.float64]
    temperature: NDArray[np.int16]
    cluster_class: NDArray[np.int8]
    family: NDArray[np.int16]
    error: NDArray[np.float32]
    inside: NDArray[np.bool_]
    stands_for: NDArray[np.int32]
    time: NDArray[np.int32]
    walker: NDArray[np.int16]
    largest_error: float

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Chemical symbol of every atom, in the order of all positions."""
        return symbols_of(self.species, self.n_atoms)


@dataclass(frozen=True, eq=False)
class ExplorerStructures:
    """Some structures in full.

    Attributes
    ----------
    items : sequence of mappings
        Of each: ``name``, ``sentence``, ``macro_family``, ``bond_length`` (Å) and what else is
        known, as JSON values.
    positions : ndarray of float32, shape (n, n_atoms, 3), Å, centred
    environment : ndarray of int8, shape (n, n_atoms)
        ``Environment`` codes.
    neighbours : ndarray of int8, shape (n, n_atoms)
        Bonded atoms of each atom.
    rdf : ndarray of float32, shape (n, n_bins), Å⁻¹
    view : ndarray of float32, shape (n, 3, 3)
        Rows: right, up, towards the viewer, of the view that shows most (``rotation_showing``).
    """

    items: Sequence[Mapping[str, Any]]
    positions: NDArray[np.float32]
    environment: NDArray[np.int8]
    neighbours: NDArray[np.int8]
    rdf: NDArray[np.float32]
    view: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ExplorerWords:
    """The words of the structures, as far as they are told.

    ``texts`` are distinct (name, sentence) pairs; ``index`` (n_points,) int32 says which is a
    point's, −1 where it is not told yet; ``done`` of ``total`` distinct structures are.
    """

    texts: Sequence[tuple[str, str]]
    index: NDArray[np.int32]
    done: int
    total: int


class StructureSource(Protocol):
    """Answers what the page asks; every method may be called from several threads at once."""

    def points(self) -> ExplorerPoints:
        """Return all points."""

    def structures(self, points: NDArray[np.int64]) -> ExplorerStructures:
        """Return some structures in full, by their points."""

    def environment_counts(self) -> Mapping[str, NDArray[np.int16]]:
        """Return, of every point, how many atoms are fcc, hcp, …: (n_points,) by label."""

    def rdf_band(self, family: int) -> NDArray[np.float32]:
        """Return the 5, 50 and 95 % quantiles of a family's RDFs, shape (3, n_bins), Å⁻¹."""

    def words(self) -> ExplorerWords:
        """Return the words of the structures, as far as they are told."""

    def words_progress(self) -> tuple[int, int]:
        """Return how many of how many distinct structures are told in words."""

    def place(self, text: str) -> ExplorerStructures:
        """Return the structures of an xyz file, placed on the chart: with ``cvs`` in the items."""

    def trajectory(self) -> str | None:
        """Return the table (CSV) of a trajectory to show as a path, if there is one."""


def legend_of(points: ExplorerPoints) -> dict[str, Any]:
    """Return what the page needs to know beside the columns: names, colours, words."""
    return {
        "title": points.title,
        "species": points.species,
        "name": cluster_name(points.species, points.n_atoms),
        "symbols": list(points.symbols),
        "n_atoms": points.n_atoms,
        "n_points": len(points),
        "temperatures": np.asarray(points.temperatures, dtype=float).tolist(),
        "rdf_grid": np.round(points.rdf_grid, 4).tolist(),
        "lowest_energy": float(points.energy.min()) if len(points) else 0.0,
        "largest_error": points.largest_error,
        "classes": [
            {"name": name, "light": colour, "dark": on_dark(colour)}
            for name, colour in zip(CLASS_NAMES, CLASS_PALETTE, strict=True)
        ],
        "no_family": NO_FAMILY,
        "families": [
            {
                "id": one.id,
                "name": one.name,
                "words": one.words,
                "group": one.macro_family,
                "size": one.n_unique,
                "snapshots": one.n_snapshots,
                "stability": one.stability,
                "centre": np.asarray(one.centre, dtype=float).tolist(),
                "colour": family_colour(one.id),
            }
            for one in points.families
        ],
        "environments": [
            {"code": int(one), "name": one.label, "colour": environment_colour(one)}
            for one in Environment
        ],
    }


def environment_colour(environment: Environment) -> str:
    """Return the colour of atoms in an environment, ``#rrggbb``."""
    if environment in ENVIRONMENT_COLOURS:
        rgb = ENVIRONMENT_COLOURS[environment]
        return "#" + "".join(f"{round(255 * value):02x}" for value in rgb)
    return _SURFACE_COLOURS[environment]


def columns_of(points: ExplorerPoints) -> dict[str, NDArray[Any]]:
    """Return the columns as the page takes them; energies count from the lowest."""
    lowest = points.energy.min() if len(points) else 0.0
    return {
        "cvs": points.cvs.astype(np.float32),
        "energy": (points.energy - lowest).astype(np.float32),
        "error": points.error.astype(np.float32),
        "stands_for": points.stands_for.astype(np.int32),
        "time": points.time.astype(np.int32),
        "row": points.rows.astype(np.int32),
        "temperature": points.temperature.astype(np.int16),
        "family": points.family.astype(np.int16),
        "walker": points.walker.astype(np.int16),
        "cluster_class": points.cluster_class.astype(np.int8),
        "inside": points.inside.astype(np.int8),
    }
