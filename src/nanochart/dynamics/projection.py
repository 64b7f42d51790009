"""Structures onto a chart with all that a table of a trajectory tells of them.

What it costs is the RDF and the network: the families and the domain are looked up, and classes
and energies come from compiled loops. Blocks do not depend on one another and release the GIL.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from nanochart.chart.chart import THERMAL, Chart, ChartPoints
from nanochart.chart.gradient import EncoderName
from nanochart.composition import symbols_of
from nanochart.descriptor.rdf import rdf_of_positions
from nanochart.sampling.rgl import PARAMETER_SETS, Rgl
from nanochart.sampling.rgl_alloys import RglAlloy, rgl_energy_and_forces
from nanochart.sampling.rgl_energies import rgl_energies
from nanochart.sampling.rgl_forces import rgl_forces
from nanochart.structure.classes import cluster_class
from nanochart.structure.cna import environments_and_axes
from nanochart.structure.cutoffs import cluster_cutoff
from nanochart.structure.description import describe_positions

Array = NDArray[np.float64]

#: Largest force component, eV/Å, up to which a structure is a minimum: of quenched frames kept in
#: float32, or rounded to 0.001 Å, it is below 0.02; of thermal ones at 300 K above 1.
COLD = 0.05
#: Frames looked at to tell cold ones from hot ones.
_LOOKED_AT = 32


@dataclass(frozen=True, eq=False)
class Projected:
    """Where structures are, and what they are.

    ``points`` on the chart; ``classes`` (n,) places in ``CLASS_NAMES``, −1 where it is not known;
    ``energies`` (n,) eV; ``names`` and ``sentences``, if asked for.
    """

    points: ChartPoints
    classes: NDArray[np.int8]
    energies: Array
    names: list[str]
    sentences: list[str]


def project_positions(
    chart: Chart,
    positions: Array,
    converged: NDArray[np.bool_],
    energies: Array,
    *,
    potential: Rgl | RglAlloy | None,
    errors: bool = True,
    words: bool = False,
    encoder: EncoderName = "trained",
) -> Projected:
    """Return where structures are on a chart, and what they are.

    Parameters
    ----------
    chart
        It; of minima, or a thermal one.
    positions : ndarray, shape (n_structures, n_atoms, 3), Å
        Checked before.
    converged : ndarray of bool, shape (n_structures,)
        A minimum, as far as anybody knows. What is none has a place, but no family and no class.
    energies : ndarray, shape (n_structures,), eV
        Those known; for NaN the potential's is taken.
    potential
        For energies; None leaves them as they are.
    errors
        Whether to reconstruct: without, the errors are NaN, and the domain is that of the RDF.
    words
        Whether to describe each in words.
    encoder
        ``"trained"``, or the ``"distilled"`` one.
    """
    rdf = rdf_of_positions(positions, chart.basis)
    points = chart.evaluate_rdf(rdf, errors=errors, encoder=encoder)
    families = np.where(converged, points.families, -1).astype(np.int16)
    points = ChartPoints(points.cvs, points.errors, points.inside, families)
    classes = np.full(len(positions), -1, dtype=np.int8)
    names, sentences = [""] * len(positions), [""] * len(positions)
    known = np.flatnonzero(converged)
    # The rules of classes and words are made for minima.
    symbols = symbols_of(chart.species, chart.n_atoms)
    if set(symbols) <= set(PARAMETER_SETS) and chart.mode != THERMAL and len(known):
        cutoff = cluster_cutoff(chart.species, chart.n_atoms, PARAMETER_SETS[symbols[0]].r0)
        some = positions[known]
        if words:
            found = describe_positions(some, cutoff, symbols=symbols)
            classes[known] = found.codes
            for place, one in zip(known, found.words, strict=True):
                names[place], sentences[place] = one.name, one.sentence
        else:
            classes[known] = cluster_class(*environments_and_axes(some, cutoff))
    energies = energies.copy()
    untold = np.isnan(energies) & converged
    if potential is not None and untold.any():
        energies[untold] = rgl_energies(positions[untold], potential)
    return Projected(points, classes, energies, names, sentences)


def compared_encoders(chart: Chart, positions: Array) -> dict[str, Any]:
    """Return how far the distilled encoder of a chart is from its own, on some structures.

    Parameters
    ----------
    chart
        With a distilled encoder.
    positions : ndarray, shape (n_structures, n_atoms, 3), Å

    Returns
    -------
    dict
        ``structures``; of each CV the root of the mean squared difference (``rms``), the largest
        one (``largest``) and the spread of the CV (``standard_deviation``); and of how many
        structures the family differs (``other_family``), told by the RDF's domain alone.
    """
    rdf = rdf_of_positions(positions, chart.basis)
    whole, student = (
        chart.evaluate_rdf(rdf, errors=False, encoder=encoder) for encoder in get_args(EncoderName)
    )
    apart = np.abs(student.cvs.astype(np.float64) - whole.cvs)
    return {
        "structures": len(positions),
        "rms": np.sqrt((apart**2).mean(axis=0)).round(6).tolist(),
        "largest": apart.max(axis=0).round(6).tolist(),
        "standard_deviation": whole.cvs.astype(np.float64).std(axis=0).round(6).tolist(),
        "other_family": int((whole.families != student.families).sum()),
    }


def share_of_hot(positions: Array, potential: Rgl | RglAlloy) -> tuple[float, float]:
    """Return which share of some structures is no minimum, and the median largest force, eV/Å.

    Parameters
    ----------
    positions : ndarray, shape (n_structures, n_atoms, 3), Å
        A few of them, evenly spread, are looked at.
    potential
        Whose minima they would be.
    """
    rows = np.unique(
        np.linspace(0, len(positions) - 1, min(_LOOKED_AT, len(positions))).astype(int)
    )
    if isinstance(potential, Rgl):
        forces = rgl_forces(positions[rows], potential)[1]
    else:
        forces = np.stack([rgl_energy_and_forces(positions[row], potential)[1] for row in rows])
    largest = np.abs(forces).max(axis=(1, 2))
    return float((largest > COLD).mean()), float(np.median(largest))
