"""Free energies against known answers: counting, harmonic windows, a double well."""

from __future__ import annotations

import numpy as np
import pytest

from nanochart.bias.free_energy import (
    block_numbers,
    cells_of,
    difference,
    effective_number,
    estimate,
    mbar,
    weights_of,
)
from nanochart.errors import NanochartError

KT = 0.03


def test_shares_of_independent_samples_have_the_binomial_s_error() -> None:
    rng = np.random.default_rng(1)
    n, share = 40_000, 0.2
    cells = (rng.random(n) < share).astype(int)
    found = estimate(cells, 2, np.ones(n), block_numbers([n], 50), KT)
    expected = np.sqrt(share * (1 - share) / n)
    assert found.share[1] == pytest.approx(share, abs=5 * expected)
    # 50 blocks tell a standard error to 10 %.
    assert found.share_error[1] == pytest.approx(expected, rel=0.4)
    free, error = difference(0, 1, found, KT)
    assert free == pytest.approx(KT * np.log(4), abs=5 * error)


def test_the_error_of_a_difference_knows_that_one_state_s_gain_is_the_other_s_loss() -> None:
    """A telegraph between two states: the spread of many runs' differences is the error told."""
    rng = np.random.default_rng(3)
    found = []
    for _ in range(300):
        flips = rng.random(4000) < 0.01
        cells = (np.cumsum(flips) + rng.integers(2)) % 2
        told = estimate(cells, 2, np.ones(4000), block_numbers([4000], 10), KT)
        found.append((*difference(0, 1, told, KT), *told.error))
    free, error, first, second = np.array(found).T
    assert np.sqrt((error**2).mean()) == pytest.approx(free.std(), rel=0.25)
    # As if they were independent, it would be told too small by some root of two.
    assert np.median(error / np.hypot(first, second)) == pytest.approx(np.sqrt(2), rel=0.1)


def test_a_difference_from_a_state_that_one_block_saw_has_no_error() -> None:
    cells = np.zeros(1000, dtype=int)
    cells[450:460] = 1
    told = estimate(cells, 3, np.ones(1000), block_numbers([1000], 10), KT)
    free, error = difference(0, 1, told, KT)
    assert free == pytest.approx(KT * np.log(99))
    assert error == np.inf
    assert difference(0, 2, told, KT) == (np.inf, np.inf)


def test_weights_undo_a_known_bias() -> None:
    rng = np.random.default_rng(2)
    # Drawn from a Gaussian round 0.5; the bias that did it, exp(−V/kT) = shifted / centred.
    x = rng.normal(0.5, 1.0, 200_000)
    exponents = 0.5 * ((x - 0.5) ** 2 - x**2)
    weights = weights_of(exponents)
    assert weights.sum() == pytest.approx(1.0)
    assert float(weights @ x) == pytest.approx(0.0, abs=0.02)
    # ⟨w⟩²/⟨w²⟩ of log-normal weights of variance 1/4.
    assert effective_number(weights) / len(x) == pytest.approx(np.exp(-0.25), rel=0.05)
    edges = [np.linspace(-2, 2, 21)]
    found = estimate(cells_of(x[:, None], edges), 20, weights, block_numbers([len(x)], 20), KT)
    middle = 0.5 * (edges[0][1:] + edges[0][:-1])
    expected = KT * 0.5 * middle**2
    away = found.free_energy - expected - (found.free_energy - expected)[10]
    assert np.abs(away).max() < 0.06 * KT + 5 * found.error.max()


def test_cells_of_a_grid_and_outside_it() -> None:
    edges = [np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0])]
    values = np.array([[0.5, 0.5], [1.0, 0.0], [2.0, 1.0], [2.1, 0.5], [-0.1, 0.5]])
    assert cells_of(values, edges).tolist() == [0, 1, 1, -1, -1]


def test_mbar_joins_harmonic_windows() -> None:
    # Windows exp[−½ k_i (x − c_i)²] of a flat line: F_i = ½ ln k_i, up to a constant.
    rng = np.random.default_rng(3)
    centres, springs = np.array([0.0, 1.0, 2.0]), np.array([1.0, 4.0, 2.0])
    counts = np.array([4000, 6000, 2000])
    x = np.concatenate(
        [rng.normal(c, k**-0.5, n) for c, k, n in zip(centres, springs, counts, strict=True)]
    )
    reduced = 0.5 * springs[:, None] * (x - centres[:, None]) ** 2
    free, exponents = mbar(reduced, counts)
    np.testing.assert_allclose(free, 0.5 * np.log(springs / springs[0]), atol=0.05)
    # Without a bias the line is flat: equal shares of its two halves in the middle.
    weights = np.exp(exponents)
    halves = [weights[(x > low) & (x < low + 0.8)].sum() for low in (0.2, 1.0)]
    assert halves[0] == pytest.approx(halves[1], rel=0.1)


def test_mbar_of_one_window_is_plain_reweighting() -> None:
    reduced = np.random.default_rng(0).random((1, 50))
    free, exponents = mbar(reduced, np.array([50]))
    assert free.tolist() == [0.0]
    np.testing.assert_allclose(np.exp(exponents), weights_of(reduced[0]), rtol=1e-10)


@pytest.mark.parametrize(("lengths", "n_blocks"), [([100], 1), ([100, 3], 5), ([], 5)])
def test_too_few_blocks_or_samples_are_refused(lengths: list[int], n_blocks: int) -> None:
    with pytest.raises(NanochartError, match="at least two blocks"):
        block_numbers(lengths, n_blocks)


def test_what_only_one_block_saw_has_no_error_to_tell() -> None:
    cells = np.array([0, 1, 0, 0, 0, 0])
    found = estimate(cells, 2, np.ones(6), block_numbers([6], 3), KT)
    assert np.isfinite(found.error[0])
    assert np.isinf(found.error[1])


def test_one_block_with_all_the_weight_has_no_error_to_tell() -> None:
    weights = np.array([1.0, 1.0, 0.0, 0.0])
    found = estimate(np.array([0, 1, 0, 1]), 2, weights, block_numbers([4], 2), KT)
    assert np.isinf(found.error).all()
