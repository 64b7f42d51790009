"""MBAR against harmonic ensembles, whose free energies are known, from a poor start too."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from nanochart.errors import NanochartError
from nanochart.sampling.mbar import solve_mbar

CENTRES, SPRINGS = np.array([0.0, 1.5, 3.0]), np.array([1.0, 4.0, 2.0])
SAMPLED = np.array([3000.0, 5000.0, 2000.0])


def windows(centres: np.ndarray) -> np.ndarray:
    """Return u_k(x) of samples of each window, that of exp[−½ s_k (x − c_k)²]."""
    rng = np.random.default_rng(8)
    x = np.concatenate(
        [rng.normal(c, s**-0.5, int(n)) for c, s, n in zip(centres, SPRINGS, SAMPLED, strict=True)]
    )
    return np.asarray(0.5 * SPRINGS[:, None] * (x - centres[:, None]) ** 2)


@pytest.mark.parametrize("start", [None, np.array([0.0, 40.0, -700.0])])
def test_free_energies_of_harmonic_windows(start: np.ndarray | None) -> None:
    free, log_mixture = solve_mbar(windows(CENTRES), SAMPLED, start=start)
    np.testing.assert_allclose(free, 0.5 * np.log(SPRINGS / SPRINGS[0]), atol=0.05)
    # What defines them: every ensemble's weights add up to one.
    weights = np.exp(free[:, None] - windows(CENTRES) - log_mixture)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-8)


def test_a_sample_repeated_is_two_samples() -> None:
    reduced = windows(CENTRES)
    repeats = np.random.default_rng(0).integers(0, 3, reduced.shape[1])
    edges = np.concatenate([[0], np.cumsum(SAMPLED)]).astype(int)
    sampled = np.array([repeats[a:b].sum() for a, b in itertools.pairwise(edges)])
    counted, _ = solve_mbar(reduced, sampled.astype(float), repeats.astype(float))
    written, _ = solve_mbar(np.repeat(reduced, repeats, axis=1), sampled.astype(float))
    np.testing.assert_allclose(counted, written, atol=1e-9)


def test_windows_that_nothing_connects_are_refused() -> None:
    with pytest.raises(NanochartError, match="overlap too little"):
        solve_mbar(windows(np.array([0.0, 100.0, 200.0])), SAMPLED)
