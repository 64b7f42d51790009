"""From biased samples to free energies: weights, surfaces, populations of families, their errors.

A sample that felt the bias V counts exp[(V − c(t))/kT] times (Tiwary & Parrinello, J. Phys. Chem. B
119, 736 (2015)), or by the bias at the end, exp[V_end/kT] (Branduardi, Bussi & Parrinello, J. Chem.
Theory Comput. 8, 2247 (2012)). Windows are joined by MBAR. Errors are those of the mean over
blocks of time, weighed by what each contributes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from nanochart.errors import NanochartError
from nanochart.sampling.mbar import solve_mbar

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """Shares of a whole and their free energies.

    ``share``, ``share_error`` (...); ``free_energy`` −kT ln share, eV, the lowest 0, infinite where
    nothing was; ``error`` its standard error from blocks, eV, infinite where fewer than two blocks
    saw anything; ``deviations`` (n_blocks, ...) of each block's share from the whole, relative and
    weighed so that the root of the sum of their squares is the relative error of the share.
    """

    share: Array
    share_error: Array
    free_energy: Array
    error: Array
    deviations: Array


def weights_of(exponents: Array) -> Array:
    """Return weights exp(exponents), normalised, of samples."""
    return np.asarray(np.exp(exponents - logsumexp(exponents)))


def effective_number(weights: Array) -> float:
    """Return Kish's effective number of samples, (Σ w)² / Σ w²."""
    return float(weights.sum() ** 2 / (weights**2).sum())


def block_numbers(lengths: Sequence[int], n_blocks: int) -> NDArray[np.int64]:
    """Return the block of each sample: every run is cut into blocks of time of its own.

    Parameters
    ----------
    lengths
        Samples of each run.
    n_blocks
        Of each run.

    Raises
    ------
    NanochartError
        Fewer than two blocks, or a run has fewer samples than blocks.
    """
    if n_blocks < 2 or min(lengths, default=0) < n_blocks:
        raise NanochartError(
            f"blocks = {n_blocks}: an error needs at least two blocks, and a sample in each; the "
            f"shortest run has {min(lengths, default=0)} samples"
        )
    parts = [np.arange(n) * n_blocks // n + run * n_blocks for run, n in enumerate(lengths)]
    return np.asarray(np.concatenate(parts), dtype=np.int64)


def estimate(
    cells: NDArray[np.integer], n_cells: int, weights: Array, blocks: NDArray[np.int64], kt: float
) -> Estimate:
    """Return the share of each cell among weighted samples, with errors by blocks.

    Parameters
    ----------
    cells : ndarray of int, shape (n_samples,)
        Which cell a sample is in; negative: in none, though it counts in the whole.
    n_cells
        How many there are.
    weights, blocks : ndarray, shape (n_samples,)
        Of the samples.
    kt
        eV.
    """
    n_blocks = int(blocks.max()) + 1
    inside = cells >= 0
    flat = blocks[inside] * n_cells + cells[inside]
    by_block = np.bincount(flat, weights=weights[inside], minlength=n_blocks * n_cells)
    by_block = by_block.reshape(n_blocks, n_cells)
    of_block = np.bincount(blocks, weights=weights, minlength=n_blocks)
    whole = of_block.sum()
    share = by_block.sum(axis=0) / whole
    part = of_block / whole
    effective = 1.0 / float((part**2).sum())
    # One block that outweighs all others says nothing of its own error.
    spread = np.inf if effective <= 1.0 + 1e-9 else np.sqrt(effective / (effective - 1.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        own = np.where(of_block[:, None] > 0, by_block / of_block[:, None], 0.0)
        deviations = spread * part[:, None] * (own - share) / share
        free = -kt * np.log(share)
        relative = _length(deviations)
        share_error = np.where(share > 0, relative * share, 0.0)
    # What only one block saw may have been seen by chance: nothing is known of its error.
    relative[(by_block > 0).sum(axis=0) < 2] = np.inf
    lowest = free[np.isfinite(free)].min() if (share > 0).any() else 0.0
    return Estimate(share, share_error, free - lowest, kt * relative, deviations)


def difference(first: int, second: int, found: Estimate, kt: float) -> tuple[float, float]:
    """Return F(second) − F(first), eV, and its error by blocks.

    Where one share rises as the other falls, as of two states that a run goes between, that is more
    than the errors of both joined as independent ones.
    """
    free = float(-kt * np.log(found.share[second] / found.share[first]))
    error = kt * float(_length(found.deviations[:, second] - found.deviations[:, first]))
    known = np.isfinite(found.error[[first, second]]).all()
    return free, error if known else np.inf


def _length(columns: Array) -> Array:
    """Return the root of the sum of the squares of each column; infinite where it is not known."""
    length = np.sqrt((columns**2).sum(axis=0))
    return np.where(np.isnan(length), np.inf, length)


def crossings(cells: NDArray[np.integer], first: int, second: int) -> int:
    """Return how often a run went from one cell to another, or back, whatever lay between.

    Half of it, rounded down, is the number of round trips.
    """
    ends = cells[(cells == first) | (cells == second)]
    return int(np.count_nonzero(np.diff(ends)))


def cells_of(values: Array, edges: Sequence[Array]) -> NDArray[np.int64]:
    """Return the flat cell of values (n, n_variables) on a grid of edges; −1 outside it."""
    cell = np.zeros(len(values), dtype=np.int64)
    outside = np.zeros(len(values), dtype=bool)
    for column, own in zip(values.T, edges, strict=True):
        place = np.searchsorted(own, column, side="right") - 1
        place[column == own[-1]] = len(own) - 2
        outside |= (place < 0) | (place > len(own) - 2)
        cell = cell * (len(own) - 1) + np.clip(place, 0, len(own) - 2)
    cell[outside] = -1
    return cell


def mbar(reduced: Array, counts: NDArray[np.integer]) -> tuple[Array, Array]:
    """Join samples of several biased runs.

    Parameters
    ----------
    reduced : ndarray, shape (n_runs, n_samples)
        Bias energy over kT of every sample in the bias of every run.
    counts : ndarray of int, shape (n_runs,)
        How many of the samples come from each; in that order.

    Returns
    -------
    free_energies : ndarray, shape (n_runs,)
        Of the biased ensembles, in kT; the first is 0.
    exponents : ndarray, shape (n_samples,)
        Logarithms of the samples' weights without a bias, normalised.

    Raises
    ------
    NanochartError
        The runs overlap too little.
    """
    if reduced.shape != (len(counts), int(np.sum(counts))) or not (np.asarray(counts) > 0).all():
        raise NanochartError("mbar: every run needs samples, and every sample its bias in each run")
    free, log_mixture = solve_mbar(reduced, np.asarray(counts, dtype=np.float64))
    return free, -log_mixture - logsumexp(-log_mixture)
