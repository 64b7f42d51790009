"""MBAR: samples of several ensembles joined into one, whatever makes the ensembles differ.

With N_k samples of ensemble k and u_k(x) the reduced energy of x there, the free energies f_k and
the weights of the samples follow from

    Σ_x exp[f_k − u_k(x)] / mixture(x) = 1,    mixture(x) = Σ_k N_k exp[f_k − u_k(x)]

(Shirts & Chodera, J. Chem. Phys. 129, 124105 (2008)): the minimum of a convex function, found by
Newton's method, or by the plain iteration wherever Newton's step overshoots.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from nanochart.errors import NanochartError

Floats = NDArray[np.float64]

#: How near one the sums above must come, and after how many steps it is given up.
_TOLERANCE, _MOST_STEPS = 1e-9, 2_000
#: The overlap of ensembles is a stochastic matrix with one eigenvalue 1; with a second, two groups
#: of them share nothing, and any difference between their free energies solves the equations.
_LEAST_GAP = 1e-8


def solve_mbar(
    reduced: Floats, sampled: Floats, repeats: Floats | None = None, *, start: Floats | None = None
) -> tuple[Floats, Floats]:
    """Return the free energies of ensembles, and the logarithm of the mixture at every sample.

    Parameters
    ----------
    reduced : ndarray, shape (n_ensembles, n_samples)
        u_k(x), in k_B T of its ensemble.
    sampled : ndarray, shape (n_ensembles,)
        N_k, all above zero.
    repeats : ndarray, shape (n_samples,)
        How often each sample was seen; once, if not given. They sum to that of ``sampled``.
    start : ndarray, shape (n_ensembles,)
        Free energies to begin with.

    Returns
    -------
    free_energies : ndarray, shape (n_ensembles,)
        f_k; the first is 0.
    log_mixture : ndarray, shape (n_samples,)
        A sample's weight in an ensemble of reduced energy u is repeats · exp(−u) / mixture,
        up to normalisation.

    Raises
    ------
    NanochartError
        The ensembles overlap too little for an answer.
    """
    repeats = np.ones(reduced.shape[1]) if repeats is None else repeats
    log_sampled = np.log(sampled)
    free = np.zeros(len(sampled)) if start is None else start - start[0]
    log_mixture, shares, sums = _at(free, reduced, log_sampled, repeats)
    for _ in range(_MOST_STEPS):
        distance = np.abs(sums - 1.0).max()
        if distance < _TOLERANCE:
            if _joined(shares, sampled, repeats):
                return free, log_mixture
            break
        # The gradient is N_k (sums − 1), and this its derivative in f.
        hessian = -(shares * repeats) @ shares.T * np.outer(sampled, sampled)
        hessian[np.diag_indices_from(hessian)] += sampled * sums
        gradient = sampled * (sums - 1.0)
        step = np.zeros_like(free)
        step[1:] = np.linalg.lstsq(hessian[1:, 1:], gradient[1:], rcond=None)[0]
        found = _at(free - step, reduced, log_sampled, repeats)
        if not np.abs(found[2] - 1.0).max() < 0.5 * distance:
            step = np.log(sums) - np.log(sums[0])
            found = _at(free - step, reduced, log_sampled, repeats)
        free = free - step
        log_mixture, shares, sums = found
    raise NanochartError(
        "the ensembles overlap too little to be joined by MBAR; "
        "add temperatures or windows between them, or sample longer"
    )


def _at(
    free: Floats, reduced: Floats, log_sampled: Floats, repeats: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return the log mixture, each ensemble's share of it per sample, and the sums to become 1."""
    log_mixture = logsumexp((log_sampled + free)[:, None] - reduced, axis=0)
    with np.errstate(over="ignore"):  # a step far too long: its sums are infinite, and refused
        shares = np.exp(free[:, None] - reduced - log_mixture)
        sums = shares @ repeats
    return log_mixture, shares, sums


def _joined(shares: Floats, sampled: Floats, repeats: Floats) -> bool:
    """Return whether every ensemble is connected to every other through samples both would have."""
    if len(sampled) == 1:
        return True
    overlap = (shares * repeats) @ shares.T * np.sqrt(np.outer(sampled, sampled))
    return bool(1.0 - np.linalg.eigvalsh(overlap)[-2] > _LEAST_GAP)
