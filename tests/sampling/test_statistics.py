"""Statistics of PTMD against systems whose thermodynamics is known in closed form."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nanochart.errors import NanochartError
from nanochart.sampling.reweighting import energy_bins, reweighting
from nanochart.sampling.statistics import (
    bootstrap_repeats,
    halves_differ,
    inefficiency,
    poor_pairs,
    populations,
    round_trips,
    suggested_ladder,
    thermodynamics,
)
from nanochart.units import BOLTZMANN

N_ATOMS = 20
#: Half the vibrations of a cluster: U of harmonic oscillators is a gamma variable of this shape.
SHAPE = 0.5 * (3 * N_ATOMS - 6)
LADDER = np.array([300.0, 330.0, 363.0, 399.0, 439.0])
#: A second basin, 0.3 eV higher and e⁹ times wider: half and half at 0.3/(9 k_B) = 387 K.
GAP, LOG_WIDTH = 0.3, 9.0


def harmonic(n_cycles: int, ladder: np.ndarray, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.gamma(SHAPE, BOLTZMANN * ladder, (n_cycles, len(ladder))) - 50.0


def two_states(n_cycles: int, ladder: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    upper = (rng.random((n_cycles, len(ladder))) < upper_share(ladder)).astype(np.int64)
    return harmonic(n_cycles, ladder, seed + 1) + GAP * upper, upper


def upper_share(temperatures: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(GAP / (BOLTZMANN * temperatures) - LOG_WIDTH))


def test_harmonic_oscillators_have_their_heat_capacity_and_free_energies() -> None:
    energies = harmonic(4000, LADDER)
    found = thermodynamics(energies, LADDER, N_ATOMS, temperatures=np.linspace(300, 439, 15))
    expected = SHAPE / N_ATOMS + 1.5  # k_B an atom, at every temperature
    heat = found.heat_capacity
    assert (heat.errors < 0.02).all()
    assert (np.abs(heat.values - expected) < 4 * heat.errors + 1e-3).all()
    means = SHAPE * BOLTZMANN * heat.temperatures - 50.0
    assert (np.abs(found.mean_energy.values - means) < 4 * found.mean_energy.errors + 1e-4).all()
    # Z ∝ T^shape, and the zero of energy costs 50 eV·β: here from the lowest energy of all.
    free = found.solved.free_energies + (energies.min() + 50.0) / (BOLTZMANN * LADDER)
    assert np.allclose(free - free[0], -SHAPE * np.log(LADDER / LADDER[0]), atol=0.02)


def test_two_basins_change_over_where_they_should() -> None:
    energies, basin = two_states(6000, LADDER, seed=3)
    wanted = np.linspace(300, 439, 60)
    kinds = {"basin": (basin, 2), "other": (1 - basin, 2)}
    found = thermodynamics(energies, LADDER, N_ATOMS, temperatures=wanted, groups=kinds)
    shares = found.populations["basin"]
    np.testing.assert_allclose(found.populations["other"].values, shares.values[:, ::-1])
    np.testing.assert_allclose(shares.values.sum(axis=1), 1.0)
    assert (np.abs(shares.values[:, 1] - upper_share(wanted)) < 4 * shares.errors[:, 1]).all()
    assert (shares.errors < 0.02).all()
    # Schottky: the fluctuation of a two-level system on top of the vibrations.
    p = upper_share(wanted)
    schottky = (GAP / (BOLTZMANN * wanted)) ** 2 * p * (1 - p) / N_ATOMS
    heat = found.heat_capacity
    assert (np.abs(heat.values - 1.5 - SHAPE / N_ATOMS - schottky) < 4 * heat.errors + 2e-3).all()
    dense = np.linspace(300, 439, 5000)
    q = upper_share(dense)
    peak = dense[np.argmax((GAP / dense) ** 2 * q * (1 - q))]
    assert found.melting_error < 4.0
    assert found.melting_temperature == pytest.approx(peak, abs=4 * found.melting_error)


def test_temperatures_between_two_rungs_are_as_good_as_rungs() -> None:
    # Leave out the middle rung; MBAR must give what was sampled there.
    energies, basin = two_states(8000, LADDER, seed=11)
    kept = [0, 1, 3, 4]
    found = thermodynamics(
        energies[:, kept], LADDER[kept], N_ATOMS, temperatures=LADDER[2:3],
        groups={"basin": (basin[:, kept], 2)},
    )  # fmt: skip
    shares = found.populations["basin"]
    error = float(shares.errors[0, 1])
    there = basin[:, 2].mean()
    assert shares.values[0, 1] == pytest.approx(there, abs=4 * error + 0.01)


def test_pymbar_says_the_same(require_oracle: Callable[[str], Any]) -> None:
    pymbar = require_oracle("pymbar")
    energies, basin = two_states(600, LADDER, seed=7)
    wanted = np.array([345.0, 387.0, 420.0])
    found = thermodynamics(
        energies, LADDER, N_ATOMS, temperatures=wanted, groups={"basin": (basin, 2)}
    )
    above = (energies - energies.min()).T.ravel()  # of each temperature in turn
    mbar = pymbar.MBAR(above / (BOLTZMANN * LADDER[:, None]), np.full(len(LADDER), 600))
    free = found.solved.free_energies
    np.testing.assert_allclose(free - free[0], mbar.f_k - mbar.f_k[0], atol=2e-3)
    for i, kelvin in enumerate(wanted):
        there = above / (BOLTZMANN * kelvin)
        values = np.stack([above, above**2, basin.T.ravel().astype(float)])
        mean, square, share = (
            mbar.compute_expectations(one, u_kn=there)["mu"][0] for one in values
        )
        assert found.mean_energy.values[i] - energies.min() == pytest.approx(mean, abs=1e-3)
        assert found.populations["basin"].values[i, 1] == pytest.approx(share, abs=2e-3)
        variance = (square - mean**2) / (BOLTZMANN * kelvin) ** 2
        heat = 1.5 + variance / N_ATOMS  # kinetic and potential, k_B an atom
        assert found.heat_capacity.values[i] == pytest.approx(heat, rel=2e-3)


def test_errors_are_withheld_where_bootstrap_samples_fall_apart() -> None:
    # One cycle in forty connects two temperatures: a third of the samples do not have it.
    rng = np.random.default_rng(0)
    energies = np.stack([rng.uniform(-50, -49, 40), rng.uniform(-46.2, -45, 40)], axis=1)
    energies[7] = -46.0, -46.1
    found = thermodynamics(energies, np.array([300.0, 600.0]), N_ATOMS)
    assert 40 < found.n_samples < 90
    assert np.isfinite(found.heat_capacity.values).all()
    assert np.isnan(found.heat_capacity.errors).all()
    assert np.isnan(found.melting_error)
    lonely = energies[6:8]  # of two cycles one
    assert np.isnan(thermodynamics(lonely, np.array([300.0, 600.0]), N_ATOMS).melting_error)


def test_bootstrap_errors_are_the_scatter_of_independent_runs_also_when_correlated() -> None:
    def run(seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        state = np.empty((2000, 1), dtype=np.int64)
        state[0] = rng.random() < 0.5
        jumps = rng.random(2000) < 0.05  # a symmetric two-state chain: correlated over 10 steps
        state[1:, 0] = (state[0, 0] + np.cumsum(jumps[1:])) % 2
        return state

    found = [populations(run(seed), np.array([300.0]), 2) for seed in range(80)]
    scatter = np.std([one.values[0, 1] for one in found], ddof=1)
    claimed = np.mean([one.errors[0, 1] for one in found])
    assert scatter > 2 * 0.5 / np.sqrt(2000)  # correlation counts
    assert claimed == pytest.approx(scatter, rel=0.3)


def test_blocks_are_drawn_whole_and_all_cycles_count_once_on_average() -> None:
    repeats = bootstrap_repeats(103, n_samples=400, n_blocks=10)
    assert repeats.shape == (400, 103)
    assert (repeats[:, :11] == repeats[:, :1]).all()
    assert repeats.mean() == pytest.approx(1.0, abs=0.02)


def test_halves_and_groups_left_out() -> None:
    groups = np.array([[0], [0], [1], [-1]])
    np.testing.assert_allclose(halves_differ(groups, 2), [[1.0, 1.0]])
    np.testing.assert_allclose(populations(groups, np.array([1.0]), 2).values, [[2 / 3, 1 / 3]])


def test_acceptance_is_the_mean_of_metropolis_factors() -> None:
    energies = harmonic(3000, LADDER, seed=5)
    solved = reweighting(energy_bins(energies, LADDER))
    rng = np.random.default_rng(0)
    for i, j in ((0, 1), (0, 3), (2, 4)):
        cold, hot = (rng.gamma(SHAPE, BOLTZMANN * LADDER[k], 200_000) for k in (i, j))
        difference = (1 / LADDER[i] - 1 / LADDER[j]) / BOLTZMANN
        direct = np.minimum(1.0, np.exp(difference * (cold - hot))).mean()
        assert solved.acceptance(LADDER[i], LADDER[j]) == pytest.approx(direct, abs=0.01)


def test_the_ladder_of_a_constant_heat_capacity_is_geometric() -> None:
    solved = reweighting(energy_bins(harmonic(4000, LADDER, seed=6), LADDER))
    ladder, acceptance = suggested_ladder(solved, 300.0, 439.0, n_temperatures=6)
    assert len(ladder) == 6
    np.testing.assert_allclose(ladder, np.geomspace(300, 439, 6), rtol=3e-3)
    for colder, hotter in itertools.pairwise(ladder):
        assert solved.acceptance(colder, hotter) == pytest.approx(acceptance, abs=0.005)
    with pytest.raises(NanochartError, match="two temperatures or more"):
        suggested_ladder(solved, 400.0, 300.0, n_temperatures=5)


def test_ladders_without_overlap_or_energies_are_told() -> None:
    far = np.array([100.0, 1000.0])
    with pytest.raises(NanochartError, match="100 and 1000 K do not overlap"):
        thermodynamics(harmonic(50, far), far, N_ATOMS)
    with pytest.raises(NanochartError, match="all of them finite"):
        energy_bins(np.full((3, 2), np.nan), far)
    with pytest.raises(NanochartError, match="covers 300 to 439 K"):
        thermodynamics(harmonic(50, LADDER), LADDER, N_ATOMS, temperatures=np.array([500.0]))


def test_the_inefficiency_of_a_correlated_series() -> None:
    rng, rho = np.random.default_rng(0), 0.8
    series = np.zeros(100_000)
    kicks = rng.normal(size=series.size)
    for i in range(1, series.size):
        series[i] = rho * series[i - 1] + kicks[i]
    assert inefficiency(series) == pytest.approx((1 + rho) / (1 - rho), rel=0.1)
    assert inefficiency(kicks) == pytest.approx(1.0, abs=0.05)
    assert inefficiency(np.ones(10)) == 1.0
    assert np.isnan(inefficiency(np.ones(3)))


def test_round_trips_begin_and_end_cold() -> None:
    # Three temperatures; walker 0 goes up, down, up, down; walker 2 begins hot: down is no trip.
    walkers = np.array([[0, 1, 2], [1, 0, 2], [1, 2, 0], [2, 1, 0], [1, 0, 2], [0, 1, 2]])
    found = round_trips(walkers)
    assert (found.n_trips, found.walked) == (1, 1)
    assert found.time == 18.0
    assert round_trips(walkers[:3]).time == np.inf
    assert round_trips(walkers[:, :1]).n_trips == 0


def test_pairs_that_hardly_swap_are_found_once_they_tried() -> None:
    attempted, accepted = np.array([100, 100, 10]), np.array([4, 5, 0])
    assert poor_pairs(attempted, accepted, LADDER[:4]) == [(300.0, 330.0, 0.04)]
