"""Well-tempered metadynamics in one to three variables.

Every so often a Gaussian hill is put where the system is, of height W exp(−V(q) / kB ΔT), with
ΔT = (γ − 1) T; then V tends to −(1 − 1/γ) F (Barducci, Bussi & Parrinello, Phys. Rev. Lett. 100,
020603 (2008)). The time-dependent constant of the reweighting is

    c(t) = kT ln [ ∫ exp(γ/(γ−1) V/kT) / ∫ exp(1/(γ−1) V/kT) ]

over the grid (Tiwary & Parrinello, J. Phys. Chem. B 119, 736 (2015)).
"""

# mypy: disallow-untyped-decorators=False

from __future__ import annotations

import math
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from nanochart.bias.hills_grid import HillsGrid
from nanochart.errors import NanochartError
from nanochart.units import BOLTZMANN

Array = NDArray[np.float64]

#: Distance of the grid's nodes in widths of a hill: the splines are then within 1e-4 of its
#: height in one and two variables, within 6e-4 in three.
_SPACING = {1: 1 / 3, 2: 1 / 3, 3: 1 / 2}


@dataclass(frozen=True)
class Metadynamics:
    """How hills are put down.

    Parameters
    ----------
    variables
        One to three names.
    sigma
        Width of a hill in each.
    height
        W, of the first hill, eV.
    pace
        MD steps between two hills.
    bias_factor
        γ, above 1: barriers look γ times lower.
    minimum, maximum
        Bounds of the grid.
    """

    variables: tuple[str, ...]
    sigma: tuple[float, ...]
    height: float
    pace: int
    bias_factor: float
    minimum: tuple[float, ...]
    maximum: tuple[float, ...]

    def __post_init__(self) -> None:
        n = len(self.variables)
        if not 1 <= n <= 3:
            raise NanochartError(f"metadynamics: give one to three variables, not {n}")
        if len(set(self.variables)) < n:
            raise NanochartError("metadynamics: a variable is there twice")
        if any(len(one) != n for one in (self.sigma, self.minimum, self.maximum)):
            raise NanochartError("metadynamics: give a sigma and two bounds for each variable")
        numbers = (*self.sigma, *self.minimum, *self.maximum, self.height)
        if not all(math.isfinite(x) for x in numbers) or not all(x > 0 for x in self.sigma):
            raise NanochartError("metadynamics: sigmas must be positive, all numbers finite")
        if not self.height > 0:
            raise NanochartError(
                f"metadynamics: a hill's height must be positive, not {self.height:g}"
            )
        if self.pace < 1:
            raise NanochartError(f"metadynamics: pace = {self.pace}: give MD steps, at least 1")
        if not (1 < self.bias_factor < math.inf):
            raise NanochartError(
                f"metadynamics: a bias factor of {self.bias_factor:g} makes no bias that "
                "converges; give one above 1, about barrier / kT (20 for 0.6 eV at 350 K)"
            )

    def empty_grid(self) -> HillsGrid:
        """Return the grid, without hills."""
        spacing = [_SPACING[len(self.sigma)] * width for width in self.sigma]
        return HillsGrid(self.minimum, self.maximum, spacing, self.variables)

    def height_where(self, bias: float, temperature: float) -> float:
        """Return the height (eV) of a hill put where the bias (eV) is so high already."""
        return self.height * math.exp(-bias / (BOLTZMANN * temperature * (self.bias_factor - 1.0)))

    def constant(self, grid: HillsGrid, temperature: float) -> float:
        """Return c(t), eV, of the hills on a grid; the mean bias, as it were."""
        kt = BOLTZMANN * temperature
        largest = float(grid.values.max())
        share = 1.0 / (self.bias_factor - 1.0)
        found: float = _log_ratio(grid.values.ravel(), largest, kt, share)
        return largest + kt * found

    def free_energy(self, grid: HillsGrid) -> Array:
        """Return −γ/(γ−1) V on the nodes, eV, its smallest value 0: the free energy at last."""
        surface = -self.bias_factor / (self.bias_factor - 1.0) * grid.values
        return np.asarray(surface - surface.min())


@numba.njit(nogil=True, cache=True)
def _log_ratio(values: Array, largest: float, kt: float, share: float) -> float:
    """Return ln [Σ exp((1 + share) v) / Σ exp(share v)], v the values less the largest, over kT."""
    above, below, empty = 0.0, 0.0, 0
    for value in values:
        if value == 0.0:  # most of a grid
            empty += 1
            continue
        v = (value - largest) / kt
        one = math.exp(share * v)
        below += one
        above += one * math.exp(v)
    one = math.exp(-share * largest / kt)
    below += empty * one
    above += empty * one * math.exp(-largest / kt)
    return math.log(above / below)


@dataclass(frozen=True)
class Hills:
    """Hills put down, in order.

    ``times`` (n,) ps; ``centres``, ``sigmas`` (n, n_variables); ``heights`` (n,) eV, γ/(γ−1) times
    as high as they act, so that their sum is −F: PLUMED's habit.
    """

    times: Array
    centres: Array
    sigmas: Array
    heights: Array

    @classmethod
    def none(cls, n_variables: int) -> Hills:
        """Return no hills."""
        return cls(np.empty(0), np.empty((0, n_variables)), np.empty((0, n_variables)), np.empty(0))

    @classmethod
    def joined(cls, parts: list[Hills]) -> Hills:
        """Return the hills of some parts, in that order."""
        names = ("times", "centres", "sigmas", "heights")
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def __len__(self) -> int:
        return len(self.times)

    def __getitem__(self, rows: slice) -> Hills:
        return Hills(self.times[rows], self.centres[rows], self.sigmas[rows], self.heights[rows])

    def onto(self, grid: HillsGrid, bias_factor: float) -> HillsGrid:
        """Add all to a grid as they act, in order, and return it."""
        scale = bias_factor / (bias_factor - 1.0)
        for centre, sigma, height in zip(self.centres, self.sigmas, self.heights, strict=True):
            grid.add(centre, sigma, float(height) / scale)
        return grid
