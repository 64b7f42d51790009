"""A sum of Gaussians on a grid: cubic B-splines through its values, smooth to second derivatives.

A hill is a product of Gaussians of one variable each, and so are the coefficients of the splines
through its values on the nodes: each is filtered by itself (the inverse of (1, 4, 1)/6 is
√3 zᵏ, z = √3 − 2; Unser, Aldroubi & Eden, IEEE Trans. Signal Process. 41, 821 (1993)), and their
product is added. So a hill costs its own neighbourhood, and evaluation 4ⁿ coefficients.
"""

# mypy: disallow-untyped-decorators=False

from __future__ import annotations

import math
from collections.abc import Sequence

import numba
import numpy as np
from numpy.typing import NDArray

from nanochart.errors import NanochartError

Array = NDArray[np.float64]

#: How far a hill reaches, in widths: exp(−18) = 1.5e-8 of its height.
REACH = 6.0
#: Terms of the filter on each side: |z|²⁴ = 2e-14.
_TERMS = 24
_FILTER = math.sqrt(3.0) * (math.sqrt(3.0) - 2.0) ** np.abs(np.arange(-_TERMS, _TERMS + 1))
#: More nodes than this are slow to sum up over.
MOST_NODES = 2_000_000


class HillsGrid:
    """A sum of Gaussian hills in one to three variables, within bounds.

    Parameters
    ----------
    minimum, maximum : sequence of float
        Bounds of each variable.
    spacing : sequence of float
        Largest distance of two nodes.
    names
        Of the variables, for errors.

    Raises
    ------
    NanochartError
        More than three variables, empty bounds, or too many nodes.
    """

    def __init__(
        self,
        minimum: Sequence[float],
        maximum: Sequence[float],
        spacing: Sequence[float],
        names: Sequence[str],
    ) -> None:
        if not 1 <= len(minimum) <= 3:
            raise NanochartError(f"grid: give one to three variables, not {len(minimum)}")
        self.names = tuple(names)
        self.minimum, self.maximum = np.array(minimum, float), np.array(maximum, float)
        if not (self.minimum < self.maximum).all():
            raise NanochartError("grid: every minimum must lie below its maximum")
        cells = np.ceil((self.maximum - self.minimum) / np.array(spacing) - 1e-9).astype(int)
        self.step = (self.maximum - self.minimum) / cells
        self.shape: tuple[int, ...] = tuple(int(n) + 1 for n in cells)
        if math.prod(self.shape) > MOST_NODES:
            raise NanochartError(
                f"grid: {' x '.join(map(str, self.shape))} nodes are too many; give narrower "
                "bounds, wider hills, or fewer variables"
            )
        #: Values on the nodes, and coefficients of the splines, one more node at each end.
        self.values = np.zeros(self.shape)
        self._coefficients = np.zeros(tuple(n + 2 for n in self.shape))

    def copy(self) -> HillsGrid:
        """Return a grid that goes on by itself."""
        twin = object.__new__(HillsGrid)
        twin.__dict__ |= self.__dict__
        twin.values, twin._coefficients = self.values.copy(), self._coefficients.copy()
        return twin

    @property
    def nodes(self) -> list[Array]:
        """The nodes of each variable."""
        return [
            low + np.arange(n) * step
            for low, n, step in zip(self.minimum, self.shape, self.step, strict=True)
        ]

    def check(self, point: Array) -> None:
        """Raise a NanochartError if a point lies beyond the bounds."""
        beyond = ~((point >= self.minimum) & (point <= self.maximum))
        if beyond.any():
            i = int(np.flatnonzero(beyond)[0])
            raise NanochartError(
                f"{self.names[i]} = {point[i]:.5g} left the grid of the hills, "
                f"{self.minimum[i]:.5g} to {self.maximum[i]:.5g}; "
                "put walls inside it, or begin anew with a wider grid"
            )

    def add(self, centre: Array, sigma: Array, height: float) -> None:
        """Add a hill; its centre must lie within the bounds."""
        self.check(centre)
        value: Array = np.array(height)
        coefficient: Array = np.array(height)
        at_values, at_coefficients = [], []
        for c, width, low, step, n in zip(
            centre, sigma, self.minimum, self.step, self.shape, strict=True
        ):
            place, reach = (c - low) / step, REACH * width / step
            first = max(-1, math.ceil(place - reach))
            last = min(n, math.floor(place + reach))
            around = np.arange(first - _TERMS, last + _TERMS + 1)
            gauss = np.exp(-0.5 * (((around - place) * step) / width) ** 2)
            coefficient = np.multiply.outer(coefficient, np.convolve(gauss, _FILTER, "valid"))
            inner = slice(max(first, 0), min(last, n - 1) + 1)
            value = np.multiply.outer(
                value, gauss[inner.start - first + _TERMS : inner.stop - first + _TERMS]
            )
            at_values.append(inner)
            at_coefficients.append(slice(first + 1, last + 2))
        self.values[tuple(at_values)] += value
        self._coefficients[tuple(at_coefficients)] += coefficient

    def at(self, point: Array) -> tuple[float, Array]:
        """Return the sum and its derivatives (n_variables,) at a point (n_variables,).

        Raises
        ------
        NanochartError
            The point lies beyond the bounds.
        """
        self.check(point)
        slopes = np.empty(len(point))
        value = _spline(self._coefficients, (point - self.minimum) / self.step, slopes)
        return value, slopes / self.step

    def many(self, points: Array) -> Array:
        """Return the sums (n,) at points (n, n_variables)."""
        return np.array([self.at(point)[0] for point in np.ascontiguousarray(points)])


