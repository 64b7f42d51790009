"""Harmonic restraints, at rest (umbrella) or moving (steered), and walls.

    V = ½ Σ κ (q − c)²,    upper wall: V = ½ κ (q − a)² where q > a, lower where q < a

A restraint moves at constant speed; by way of points, each leg takes the same time. The work that
moving it costs, Σ V(q, c_new) − V(q, c_old), is summed as the centre moves (Jarzynski, Phys. Rev.
Lett. 78, 2690 (1997)).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nanochart.bias.variables import indices
from nanochart.errors import NanochartError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Restraint:
    """Springs that hold variables near a centre, which may move.

    Parameters
    ----------
    name
        What it is called in tables.
    variables
        Their names.
    centre
        One a variable; where it starts, if it moves.
    spring
        κ, one a variable, eV per squared unit of the variable.
    to
        Where the centre moves to; None: it rests.
    begin, end
        When it moves, ps; it rests before and after.
    via
        Points on its way, one number a variable each; every leg takes the same time.

    Raises
    ------
    NanochartError
        Numbers do not fit the variables, a spring is not positive, or the times make no sense.
    """

    name: str
    variables: tuple[str, ...]
    centre: tuple[float, ...]
    spring: tuple[float, ...]
    to: tuple[float, ...] | None = None
    begin: float = 0.0
    end: float = 0.0
    via: tuple[tuple[float, ...], ...] = ()

    def __post_init__(self) -> None:
        numbers = [self.centre, self.spring, *self.via, *([] if self.to is None else [self.to])]
        if not self.variables or any(len(one) != len(self.variables) for one in numbers):
            raise NanochartError(f"{self.name}: give one number for each of its variables")
        if not all(math.isfinite(x) for one in numbers for x in one):
            raise NanochartError(f"{self.name}: a number is not finite")
        if not all(k > 0 for k in self.spring):
            raise NanochartError(f"{self.name}: springs must be positive, eV per squared unit")
        if self.to is not None and not 0 <= self.begin < self.end:
            raise NanochartError(f"{self.name}: it must move for some time, begin before end (ps)")
        if self.via and self.to is None:
            raise NanochartError(f"{self.name}: it goes by way of points, but nowhere")

    def centre_at(self, time: float) -> tuple[float, ...]:
        """Return the centre at a time, ps."""
        if self.to is None:
            return self.centre
        share = min(1.0, max(0.0, (time - self.begin) / (self.end - self.begin)))
        start, to = self.centre, self.to
        if self.via:
            points = (self.centre, *self.via, self.to)
            legs = len(points) - 1
            leg = min(int(share * legs), legs - 1)
            share = share * legs - leg
            start, to = points[leg], points[leg + 1]
        return tuple(a + share * (b - a) for a, b in zip(start, to, strict=True))

    def energy(self, values: Array, centre: Sequence[float]) -> NDArray[np.float64]:
        """Return the energy, eV, of values (..., n_variables)."""
        return np.asarray(0.5 * ((values - np.array(centre)) ** 2 @ np.array(self.spring)))


@dataclass(frozen=True)
class Wall:
    """A half spring that keeps a variable below (``upper``) or above (``lower``) a value.

    ``spring`` κ in eV per squared unit of the variable.
    """

    side: Literal["upper", "lower"]
    variable: str
    at: float
    spring: float

    def __post_init__(self) -> None:
        if self.side not in ("upper", "lower"):
            raise NanochartError(
                f"wall on {self.variable}: {self.side!r} is neither upper nor lower"
            )
        if not (math.isfinite(self.at) and math.isfinite(self.spring) and self.spring > 0):
            raise NanochartError(f"wall on {self.variable}: give a place and a positive spring")

    def beyond(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far values lie beyond the wall, 0 before it; negative below a lower wall."""
        away = values - self.at
        return np.asarray(np.maximum(away, 0.0) if self.side == "upper" else np.minimum(away, 0.0))

    def energy(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the energy, eV, of values of any shape."""
        return np.asarray(0.5 * self.spring * self.beyond(values) ** 2)


class Springs:
    """Restraints and walls on variables of given names: energies and slopes at a time.

    Parameters
    ----------
    restraints, walls
        Names of restraints must differ.
    names
        Of the variables.
    """

    def __init__(
        self, restraints: Sequence[Restraint], walls: Sequence[Wall], names: Sequence[str]
    ) -> None:
        called = [one.name for one in restraints]
        if len(set(called)) < len(called):
            raise NanochartError(f"two restraints have one name: {', '.join(called)}")
        self.restraints, self.walls = tuple(restraints), tuple(walls)
        self._at = [indices(one.variables, names, one.name) for one in restraints]
        self._wall_at = [
            int(indices([wall.variable], names, f"wall on {wall.variable}")[0]) for wall in walls
        ]
        self.moving = tuple(one for one in restraints if one.to is not None)

    def act(self, values: Array, time: float, slopes: Array) -> tuple[list[float], float]:
        """Return the energy of each restraint, and of all walls; add to the slopes."""
        # A few numbers, in every step: Python's own are several times faster than arrays of them.
        energies = []
        for one, at in zip(self.restraints, self._at, strict=True):
            energy = 0.0
            for i, centre, spring in zip(at, one.centre_at(time), one.spring, strict=True):
                away = float(values[i]) - centre
                energy += 0.5 * spring * away * away
                slopes[i] += spring * away
            energies.append(energy)
        walls = 0.0
        for wall, place in zip(self.walls, self._wall_at, strict=True):
            away = float(values[place]) - wall.at
            if (away > 0) == (wall.side == "upper"):
                walls += 0.5 * wall.spring * away * away
                slopes[place] += wall.spring * away
        return energies, walls

    def works(self, values: Array, before: float, now: float) -> list[float]:
        """Return the work of each moving restraint as its centre moves from a time to another."""
        found = []
        for one, at in zip(self.restraints, self._at, strict=True):
            if one.to is not None:
                work = 0.0
                old, new = one.centre_at(before), one.centre_at(now)
                for i, was, becomes, spring in zip(at, old, new, one.spring, strict=True):
                    # ½ κ [(q − c')² − (q − c)²]
                    work += 0.5 * spring * (was - becomes) * (2 * float(values[i]) - was - becomes)
                found.append(work)
        return found

    def energy_of(self, values: Array) -> NDArray[np.float64]:
        """Return the energy, eV, of many values (n, n_variables), where no restraint moves."""
        total = np.zeros(len(values))
        for one, at in zip(self.restraints, self._at, strict=True):
            total += one.energy(values[:, at], one.centre)
        for wall, place in zip(self.walls, self._wall_at, strict=True):
            total += wall.energy(values[:, place])
        return total
