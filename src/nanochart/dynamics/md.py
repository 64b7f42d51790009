"""Molecular dynamics of one cluster, block by block.

Langevin dynamics, or constant energy, in LAMMPS; unbiased, unless a force is given. A block is a
fixed number of frames under one thermostat whose seed derives from (run seed, block), and a state
between blocks is a value. So a run taken up from any state gives the same bits as one that was
never stopped.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nanochart.errors import NanochartError
from nanochart.sampling.lammps import ExternalForce, engine_for
from nanochart.sampling.potentials import Potential

Array = NDArray[np.float64]

# What a random number is for, so that no two uses share a stream.
_VELOCITIES, _MOTION = range(2)


@dataclass(frozen=True)
class MdSettings:
    """How to run MD.

    Parameters
    ----------
    temperature
        Of the bath and of the first velocities, K.
    steps_per_frame
        MD steps between two frames.
    timestep
        fs.
    damping
        Langevin damping time, ps: 1 / friction. Transition times depend on it. None: no bath,
        constant energy.
    seed
        Of velocities and random forces.
    block
        Frames under one seed of the thermostat, yielded together.
    """

    temperature: float
    steps_per_frame: int = 200
    timestep: float = 5.0
    damping: float | None = 10.0
    seed: int = 0
    block: int = 1000

    def __post_init__(self) -> None:
        positive = {
            "temperature": (self.temperature, "K"),
            "timestep": (self.timestep, "fs"),
            "damping": (1.0 if self.damping is None else self.damping, "ps"),
            "steps_per_frame": (self.steps_per_frame, "steps"),
            "block": (self.block, "frames"),
        }
        for name, (value, unit) in positive.items():
            if not (math.isfinite(value) and value > 0):
                hint = "; without a bath: None (--nve)" if name == "damping" else ""
                raise NanochartError(f"{name}: {value:g} {unit} must be positive{hint}")
        if self.seed < 0:
            raise NanochartError(f"seed: {self.seed} must not be negative")

    @property
    def interval(self) -> float:
        """Time between two frames, ps."""
        return self.steps_per_frame * self.timestep * 1e-3


@dataclass(frozen=True)
class MdState:
    """The state of a run between two blocks.

    ``positions`` (n_atoms, 3) Å, centred; ``velocities`` (n_atoms, 3) Å/ps; ``block`` how many
    blocks are done.
    """

    positions: Array
    velocities: Array
    block: int


@dataclass(frozen=True)
class Frames:
    """Some frames of a run.

    ``first`` the number of the first, from 0: frame i is (i + 1) intervals after the start;
    ``positions`` (n_frames, n_atoms, 3) Å, centred; ``energies`` (n_frames,) eV, potential;
    ``temperatures`` (n_frames,) K, kinetic, of all 3N momenta.
    """

    first: int
    positions: Array
    energies: Array
    temperatures: Array


def initial_state(start: Array, settings: MdSettings, potential: Potential) -> MdState:
    """Return a cluster (n_atoms, 3) Å with Maxwell velocities.

    A minimum shares them out: after some damping times (or at constant energy, in a vibration)
    half is potential energy.

    Raises
    ------
    NanochartError
        The atoms are too far apart to be one cluster.
    """
    engine = engine_for(potential, len(start), settings.timestep)
    engine.energy_and_forces(start)
    rng = np.random.default_rng(np.random.SeedSequence([settings.seed, _VELOCITIES]))
    velocities = engine.thermal_velocities(settings.temperature, rng)
    return MdState(start - start.mean(axis=0), velocities, 0)


def md(
    state: MdState,
    settings: MdSettings,
    potential: Potential,
    *,
    n_frames: int,
    external: ExternalForce | None = None,
    stride: int = 1,
) -> Iterator[tuple[MdState, Frames]]:
    """Run MD from a state, block by block.

    Parameters
    ----------
    state
        Where to start: :func:`initial_state`, or a state a former run yielded.
    settings, potential
        As they were when the run began.
    n_frames
        Run until there are this many frames, counted from the run's beginning.
    external, stride
        A force besides the potential's, as of `nanochart.sampling.lammps.Engine.trajectory`; it
        is asked for at the start of every block, too.

    Yields
    ------
    state, frames
        The frames of a block, and the state after it. A last block cut short by ``n_frames``
        comes with the state *before* it: to go on, that block is done again in full, and begins
        with the same bits.

    Raises
    ------
    NanochartError
        The cluster evaporated or exploded; the message says when.
    """
    engine = engine_for(potential, len(state.positions), settings.timestep)
    for block in range(state.block, math.ceil(n_frames / settings.block)):
        first = block * settings.block
        key = np.random.SeedSequence([settings.seed, _MOTION, block])
        length = min(settings.block, n_frames - first)
        try:
            found = engine.trajectory(
                state.positions,
                state.velocities,
                temperature=settings.temperature,
                n_frames=length,
                steps_per_frame=settings.steps_per_frame,
                damping=settings.damping,
                seed=int(np.random.default_rng(key).integers(1, 900_000_000)),
                external=external,
                stride=stride,
            )
            if not found.energies.max() < 0:  # NaN, too
                raise NanochartError("the cluster flew apart; is the time step too long?")
        except NanochartError as error:
            passed = first * settings.interval * 1e-3
            raise NanochartError(f"after {passed:g} ns: {error}") from None
        if length == settings.block:
            state = MdState(found.positions[-1], found.velocities, block + 1)
        yield state, Frames(first, found.positions, found.energies, found.temperatures)
