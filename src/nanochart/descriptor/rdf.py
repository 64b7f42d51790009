"""The radial distribution function of a cluster, smooth in the positions.

    g(x) = 1 / (n_pairs σ √(2π))  Σ_{i<j} exp(−(x − d_ij)² / 2σ²)      in Å⁻¹

on the 500 points of ``linspace(0, 25, 500)`` Å with σ = 0.2 Å, as section 4.2 of the chart paper
and scikit-learn's ``KernelDensity`` have it.

Normalisation: the integral over all distances is 1. It is a density of distances: there is no
4πx² and no bulk density in it, because a cluster has no bulk; all the pairs of the cluster count,
those beyond the grid or the window too, so a window holds an integral below 1 when it cuts
something off (`density_outside`). In a periodic cell a pair counts once, with its nearest image.

The sum over Gaussians is a sum of cubic splines (`nanochart.descriptor.basis`), spread over knots
(`nanochart.descriptor.spreading`; `nanochart.descriptor.rdf_torch` for GPUs). The result differs
from the Gaussian sum by some 1e-6 of the peak and is twice continuously differentiable in the
positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanochart.descriptor.basis import (
    BANDWIDTH,
    PAPER_GRID,
    REDUCED_BANDWIDTH,
    REDUCED_GRID,
    RadialBasis,
    RdfGrid,
    Window,
)
from nanochart.descriptor.cell import cells_of, no_cells, own_cell
from nanochart.descriptor.spreading import fill_density
from nanochart.descriptor.windows import WINDOWS, density_outside, window_for
from nanochart.errors import NanochartError
from nanochart.positions import Structures, as_structures, symbol_of_every_atom

__all__ = [
    "BANDWIDTH",
    "PAPER_GRID",
    "REDUCED_BANDWIDTH",
    "REDUCED_GRID",
    "WINDOWS",
    "RadialBasis",
    "RdfGrid",
    "Window",
    "density_outside",
    "partial_rdf",
    "partial_rdf_of_positions",
    "rdf",
    "rdf_of_positions",
    "window_for",
]

#: Two elements, sorted by symbol.
ElementPair = tuple[str, str]

#: Structures that a thread takes at a time: a few MB, whatever the number of structures.
BLOCK = 1024


def rdf(
    structures: Structures,
    *,
    grid: RdfGrid | None = None,
    bandwidth: float | None = None,
    window: Window | None = None,
    length: float | None = None,
    cell: Any = None,
    threads: int | None = None,
    device: str | None = None,
) -> NDArray[np.float64]:
    """Return the radial distribution function of one or many clusters.

    See the head of this module for the equation and its normalisation. Time grows with the
    number of pairs, memory only with the result.

    Parameters
    ----------
    structures
        Positions in Å, shape (n_structures, n_atoms, 3) or (n_atoms, 3); an ``ase.Atoms`` or a
        list of them.
    grid
        The points at which the density is evaluated; the paper's by default, or `REDUCED_GRID`
        where a length is given.
    bandwidth
        σ of the Gaussian, at least two grid steps; 0.2 Å by default, or `REDUCED_BANDWIDTH`
        where a length is given.
    window
        Half-open range of bins to return (see `WINDOWS`); by default the whole grid.
    length
        For reduced units: the length (Å) that grid and bandwidth are told in, r0 of a metal or σ
        of a colloid; 1 if the positions are in σ already.
    cell
        For periodic boundaries: cell vectors in rows, shape (3, 3) or (n_structures, 3, 3), Å, or
        ``"own"`` for those of the ``ase.Atoms``; a row of zeros is a direction that is not
        periodic. Each pair counts with its nearest image. By default nothing is periodic, and a
        cluster across the faces of the cell of its ``ase.Atoms`` is put together.
    threads
        Number of threads, 1 by default. The result does not depend on it, nor on which
        structures are evaluated together.
    device
        A device of torch, such as ``"cuda"``, to compute on instead of in compiled loops.

    Returns
    -------
    ndarray of float64, shape (n_structures, n_bins), Å⁻¹ or 1/length

    Raises
    ------
    NanochartError
        The structures, the grid, the window, the bandwidth, the length, the cell or the device
        cannot be used. A cell must be at least twice as wide as the RDF reaches
        (`RadialBasis.longest_distance`): then the nearest image is the only one, and exact.
    """
    basis = _basis(grid, bandwidth, window, length)
    structures, cell = own_cell(structures, cell)
    positions, _ = as_structures(structures)
    if device is not None:
        from nanochart.descriptor.rdf_torch import rdf_on_device

        return rdf_on_device(positions, basis, device, cell=cell)
    return rdf_of_positions(positions, basis, cell=cell, threads=threads)


def partial_rdf(
    structures: Structures,
    *,
    species: str | Sequence[str] | None = None,
    grid: RdfGrid | None = None,
    bandwidth: float | None = None,
    window: Window | None = None,
    length: float | None = None,
    cell: Any = None,
    threads: int | None = None,
) -> tuple[NDArray[np.float64], tuple[ElementPair, ...]]:
    """Return the radial distribution functions of an alloy, one for each pair of elements.

    Each is divided by the number of *all* pairs, N (N − 1) / 2, so the partials sum to `rdf`, and
    the integral of one is its share of the pairs: n_A (n_A − 1) / (N (N − 1)) for A–A and
    2 n_A n_B / (N (N − 1)) for A–B. Divide by that share for the density of the A–B distances.

    Parameters
    ----------
    structures, grid, bandwidth, window, length, cell, threads
        As for `rdf`.
    species
        The chemical symbol of every atom, the same in all structures; known of ``ase.Atoms``.

    Returns
    -------
    density : ndarray of float64, shape (n_structures, n_pairs_of_elements, n_bins), Å⁻¹
        Zero for a pair of elements of which there is no pair of atoms.
    pairs : tuple of (str, str)
        The pairs of elements in alphabetical order: A–A, A–B, B–B.

    Raises
    ------
    NanochartError
        As `rdf`, or the elements are unknown or not as many as the atoms.
    """
    basis = _basis(grid, bandwidth, window, length)
    structures, cell = own_cell(structures, cell)
    positions, symbols = as_structures(structures, species=species)
    if symbols is None:
        raise NanochartError(
            "partial RDF: the elements are unknown; give species, one chemical symbol an atom"
        )
    density = partial_rdf_of_positions(positions, basis, symbols, cell=cell, threads=threads)
    return density, pairs_of_elements(symbols)


def pairs_of_elements(symbols: Sequence[str]) -> tuple[ElementPair, ...]:
    """Return the pairs of the elements there are, in alphabetical order: A–A, A–B, B–B."""
    return tuple(combinations_with_replacement(sorted(set(symbols)), 2))


def rdf_of_positions(
    positions: NDArray[Any],
    basis: RadialBasis,
    *,
    cell: Any = None,
    threads: int | None = None,
) -> NDArray[np.float64]:
    """Return the RDF of positions that were checked before.

    Parameters
    ----------
    positions : ndarray, shape (n_structures, n_atoms, 3), Å
    basis
        Grid, bandwidth, window and unit.
    cell
        Cell vectors, shape (3, 3) or (n_structures, 3, 3), Å, as for `rdf`.
    threads
        Number of threads, 1 by default.

    Returns
    -------
    ndarray of float64, shape (n_structures, n_bins), Å⁻¹ (1/length of the basis)

    Raises
    ------
    NanochartError
        A position is not finite, there is one atom only, or the cell cannot be used.
    """
    n_atoms = positions.shape[1]
    order, starts = np.arange(n_atoms), np.array([0, n_atoms])
    return _densities(positions, basis, order, starts, cell, threads)[:, 0]


def partial_rdf_of_positions(
    positions: NDArray[Any],
    basis: RadialBasis,
    symbols: Sequence[str],
    *,
    cell: Any = None,
    threads: int | None = None,
) -> NDArray[np.float64]:
    """Return the partial RDFs of positions that were checked before.

    Parameters
    ----------
    positions, basis, cell, threads
        As for `rdf_of_positions`.
    symbols
        The chemical symbol of every atom.

    Returns
    -------
    ndarray of float64, shape (n_structures, n_pairs_of_elements, n_bins), Å⁻¹
        Normalised and ordered as `partial_rdf` has it.

    Raises
    ------
    NanochartError
        As `rdf_of_positions`, or there is not one symbol an atom.
    """
    symbols = symbol_of_every_atom(symbols, positions.shape[1], where="RDF")
    elements, codes = np.unique(symbols, return_inverse=True)
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(len(elements) + 1))
    return _densities(positions, basis, order, starts, cell, threads)


def _densities(
    positions: NDArray[Any],
    basis: RadialBasis,
    order: NDArray[np.int64],
    starts: NDArray[np.int64],
    cell: Any,
    threads: int | None,
) -> NDArray[np.float64]:
    """Return the density of each pair of elements, block by block in threads.

    ``order`` puts the atoms of one element together, which start at ``starts`` and end at its last.
    """
    n_structures, n_atoms, _ = positions.shape
    if n_atoms < 2:
        raise NanochartError("RDF: one atom has no distances; at least 2 are needed")
    cells = no_cells() if cell is None else cells_of(cell, n_structures, basis.longest_distance)
    n_elements = len(starts) - 1
    density = np.empty((n_structures, n_elements * (n_elements + 1) // 2, basis.n_bins))
    n_threads = max(1, min(threads or 1, n_structures))
    size = max(1, min(BLOCK, -(-n_structures // n_threads)))

    def fill(start: int) -> None:
        rows = slice(start, start + size)
        # A copy even of float64: for arrays that are not writeable numba would compile all anew.
        block = np.array(positions[rows], dtype=np.float64, order="C")
        _check_finite(block, start)
        some = cells[rows]
        fill_density(
            block,
            order,
            starts,
            some.vectors,
            some.to_fractions,
            some.periodic,
            basis.knot_start * basis.length,
            basis.knot_step * basis.length,
            basis.kernel,
            basis.knots_per_step,
            density[rows],
        )

    blocks = range(0, n_structures, size)
    if n_threads == 1:
        for start in blocks:
            fill(start)
    else:
        with ThreadPoolExecutor(n_threads) as pool:
            list(pool.map(fill, blocks))
    return density


def _basis(
    grid: RdfGrid | None, bandwidth: float | None, window: Window | None, length: float | None
) -> RadialBasis:
    """Return the basis that was asked for: the paper's, or the reduced one, where nothing was."""
    reduced = length is not None
    if grid is None:
        grid = REDUCED_GRID if reduced else PAPER_GRID
    if bandwidth is None:
        bandwidth = REDUCED_BANDWIDTH if reduced else BANDWIDTH
    return RadialBasis(grid, bandwidth, window, 1.0 if length is None else length)


def _check_finite(positions: NDArray[np.float64], start: int) -> None:
    """Raise a NanochartError naming the first structure, counted from ``start``, with NaN."""
    finite = np.isfinite(positions).all(axis=(1, 2))
    if not finite.all():
        raise NanochartError(
            f"RDF: structure {start + int(finite.argmin())} has a coordinate that is NaN or "
            "infinite; remove it"
        )
