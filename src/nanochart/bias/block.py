"""A block of biased MD as a function of values: where a walker is, and the hills that it feels.

Several walkers take their blocks in rounds. In a round each feels the hills of all from the rounds
before, and its own of this one; after it the hills are merged, in the order of the walkers. So the
result does not depend on which process did what, or when.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nanochart.bias.force import BiasForce, BiasPlan
from nanochart.bias.hills_grid import HillsGrid
from nanochart.bias.metadynamics import Hills
from nanochart.bias.variables import Variables
from nanochart.dynamics.md import Frames, MdSettings, MdState, md
from nanochart.sampling.potentials import Potential

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Walker:
    """The state of a biased run between two blocks: of its MD, and the work so far (eV)."""

    md: MdState
    works: tuple[float, ...] = ()


@dataclass(frozen=True)
class BiasedBlock:
    """What a block gives: the walker after it, frames, rows of the record, and its hills."""

    walker: Walker
    frames: Frames
    rows: Array
    hills: Hills


@dataclass(frozen=True)
class BiasedRun:
    """What all blocks of a run share: MD, potential, variables, bias, and an atom's reach (Å)."""

    settings: MdSettings
    potential: Potential
    variables: Variables
    plan: BiasPlan
    reach: float


def biased_block(run: BiasedRun, walker: Walker, grid: HillsGrid | None) -> BiasedBlock:
    """Run a walker's next block; the grid is left alone.

    Raises
    ------
    NanochartError
        The cluster or the bias came to grief; the message says when.
    """
    settings, number = run.settings, walker.md.block
    force = BiasForce(
        run.variables,
        run.plan,
        None if grid is None else grid.copy(),
        works=walker.works,
        first_step=number * settings.block * settings.steps_per_frame,
        reach=run.reach,
    )
    ((state, frames),) = md(
        walker.md,
        settings,
        run.potential,
        n_frames=(number + 1) * settings.block,
        external=force,
        stride=run.plan.stride,
    )
    return BiasedBlock(Walker(state, tuple(force.works)), frames, np.array(force.rows), force.hills)
