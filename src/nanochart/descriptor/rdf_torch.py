"""The RDF on any device of torch, differentiable: the spline sum of `nanochart.descriptor.rdf`.

Every pair adds its four B-spline weights to a histogram over the knots (an ``index_add``), and one
product with the coefficients turns histograms into densities: no array of pairs by bins. Structures
are taken some at a time; with gradients each of these parts is computed again on the way back, so
memory does not grow with the number of structures in either direction.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from nanochart.descriptor.basis import RadialBasis, cubic_pieces
from nanochart.descriptor.cell import cells_of
from nanochart.errors import NanochartError

#: Pairs of atoms taken at once: some 200 bytes each in float64, so 200 MB.
PAIRS_AT_ONCE = 1 << 20


class TorchRdf(nn.Module):
    """Positions in, RDF out, by operations of torch that autograd can follow (twice, too).

    Parameters
    ----------
    basis
        Grid, bandwidth, window and unit.
    pairs_at_once
        Pairs of atoms taken at once; bounds the memory.

    Notes
    -----
    Computes in the dtype and on the device of the positions. ``module.to(device)`` moves the
    coefficients there once. On CUDA the order of the additions, and so the last digits, may vary.
    """

    coefficients: Tensor

    def __init__(self, basis: RadialBasis, *, pairs_at_once: int = PAIRS_AT_ONCE) -> None:
        super().__init__()
        self.basis = basis
        self.pairs_at_once = pairs_at_once
        coefficients = torch.from_numpy(np.ascontiguousarray(basis.coefficients.T))
        self.register_buffer("coefficients", coefficients, persistent=False)  # (n_knots, n_bins)

    def forward(self, positions: Tensor, cell: Any = None) -> Tensor:
        """Return the RDF, shape (n_structures, n_bins), Å⁻¹ (1/length of the basis).

        Parameters
        ----------
        positions : Tensor of a floating dtype, shape (n_structures, n_atoms, 3), Å
        cell
            Cell vectors, shape (3, 3) or (n_structures, 3, 3), Å, as for
            `nanochart.descriptor.rdf.rdf`; constants to autograd.

        Raises
        ------
        NanochartError
            Shape or dtype are others, a position is not finite, or the cell cannot be used.
        """
        _check(positions)
        n_structures, n_atoms, _ = positions.shape
        pairs = torch.triu_indices(n_atoms, n_atoms, 1, device=positions.device)  # (2, n_pairs)
        size = max(1, self.pairs_at_once // pairs.shape[1])
        parts = [positions.split(size)]
        if cell is not None:
            cells = cells_of(cell, n_structures, self.basis.longest_distance)
            parts += [
                torch.from_numpy(one).to(positions).split(size)
                for one in (cells.vectors, cells.to_fractions, cells.periodic)
            ]
        tracked = positions.requires_grad and torch.is_grad_enabled() and n_structures > size
        densities = [
            checkpoint(self.density, pairs, *part, use_reentrant=False, preserve_rng_state=False)
            if tracked
            else self.density(pairs, *part)
            for part in zip(*parts, strict=True)
        ]
        return torch.cat(densities)

    def density(self, pairs: Tensor, positions: Tensor, *cells: Tensor) -> Tensor:
        """Return the RDF of positions that were checked before, by operations on tensors alone.

        So that the module can be traced (`nanochart.bias.exports`).

        Parameters
        ----------
        pairs : Tensor of int64, shape (2, n_pairs)
            The two atoms of every pair.
        positions : Tensor, shape (n_structures, n_atoms, 3), Å
        *cells : Tensor
            ``vectors``, ``to_fractions`` and ``periodic`` of `nanochart.descriptor.cell.Cells`,
            or nothing.
        """
        bonds = positions[:, pairs[0]] - positions[:, pairs[1]]  # (some, n_pairs, 3) Å
        if cells:
            vectors, to_fractions, periodic = cells
            turns = (bonds.detach() @ to_fractions).round() * periodic[:, None]
            bonds = bonds - turns @ vectors
        # A norm, not a root of squares: at distance zero its gradient is zero, not NaN.
        distances = torch.linalg.vector_norm(bonds, dim=2) / self.basis.length
        histogram = self._histogram(distances)
        return histogram @ self.coefficients.to(positions) / pairs.shape[1]

    def _histogram(self, distances: Tensor) -> Tensor:
        """Return the B-spline weights of distances, (some, n_pairs), summed over the knots."""
        basis = self.basis
        place = (distances - basis.knot_start) / basis.knot_step
        inside = (place >= 1.0) & (place < basis.n_knots - 2)  # no kernel reaches beyond
        place = torch.where(inside, place, 1.0)
        below = place.detach().floor()
        t = place - below
        rows = torch.arange(len(place), device=place.device)[:, None] * basis.n_knots
        knots = (rows + below.long() - 1).flatten()  # the first of a pair's four, of all rows
        histogram = place.new_zeros(len(place) * basis.n_knots)
        for offset, weight in enumerate(cubic_pieces(t)):
            histogram = histogram.index_add(0, knots + offset, (weight * inside).flatten())
        return histogram.view(len(place), basis.n_knots)


def rdf_on_device(
    positions: NDArray[Any], basis: RadialBasis, device: str, *, cell: Any = None
) -> NDArray[np.float64]:
    """Return the RDF of positions that were checked before, computed on a device in float64.

    Parameters
    ----------
    positions : ndarray, shape (n_structures, n_atoms, 3), Å
    basis, cell
        As for `nanochart.descriptor.rdf.rdf_of_positions`.
    device
        A device of torch: ``"cuda"``, ``"cuda:1"``, ``"cpu"``.

    Returns
    -------
    ndarray of float64, shape (n_structures, n_bins), Å⁻¹ (1/length of the basis)

    Raises
    ------
    NanochartError
        The device is not there, or as `rdf_of_positions`.
    """
    place = _device(device)
    n_structures, n_atoms, _ = positions.shape
    _check_number(n_atoms)
    module = TorchRdf(basis).to(place)
    density = np.empty((n_structures, basis.n_bins))
    if cell is not None:
        cells_of(cell, n_structures, basis.longest_distance)  # raises for all structures at once
        cell = np.broadcast_to(np.asarray(cell, dtype=np.float64), (n_structures, 3, 3))
    size = max(1, PAIRS_AT_ONCE // (n_atoms * (n_atoms - 1) // 2))
    with torch.no_grad():
        for start in range(0, n_structures, size):
            rows = slice(start, start + size)
            block = torch.from_numpy(np.array(positions[rows], dtype=np.float64)).to(place)
            density[rows] = module(block, None if cell is None else cell[rows]).cpu().numpy()
    return density


def _device(name: str) -> torch.device:
    """Return the device of a name, or raise where it cannot compute."""
    try:
        device = torch.device(name)
        torch.zeros(1, dtype=torch.float64, device=device)
    except (RuntimeError, TypeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        raise NanochartError(
            f"device {name!r}: torch {torch.__version__} cannot compute there ({reason}); "
            "leave the device out, or install a torch and a driver that have it"
        ) from None
    return device


def _check(positions: Tensor) -> None:
    """Raise a NanochartError unless these are positions of structures."""
    if positions.ndim != 3 or positions.shape[2] != 3 or not positions.is_floating_point():
        raise NanochartError(
            f"RDF: expected positions of a floating dtype, shape (n_structures, n_atoms, 3), got "
            f"{positions.dtype}, {tuple(positions.shape)}"
        )
    _check_number(positions.shape[1])
    finite = positions.isfinite().all(dim=2).all(dim=1)
    if not finite.all():
        raise NanochartError(
            f"RDF: structure {int(finite.int().argmin())} has a coordinate that is NaN or "
            "infinite; remove it"
        )


def _check_number(n_atoms: int) -> None:
    """Raise a NanochartError where there is no pair of atoms."""
    if n_atoms < 2:
        raise NanochartError("RDF: one atom has no distances; at least 2 are needed")
