"""The CVs of a chart of nanocluster structures, their gradient, and biases on them.

Needs torch and numpy, and ``chart.pt2`` beside this file. Written by ``nanochart export``; this
file does not need nanochart.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
#: CVs (n_cvs,) in; energy and its derivative by the CVs (n_cvs,) out, both in the unit of energy
#: of the program that is biased.
Bias = Callable[[Array], tuple[float, Array]]


class ChartError(ValueError):
    """Positions that the chart cannot take."""


class ChartCvs:
    """A chart as a function of the positions of one cluster; float64 throughout.

    Parameters
    ----------
    path
        The exported function; by default ``chart.pt2`` beside this file.
    threads
        Threads of torch, for the whole process: one cluster gains nothing by more. None leaves
        them as they are.

    Attributes
    ----------
    facts : dict
        What the chart says of itself: species, n_atoms, n_cvs, mode, families, …
    """

    def __init__(self, path: str | Path | None = None, *, threads: int | None = 1) -> None:
        path = Path(path or Path(__file__).with_name("chart.pt2"))
        if not path.is_file():
            raise ChartError(f"{path}: there is no such file; export the chart again")
        if threads is not None:
            torch.set_num_threads(threads)
        texts = {"chart.json": ""}
        self._function = torch.export.load(path, extra_files=texts).module()
        self.facts: dict[str, Any] = json.loads(texts["chart.json"])
        self.species: str = self.facts["species"]
        self.n_atoms: int = self.facts["n_atoms"]
        self.n_cvs: int = self.facts["n_cvs"]

    def cvs(self, positions: ArrayLike, cell: ArrayLike | None = None) -> Array:
        """Return the CVs, shape (n_cvs,).

        Parameters
        ----------
        positions : array_like, shape (n_atoms, 3), Å
            Of the cluster alone, atoms in any order.
        cell : array_like, shape (3, 3), Å
            Cell vectors in rows, zeros where not periodic; None: no cell.

        Raises
        ------
        ChartError
            Another number of atoms, a coordinate that is not finite, a cell that is too narrow.
        """
        with torch.no_grad():
            return self._evaluate(*self._checked(positions, cell)).numpy()

    def jacobian(self, positions: ArrayLike, cell: ArrayLike | None = None) -> tuple[Array, Array]:
        """Return the CVs, and d(CV)/d(positions), shape (n_cvs, n_atoms, 3), 1/Å; as `cvs`."""
        x, vectors = self._checked(positions, cell)
        cvs = self._evaluate(x.requires_grad_(True), vectors)
        rows = [torch.autograd.grad(one, x, retain_graph=True)[0] for one in cvs]
        return cvs.detach().numpy(), torch.stack(rows).numpy()

    def biased(
        self, bias: Bias, positions: ArrayLike, cell: ArrayLike | None = None
    ) -> tuple[Array, float, Array]:
        """Return the CVs, a bias's energy and its forces, (n_atoms, 3), energy per Å; as `cvs`."""
        x, vectors = self._checked(positions, cell)
        cvs = self._evaluate(x.requires_grad_(True), vectors)
        values = cvs.detach().numpy()
        energy, slope = bias(values)
        weights = torch.as_tensor(np.asarray(slope, dtype=np.float64))
        (gradient,) = torch.autograd.grad(cvs, x, weights)  # one backward, whatever the bias
        return values, float(energy), -gradient.numpy()

    def centre(self, family: int) -> Array:
        """Return the centre of a family of the chart, shape (n_cvs,).

        Raises
        ------
        ChartError
            The chart has no such family.
        """
        for one in self.facts["families"]:
            if one["id"] == family:
                return np.array(one["centre"])
        raise ChartError(f"the chart has {len(self.facts['families'])} families, no {family}")

    def _evaluate(self, positions: torch.Tensor, cell: torch.Tensor) -> torch.Tensor:
        cvs: torch.Tensor = self._function(positions, cell)
        return cvs

    def _checked(
        self, positions: ArrayLike, cell: ArrayLike | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return positions and cell as tensors, or raise."""
        x = np.array(positions, dtype=np.float64)
        if x.shape != (self.n_atoms, 3):
            raise ChartError(
                f"the chart is of {self.species}{self.n_atoms}, the positions have shape "
                f"{x.shape}; give those of its {self.n_atoms} atoms, ({self.n_atoms}, 3), in Å"
            )
        if not np.isfinite(x).all():
            atom = int(np.flatnonzero(~np.isfinite(x).all(axis=1))[0])
            raise ChartError(f"atom {atom} (from 0) has a coordinate that is NaN or infinite")
        vectors = np.zeros((3, 3)) if cell is None else np.array(cell, dtype=np.float64)
        widths = [1.0 / size for size in np.linalg.norm(np.linalg.pinv(vectors), axis=0) if size]
        if widths and min(widths) < self.facts["narrowest_cell"]:
            raise ChartError(
                f"the cell is {min(widths):.2f} Å wide, the chart needs "
                f"{self.facts['narrowest_cell']:.2f} Å: make it wider, or not periodic"
            )
        return torch.from_numpy(x), torch.from_numpy(vectors)


class Harmonic:
    """The restraint ½ spring |CVs − centre|².

    Parameters
    ----------
    centre : array_like, shape (n_cvs,)
    spring
        Energy per CV².
    """

    def __init__(self, centre: ArrayLike, spring: float) -> None:
        self.centre = np.array(centre, dtype=np.float64)
        self.spring = spring

    def __call__(self, cvs: Array) -> tuple[float, Array]:
        """Return the energy, and its derivative by the CVs."""
        away = cvs - self.centre
        return 0.5 * self.spring * float(away @ away), self.spring * away
