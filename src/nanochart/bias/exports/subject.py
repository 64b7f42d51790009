"""What is exported: the function of a chart, and what its users must know of it.

The same for any RDF, scaling and encoder; `subject_of` takes them from a chart.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ase.data import atomic_masses, atomic_numbers
from torch import nn

from nanochart.bias.exports.function import ChartFunction
from nanochart.chart.chart import Chart
from nanochart.composition import is_alloy
from nanochart.errors import NanochartError
from nanochart.sampling.rgl import PARAMETER_SETS, Rgl


@dataclass(frozen=True, eq=False)
class Subject:
    """What is exported.

    Parameters
    ----------
    function
        Positions in, CVs out.
    species, n_atoms
        Of the cluster.
    mode
        ``"quenched"`` or ``"thermal"``: which structures the chart knows.
    families
        ``id``, ``name`` and ``centre`` of each.
    """

    function: ChartFunction
    species: str
    n_atoms: int
    mode: str
    families: list[dict[str, Any]] = field(default_factory=list)

    @property
    def n_cvs(self) -> int:
        """Number of CVs."""
        return self.function.n_cvs

    @property
    def name(self) -> str:
        """The cluster, as in Au147."""
        return f"{self.species}{self.n_atoms}"

    @property
    def atomic_number(self) -> int:
        """Of the element."""
        return int(atomic_numbers[self.species])

    @property
    def mass(self) -> float:
        """Of an atom, u."""
        return float(atomic_masses[self.atomic_number])

    @property
    def narrowest_cell(self) -> float:
        """How wide a periodic cell must be, so that each pair has one image in reach, Å."""
        return 2.0 * self.function.longest_distance

    @property
    def potential(self) -> Rgl | None:
        """The RGL set of the element, if there is one."""
        return PARAMETER_SETS.get(self.species)

    @property
    def centre(self) -> list[float]:
        """The centre of the largest family, or zeros: something for an input file to aim at."""
        return self.families[0]["centre"] if self.families else [0.0] * self.n_cvs

    def as_json(self) -> str:
        """Return what an exported model says of itself."""
        rgl = self.potential
        return json.dumps(
            {
                "species": self.species,
                "n_atoms": self.n_atoms,
                "n_cvs": self.n_cvs,
                "mode": self.mode,
                "narrowest_cell": self.narrowest_cell,
                "families": self.families,
                "mass": self.mass,
                "rgl": rgl
                and {"p": rgl.p, "q": rgl.q, "A": rgl.repulsion, "xi": rgl.hopping, "r0": rgl.r0},
            },
            ensure_ascii=False,
        )


def subject_of(chart: Chart, encoder: nn.Module | None = None) -> Subject:
    """Return what is exported of a chart.

    Parameters
    ----------
    chart
        The chart.
    encoder
        A module whose ``encode`` takes scaled RDFs (batch, n_bins) to CVs (batch, n_cvs); by
        default the chart's own network.
    """
    if is_alloy(chart.species):
        raise NanochartError(
            f"export: this chart is of the alloy {chart.species}; only charts of one element are "
            "exported"
        )
    function = ChartFunction(chart.basis, chart.scaling, encoder or chart.model, chart.n_atoms)
    families = [
        {"id": one.id, "name": one.name, "centre": np.asarray(one.centre, dtype=float).tolist()}
        for one in chart.families or ()
    ]
    return Subject(function, chart.species, chart.n_atoms, chart.mode, families)