def _spline(coefficients: Array, place: Array, slopes: Array) -> float:
    """Return the value at a place in units of nodes, and fill in its slopes per node."""
    n = coefficients.ndim
    shape = coefficients.shape + (1,) * (3 - n)
    found: float = _fill_spline(coefficients.reshape(shape), place, n, slopes)
    return found


@numba.njit(nogil=True, cache=True)
def _fill_spline(coefficients: Array, place: Array, n: int, slopes: Array) -> float:
    """As `_spline`; variables that are not there have one coefficient, of weight 1."""
    weights, rates = np.zeros((3, 4)), np.zeros((3, 4))
    first = np.zeros(3, dtype=np.int64)
    width = np.ones(3, dtype=np.int64)
    for d in range(3):
        weights[d, 0] = 1.0
        if d >= n:
            continue
        i = min(int(place[d]), coefficients.shape[d] - 4)
        t = place[d] - i
        u = 1.0 - t
        first[d], width[d] = i, 4
        weights[d, 0], rates[d, 0] = u * u * u / 6.0, -0.5 * u * u
        weights[d, 1], rates[d, 1] = (
            (4.0 - 6.0 * t * t + 3.0 * t * t * t) / 6.0,
            t * (1.5 * t - 2.0),
        )
        weights[d, 2], rates[d, 2] = (
            (4.0 - 6.0 * u * u + 3.0 * u * u * u) / 6.0,
            u * (2.0 - 1.5 * u),
        )
        weights[d, 3], rates[d, 3] = t * t * t / 6.0, 0.5 * t * t
    value, by0, by1, by2 = 0.0, 0.0, 0.0, 0.0
    for a in range(width[0]):
        for b in range(width[1]):
            ab = weights[0, a] * weights[1, b]
            for c in range(width[2]):
                one = coefficients[first[0] + a, first[1] + b, first[2] + c]
                value += one * ab * weights[2, c]
                by0 += one * rates[0, a] * weights[1, b] * weights[2, c]
                by1 += one * weights[0, a] * rates[1, b] * weights[2, c]
                by2 += one * ab * rates[2, c]
    slopes[0] = by0
    if n > 1:
        slopes[1] = by1
    if n > 2:
        slopes[2] = by2
    return value
