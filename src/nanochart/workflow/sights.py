"""What stands for a family in a picture: the structure nearest to its centre, and how to see it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanochart.parallel import available_cores
from nanochart.show.content import FamilyRow
from nanochart.show.sights import Sight
from nanochart.structure.cutoffs import Cutoff
from nanochart.structure.description import describe_positions
from nanochart.structure.rosettes import rosette_atoms
from nanochart.workflow.describe import cutoff_of
from nanochart.workflow.run import Run


def sights_of(positions: NDArray[np.float64], cutoff: Cutoff) -> list[Sight]:
    """Return how to look at structures, (n_structures, n_atoms, 3), with a CNA cut-off in Å."""
    found = describe_positions(positions, cutoff, threads=available_cores())
    return [
        Sight(
            positions=positions[k],
            environments=found.environments[k],
            direction=np.asarray(measured["direction"], dtype=np.float64),
            along=bool(measured["n_axes"]),
            bond_length=float(measured["bond_length"]),
            rosettes=rosette_atoms(
                positions[k], found.environments[k], float(measured["bond_length"]) or 1.0
            ),
        )
        for k, measured in enumerate(found.defects)
    ]


def with_sights(
    run: Run, families: tuple[FamilyRow, ...], cvs: NDArray[Any], family: NDArray[Any]
) -> tuple[FamilyRow, ...]:
    """Return the families, the major ones with their representatives.

    Parameters
    ----------
    run
        Whose families they are.
    families
        Without representatives.
    cvs, family
        (n_unique, n_cvs) and (n_unique,): of the unique structures.
    """
    nearest: dict[int, int] = {}  # of each family a place among the unique structures
    for one in families:
        members = np.flatnonzero(family == one.id)
        if one.major and members.size:
            away = np.linalg.norm(cvs[members] - one.centre[: cvs.shape[1]], axis=1)
            nearest[one.id] = int(members[np.argmin(away)])
    if not nearest:
        return families
    rows = run.landscape["unique"].read("snapshot")[list(nearest.values())]
    positions = run.landscape["quenched"].read_rows("positions", rows).astype(np.float64)
    sights = dict(zip(nearest, sights_of(positions, cutoff_of(run.file)), strict=True))
    return tuple(replace(one, sight=sights.get(one.id)) for one in families)
