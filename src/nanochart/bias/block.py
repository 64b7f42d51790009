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
from nanochart.errors import NanochartError
from nanochart.sampling.potentials import Potential

Array = NDArray[np.float64]

#: A block hotter than this times the bath, plus five standard errors, was heated by the bias.
_HOT = 1.5


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
    _check_heat(run, frames)
    return BiasedBlock(Walker(state, tuple(force.works)), frames, np.array(force.rows), force.hills)


def _check_heat(run: BiasedRun, frames: Frames) -> None:
    """Refuse a block that the bias heated: impulses too far apart for the stiffness of its springs.

    A harmonic spring κ on q has ω² = κ Σ |∇q|²/m; impulses Δt apart need ω Δt < 2, and |∇q| of a
    network differs by an order of magnitude from place to place.
    """
    bath, measured = run.settings.temperature, float(frames.temperatures.mean())
    n_velocities = 3 * frames.positions.shape[1] * len(frames.temperatures)
    if measured > bath * (_HOT + 5 * (2 / n_velocities) ** 0.5):
        plan = run.plan
        raise NanochartError(
            f"after {frames.first * run.settings.interval * 1e-3:g} ns: the bias heats the cluster "
            f"to {measured:,.0f} K, its bath has {bath:g} K; it pulls too hard, or its springs or "
            f"walls are too stiff for an impulse every {plan.stride * plan.timestep:g} fs: soften "
            "them, or take a smaller --every"
        )
