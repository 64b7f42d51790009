"""What a bias may act on: a chart's CVs, where a cluster stands between two points, its size.

Of a chart there are ``cv1``, ``cv2``, ...; ``rg``, the gyration radius in Å; and, with a line from
a to b on the chart,

    s = (CV − a)·(b − a) / |b − a|²,    z = |CV − a − s (b − a)|² / |b − a|²

so s is 0 at a and 1 at b, and z the squared distance from the line, both in lengths of the line.
"""

# mypy: disallow-untyped-decorators=False

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numba
import numpy as np
from numpy.typing import NDArray

from nanochart.chart.gradient import ChartGradient
from nanochart.errors import NanochartError

Array = NDArray[np.float64]


class Variables(Protocol):
    """Named, smooth functions of the positions, one structure at a time."""

    @property
    def names(self) -> tuple[str, ...]:
        """What they are called, in the order of their values."""

    def at(self, positions: Array) -> tuple[Array, Callable[[Array], Array]]:
        """Return the values (n,), and what turns weights (n,) into the gradient of their sum."""


@dataclass(frozen=True)
class Line:
    """A straight line on a chart: ``start`` and ``end``, each (n_cvs,)."""

    start: tuple[float, ...]
    end: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.start) != len(self.end) or self.start == self.end:
            raise NanochartError("line: it needs two different points of the chart")

    def place(self, cvs: Array) -> tuple[float, float, Array, Array]:
        """Return s and z of CVs (n_cvs,), and the slopes (n_cvs,) of both."""
        along = np.subtract(self.end, self.start)
        squared = float(along @ along)
        away = cvs - np.asarray(self.start)
        s = float(away @ along) / squared
        off = away - s * along
        return s, float(off @ off) / squared, along / squared, 2.0 / squared * off


class ChartVariables:
    """The CVs of a chart, s and z where there is a line, and the gyration radius.

    Parameters
    ----------
    gradient
        Of the chart.
    line
        Between two points of the chart.
    """

    def __init__(self, gradient: ChartGradient, line: Line | None = None) -> None:
        if line is not None and len(line.start) != gradient.n_cvs:
            raise NanochartError(
                f"line: its points have {len(line.start)} coordinates, the chart {gradient.n_cvs}"
            )
        self._gradient = gradient
        self._line = line
        cvs = tuple(f"cv{i + 1}" for i in range(gradient.n_cvs))
        self.names = (*cvs, *(() if line is None else ("s", "z")), "rg")

    def at(self, positions: Array) -> tuple[Array, Callable[[Array], Array]]:
        """Return the values, and their pull on the atoms; as `Variables.at`.

        Parameters
        ----------
        positions : ndarray, shape (n_atoms, 3), Å

        Raises
        ------
        NanochartError
            As `ChartGradient.at`.
        """
        cvs, pull_back = self._gradient.at(positions)
        n_cvs = len(cvs)
        rg, _ = extent(positions)
        values = np.empty(len(self.names))
        values[:n_cvs], values[-1] = cvs, rg
        slopes: Array | None = None
        if self._line is not None:
            values[n_cvs], values[n_cvs + 1], along, off = self._line.place(cvs)
            slopes = np.stack([along, off])

        def pull(weights: Array) -> Array:
            on_cvs = weights[:n_cvs]
            if slopes is not None:
                on_cvs = on_cvs + weights[n_cvs : n_cvs + 2] @ slopes
            gradient = pull_back(on_cvs)
            if weights[-1]:
                away = positions - positions.mean(axis=0)
                gradient += weights[-1] / (rg * len(away)) * away
            return gradient

        return values, pull


@numba.njit(nogil=True, cache=True)
def extent(positions: Array) -> tuple[float, float]:
    """Return gyration radius and largest distance from the centroid, Å, of (n_atoms, 3)."""
    n = len(positions)
    x = y = z = 0.0
    for i in range(n):
        x += positions[i, 0]
        y += positions[i, 1]
        z += positions[i, 2]
    total, largest = 0.0, 0.0
    for i in range(n):
        squared = (
            (positions[i, 0] - x / n) ** 2
            + (positions[i, 1] - y / n) ** 2
            + (positions[i, 2] - z / n) ** 2
        )
        total += squared
        if not squared <= largest:  # NaN, too
            largest = squared
    return math.sqrt(total / n), math.sqrt(largest)


def indices(wanted: Sequence[str], names: Sequence[str], what: str) -> NDArray[np.intp]:
    """Return where names stand among others, or raise an error that says who asked for them."""
    unknown = [name for name in wanted if name not in names]
    if unknown:
        hint = "; s and z need a line" if unknown[0] in ("s", "z") else ""
        raise NanochartError(
            f"{what}: there is no variable {unknown[0]!r}; there are {', '.join(names)}{hint}"
        )
    return np.array([list(names).index(name) for name in wanted], dtype=np.intp)
