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
    saw anything; ``by_block`` (n_blocks, n_cells) the weights that each is the sum of.
    """

    share: Array
    share_error: Array
    free_energy: Array
    error: Array
    by_block: Array


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
    sums = np.bincount(flat, weights=weights[inside], minlength=n_blocks * n_cells)
    by_block = np.asarray(sums.reshape(n_blocks, n_cells), dtype=np.float64)
    of_block = np.bincount(blocks, weights=weights, minlength=n_blocks)
    whole = of_block.sum()
    share = by_block.sum(axis=0) / whole
    part = of_block / whole
    effective = 1.0 / float((part**2).sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        own = np.where(of_block[:, None] > 0, by_block / of_block[:, None], 0.0)
        variance = (part[:, None] ** 2 * (own - share) ** 2).sum(axis=0)
        # One block that outweighs all others says nothing of its own error.
        alone = effective <= 1.0 + 1e-9
        variance = np.full(n_cells, np.inf) if alone else variance * effective / (effective - 1.0)
        free = -kt * np.log(share)
        error = kt * np.sqrt(variance) / share
        # What only one block saw may have been seen by chance: nothing is known of its error.
        error[(by_block > 0).sum(axis=0) < 2] = np.inf
    lowest = free[np.isfinite(free)].min() if (share > 0).any() else 0.0
    return Estimate(share, np.sqrt(variance), free - lowest, error, by_block)


def difference(first: int, second: int, found: Estimate, kt: float) -> tuple[float, float]:
    """Return F(second) − F(first), eV, and its standard error by a jackknife over the blocks.

    It knows that one share rises as the other falls, as of two states that a run goes between, and
    that a logarithm is not linear: the error is infinite where a state is seen in one block only.
    """
    whole = found.by_block.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        # Rounding leaves something of a state that the block left out has alone.
        left = whole - found.by_block
        left[left < 1e-12 * whole] = 0.0
        free = -kt * np.log(whole[second] / whole[first])
        each = -kt * np.log(left[:, second] / left[:, first])
    if not np.isfinite(each).all():
        return float(free), np.inf
    n_blocks = len(each)
    return float(free), float(np.sqrt((n_blocks - 1) * each.var()))


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
