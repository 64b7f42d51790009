"""A bias as the force of some steps of MD: springs, walls and hills, and a record of what they did.

The force is asked for every ``stride`` steps and acts as an impulse. In a step that is due, a row
is written down after the force is known, and a hill is put down after that, so that it acts from
the next time on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanochart.bias.hills_grid import HillsGrid
from nanochart.bias.metadynamics import Hills, Metadynamics
from nanochart.bias.restraints import Restraint, Springs, Wall
from nanochart.bias.variables import Variables, extent, indices
from nanochart.errors import NanochartError

Array = NDArray[np.float64]

#: Longest time between two impulses, fs: above it they resonate with the vibrations of a cluster.
LONGEST_IMPULSE = 25.0


@dataclass(frozen=True)
class BiasPlan:
    """All of a bias but the variables.

    Parameters
    ----------
    temperature
        K, of the bath.
    timestep
        fs.
    stride
        MD steps between two impulses.
    log_every
        MD steps between two rows of the record.
    restraints, walls
        Springs.
    metadynamics
        Hills.

    Raises
    ------
    NanochartError
        Impulses come too seldom, or rows and hills do not fall on them.
    """

    temperature: float
    timestep: float
    stride: int = 1
    log_every: int = 40
    restraints: tuple[Restraint, ...] = ()
    walls: tuple[Wall, ...] = ()
    metadynamics: Metadynamics | None = None

    def __post_init__(self) -> None:
        if self.stride < 1 or self.stride * self.timestep > LONGEST_IMPULSE * (1 + 1e-12):
            raise NanochartError(
                f"stride: a bias every {self.stride} steps of {self.timestep:g} fs acts every "
                f"{self.stride * self.timestep:g} fs; at most {LONGEST_IMPULSE:g} fs are sound"
            )
        paces = {"log": self.log_every}
        if self.metadynamics is not None:
            paces["pace"] = self.metadynamics.pace
        for name, every in paces.items():
            if every < 1 or every % self.stride:
                raise NanochartError(
                    f"{name}: every {every} steps is not a multiple of the bias' "
                    f"{self.stride} steps"
                )

    def columns(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the columns of the record: time, variables, and what the bias did."""
        found = ["time", *names]
        for one in self.restraints:
            found.append(f"{one.name}.bias")
            if one.to is not None:
                found += [f"{one.name}.{name}_cntr" for name in one.variables]
                found.append(f"{one.name}.work")
        if self.walls:
            found.append("walls.bias")
        if self.metadynamics is not None:
            found += ["metad.bias", "metad.rct"]
        return tuple(found)


def plan_from_json(values: Mapping[str, Any]) -> BiasPlan:
    """Return the plan that ``dataclasses.asdict`` and JSON took apart."""

    def with_tuples(one: Any) -> Any:
        if isinstance(one, Mapping):
            return {key: with_tuples(value) for key, value in one.items()}
        return tuple(map(with_tuples, one)) if isinstance(one, list) else one

    metad = values["metadynamics"]
    return BiasPlan(
        temperature=values["temperature"],
        timestep=values["timestep"],
        stride=values["stride"],
        log_every=values["log_every"],
        restraints=tuple(Restraint(**with_tuples(one)) for one in values["restraints"]),
        walls=tuple(Wall(**one) for one in values["walls"]),
        metadynamics=None if metad is None else Metadynamics(**with_tuples(metad)),
    )


@dataclass
class BiasForce:
    """The bias during one block of MD: give it to `nanochart.dynamics.md.md`.

    Parameters
    ----------
    variables, plan
        What it acts on, and how.
    grid
        The hills so far; it is changed. None without metadynamics.
    works
        Work so far of each moving restraint, eV.
    first_step
        Of the block: the number of its first step in the run.
    reach
        Å: an atom further than this from the centroid has escaped.
    """

    variables: Variables
    plan: BiasPlan
    grid: HillsGrid | None
    works: Sequence[float] = ()
    first_step: int = 0
    reach: float = math.inf
    rows: list[list[float]] = field(default_factory=list, init=False)
    _times: list[float] = field(default_factory=list, init=False)
    _centres: list[Array] = field(default_factory=list, init=False)
    _heights: list[float] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        plan = self.plan
        self._springs = Springs(plan.restraints, plan.walls, self.variables.names)
        if (plan.metadynamics is None) != (self.grid is None):
            raise NanochartError("bias: metadynamics needs a grid for its hills, and nothing else")
        self._hill_at = (
            None
            if plan.metadynamics is None
            else indices(plan.metadynamics.variables, self.variables.names, "metadynamics")
        )
        self._asked = self._n_atoms = 0
        self._constant: float | None = None
        self.works = list(self.works) or [0.0] * len(self._springs.moving)

    def __call__(self, positions: Array) -> tuple[float, Array]:
        """Return the energy (eV) and forces (n_atoms, 3) eV/Å of the next step that is due.

        Raises
        ------
        NanochartError
            An atom escaped, a variable left the grid of the hills, or something is not finite.
        """
        step = self.first_step + self._asked * self.plan.stride
        time = step * self.plan.timestep * 1e-3
        self._check_extent(positions, time)
        values, pull = self.variables.at(positions)
        slopes = np.zeros(len(values))
        energies, walls = self._springs.act(values, time, slopes)
        bias = 0.0
        if self.grid is not None and self._hill_at is not None:
            bias, by_hills = self.grid.at(values[self._hill_at])
            slopes[self._hill_at] += by_hills
        total = sum(energies) + walls + bias
        forces = -pull(slopes)
        if not (math.isfinite(total) and np.isfinite(forces).all()):
            raise NanochartError(
                f"the bias is not finite at {time:g} ps, where "
                + ", ".join(
                    f"{n} = {v:.5g}" for n, v in zip(self.variables.names, values, strict=True)
                )
                + "; the encoder or a spring failed there"
            )
        if self._asked:  # the first step of a block is the last of the one before
            self._note(step, time, values, energies, walls, bias)
        self._asked += 1
        return total, forces

    def _check_extent(self, positions: Array, time: float) -> None:
        self._n_atoms = self._n_atoms or len(positions)
        # LAMMPS drops an atom that leaves its cell in one step.
        whole = 0 < len(positions) == self._n_atoms
        furthest = extent(positions)[1] if whole else math.inf
        if not furthest <= self.reach:  # NaN, too
            raise NanochartError(
                f"an atom escaped at {time:g} ps: {furthest:.1f} Å from the centre, "
                f"allowed are {self.reach:.1f} Å; hold the cluster together by an upper wall on "
                "rg, or bias it less strongly"
            )

    def _note(
        self,
        step: int,
        time: float,
        values: Array,
        energies: list[float],
        walls: float,
        bias: float,
    ) -> None:
        """Count the work of the step, write a row, put down a hill: what is due."""
        plan = self.plan
        before = (step - plan.stride) * plan.timestep * 1e-3
        steps = self._springs.works(values, before, time) if self._springs.moving else []
        self.works = [work + more for work, more in zip(self.works, steps, strict=True)]
        if step % plan.log_every == 0:
            row = [time, *values.tolist()]
            work = iter(self.works)
            for one, energy in zip(plan.restraints, energies, strict=True):
                row.append(energy)
                if one.to is not None:
                    row += [*one.centre_at(time), next(work)]
            if plan.walls:
                row.append(walls)
            if plan.metadynamics is not None and self.grid is not None:
                if self._constant is None:
                    self._constant = plan.metadynamics.constant(self.grid, plan.temperature)
                row += [bias, self._constant]
            self.rows.append(row)
        metad = plan.metadynamics
        if metad is not None and self.grid is not None and step % metad.pace == 0:
            centre = values[self._hill_at]
            # Through the number that is written, so that a run read back has the same bits.
            scale = metad.bias_factor / (metad.bias_factor - 1.0)
            height = metad.height_where(bias, plan.temperature) * scale
            self.grid.add(centre, np.array(metad.sigma), height / scale)
            self._constant = None
            self._times.append(time)
            self._centres.append(centre)
            self._heights.append(height)

    @property
    def hills(self) -> Hills:
        """The hills put down in this block."""
        if self.plan.metadynamics is None or not self._times:
            n = 0 if self.plan.metadynamics is None else len(self.plan.metadynamics.sigma)
            return Hills.none(n)
        return Hills(
            np.array(self._times),
            np.array(self._centres),
            np.tile(self.plan.metadynamics.sigma, (len(self._times), 1)),
            np.array(self._heights),
        )
