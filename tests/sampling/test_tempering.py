"""PTMD against the Metropolis rule, the Boltzmann distribution, and itself cut in pieces."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase.cluster import Icosahedron
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import constants

from nanochart.errors import NanochartError
from nanochart.parallel import workers
from nanochart.sampling.lammps import Engine
from nanochart.sampling.potentials import lennard_jones
from nanochart.sampling.rgl import rgl
from nanochart.sampling.tempering import (
    PtmdSettings,
    Replicas,
    Snapshots,
    initial_replicas,
    ptmd,
    swapped,
    timestep_error,
)

KELVIN = constants.k / constants.e  # eV
GOLD = rgl("Au")
ICOSAHEDRON = Icosahedron("Au", 2, latticeconstant=np.sqrt(2.0) * GOLD.r0).positions


def replicas_at(energies: list[float], *, cycle: int = 0, seed: int = 0) -> Replicas:
    """Return replicas of two atoms with these energies; row i is recognised by its numbers."""
    n = len(energies)
    velocities = np.random.default_rng(seed).normal(size=(n, 2, 3))
    return Replicas(
        positions=np.arange(6.0 * n).reshape(n, 2, 3),
        velocities=velocities,
        energies=np.array(energies),
        walkers=np.arange(n),
        swap_attempts=np.zeros(n - 1, dtype=np.int64),
        swap_accepts=np.zeros(n - 1, dtype=np.int64),
        species_attempts=np.zeros(n, dtype=np.int64),
        species_accepts=np.zeros(n, dtype=np.int64),
        cycle=cycle,
    )


@pytest.mark.parametrize(
    ("colder", "hotter"), [(-1.0, -0.99), (-1.0, -0.95), (-1.0, -0.90), (-0.9, -1.0), (0.5, 0.5)]
)
def test_swaps_are_accepted_as_metropolis_says(colder: float, hotter: float) -> None:
    low, high, n = 300.0, 400.0, 3000
    ladder = PtmdSettings(temperatures=(low, high), seed=11)
    accepted = sum(
        swapped(replicas_at([colder, hotter], cycle=2 * i), ladder).walkers[0] == 1
        for i in range(n)
    )
    # Ratio of the two joint Boltzmann weights, after to before the exchange.
    before = -colder / (KELVIN * low) - hotter / (KELVIN * high)
    after = -hotter / (KELVIN * low) - colder / (KELVIN * high)
    expected = min(1.0, np.exp(after - before))
    assert accepted / n == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / n))


@settings(deadline=None)
@given(
    energies=st.lists(st.floats(-2, 2), min_size=2, max_size=7),
    cycle=st.integers(0, 10**6),
    seed=st.integers(0, 2**63),
)
def test_a_swap_loses_nothing_and_keeps_every_temperature(
    energies: list[float], cycle: int, seed: int
) -> None:
    ladder = PtmdSettings(temperatures=tuple(200.0 + 37 * i for i in range(len(energies))))
    before = replicas_at(energies, cycle=cycle)
    after = swapped(before, replace(ladder, seed=seed))
    order = after.walkers
    assert sorted(order) == list(range(len(energies)))
    assert np.array_equal(after.positions, before.positions[order])
    assert np.array_equal(after.energies, before.energies[order])
    kelvin = np.array(ladder.temperatures)
    # mv²/T of every atom is what it was at the other temperature, and so is the direction.
    assert np.allclose(
        after.velocities / np.sqrt(kelvin)[:, None, None],
        (before.velocities / np.sqrt(kelvin)[:, None, None])[order],
        rtol=1e-12,
    )
    moved = np.abs(order - np.arange(len(energies)))
    assert moved.max() <= 1  # neighbours only
    pairs = np.arange(len(energies) - 1)
    assert np.array_equal(after.swap_attempts, pairs % 2 == cycle % 2)
    assert np.array_equal(np.flatnonzero(after.swap_accepts), np.flatnonzero(np.diff(order) == -1))
    assert after.cycle == before.cycle  # the cycle is done when the dynamics are


def test_swaps_depend_on_the_runs_seed() -> None:
    def walks(seed: int) -> list[int]:
        ladder = PtmdSettings(temperatures=(300.0, 330.0), seed=seed)
        return [
            int(swapped(replicas_at([-1.0, -0.9], cycle=2 * i), ladder).walkers[0])
            for i in range(100)
        ]

    assert walks(1) == walks(1)
    assert walks(1) != walks(2)  # alike by chance: < 0.7^100


RUN = PtmdSettings(temperatures=(200.0, 300.0, 420.0), n_steps=40, damping=0.2, seed=5)


def run(state: Replicas, n_cycles: int, **options: object) -> list[tuple[Replicas, Snapshots]]:
    return list(ptmd(state, RUN, GOLD, n_cycles=n_cycles, **options))


def assert_same_bits(one: Replicas | Snapshots, other: Replicas | Snapshots) -> None:
    for name in type(one).__dataclass_fields__:
        assert np.array_equal(getattr(one, name), getattr(other, name)), name


def test_cut_off_and_resumed_from_its_arrays_a_run_gives_the_same_bits() -> None:
    start = initial_replicas([ICOSAHEDRON], RUN, GOLD)
    whole = run(start, 6)
    assert [state.cycle for state, _ in whole] == [1, 2, 3, 4, 5, 6]
    first = run(start, 2)
    kept = {name: array.copy() for name, array in first[-1][0].arrays().items()}
    resumed = first + run(Replicas.from_arrays(kept), 6)
    assert len(resumed) == 6
    for (one, one_snapshots), (other, other_snapshots) in zip(whole, resumed, strict=True):
        assert_same_bits(one, other)
        assert_same_bits(one_snapshots, other_snapshots)
    assert run(whole[-1][0], 6) == []


def test_two_workers_give_the_same_bits_as_none() -> None:
    start = initial_replicas([ICOSAHEDRON, 1.02 * ICOSAHEDRON], RUN, GOLD)
    alone = run(start, 3)
    with workers(2) as pool:
        together = run(start, 3, executor=pool)
    for (one, one_snapshots), (other, other_snapshots) in zip(alone, together, strict=True):
        assert_same_bits(one, other)
        assert_same_bits(one_snapshots, other_snapshots)


def test_another_seed_is_another_run_and_starts_are_dealt_in_turn() -> None:
    wide = 1.02 * ICOSAHEDRON
    start = initial_replicas([ICOSAHEDRON, wide], RUN, GOLD)
    assert np.array_equal(start.positions, [ICOSAHEDRON, wide, ICOSAHEDRON])
    other = initial_replicas([ICOSAHEDRON, wide], replace(RUN, seed=6), GOLD)
    assert not np.allclose(start.velocities, other.velocities)
    assert not np.allclose(start.velocities[0], start.velocities[2])
    ((moved, _),) = ptmd(start, replace(RUN, seed=6), GOLD, n_cycles=1)
    ((moved_otherwise, _),) = ptmd(start, RUN, GOLD, n_cycles=1)
    assert not np.allclose(moved.positions, moved_otherwise.positions, atol=1e-3)


def test_replicas_sample_boltzmanns_distribution() -> None:
    # 13 atoms in one deep well at temperatures where it is harmonic, and neighbours swap.
    ladder = PtmdSettings(temperatures=(20.0, 24.0, 29.0), n_steps=60, damping=0.1, seed=3)
    minimum = Engine(GOLD, 13).quench(ICOSAHEDRON, force_tolerance=1e-5)
    n_cycles, warm_up = 1500, 50
    energies = np.empty((n_cycles, 3))
    start = initial_replicas([minimum.positions], ladder, GOLD)
    for i, (state, _) in enumerate(ptmd(start, ladder, GOLD, n_cycles=n_cycles)):
        energies[i] = state.energies - minimum.energy
    energies = energies[warm_up:]
    kt = KELVIN * np.array(ladder.temperatures)

    # Equipartition: 3N − 6 = 33 vibrations of ½kT each; block averages give the error, and the
    # anharmonic part of 13 gold atoms is 4e-4 a kelvin (1.02 at 50 K, 1.04 at 100 K).
    blocks = energies.reshape(25, -1, 3).mean(axis=1)
    error = blocks.std(axis=0, ddof=1) / np.sqrt(len(blocks))
    assert (error < 0.02 * 16.5 * kt).all()
    assert (np.abs(energies.mean(axis=0) - 16.5 * kt) < 4 * error + 0.012 * 16.5 * kt).all()

    # Whatever the well: P_hot(U)/P_cold(U) ∝ exp[(β_cold − β_hot)U].
    for cold, hot in ((0, 1), (1, 2)):
        slope, slope_error = slope_of_log_ratio(energies[:, cold], energies[:, hot])
        expected = 1 / kt[cold] - 1 / kt[hot]
        assert slope_error < 0.2 * expected
        assert slope == pytest.approx(expected, abs=4 * slope_error)

    # Swaps attempted every other cycle, and accepted as often as the overlap of the two
    # distributions allows: the mean of min(1, exp ΔβΔU) over independent draws.
    assert state.swap_attempts.tolist() == [n_cycles // 2, n_cycles // 2]
    rng = np.random.default_rng(0)
    for pair in (0, 1):
        x, y = (rng.permutation(energies[:, k]) for k in (pair, pair + 1))
        chance = np.minimum(1, np.exp((1 / kt[pair] - 1 / kt[pair + 1]) * (x - y))).mean()
        rate = state.swap_accepts[pair] / state.swap_attempts[pair]
        assert rate == pytest.approx(chance, abs=5 * np.sqrt(0.25 / (n_cycles // 2)))


def slope_of_log_ratio(cold: np.ndarray, hot: np.ndarray) -> tuple[float, float]:
    """Fit ln[P_hot(U)/P_cold(U)] by a line over the bins both fill; slope and its error."""
    edges = np.histogram_bin_edges(np.concatenate([cold, hot]), bins=25)
    n_cold, n_hot = np.histogram(cold, edges)[0], np.histogram(hot, edges)[0]
    filled = np.minimum(n_cold, n_hot) >= 10
    middle = (0.5 * (edges[1:] + edges[:-1]))[filled]
    weight = 1 / (1 / n_cold[filled] + 1 / n_hot[filled])  # Poisson counts
    centred = middle - np.average(middle, weights=weight)
    scale = (weight * centred**2).sum()
    slope = (weight * centred * np.log(n_hot[filled] / n_cold[filled])).sum() / scale
    return slope, 1 / np.sqrt(scale)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"temperatures": ()}, "at least one"),
        ({"temperatures": (300.0, 300.0)}, "300 K is followed by 300 K"),
        ({"temperatures": (300.0, 400.0, 350.0)}, "400 K is followed by 350 K"),
        ({"temperatures": (-1.0, 300.0)}, "all positive"),
        ({"temperatures": (300.0, float("nan"))}, "all positive"),
        ({"temperatures": (300.0, float("inf"))}, "all positive"),
        ({"temperatures": (300.0,), "n_steps": 7}, "7 must be even"),
        ({"temperatures": (300.0,), "n_steps": 0}, "at least 2"),
    ],
)
def test_a_ladder_that_is_none_is_told(options: dict[str, object], match: str) -> None:
    with pytest.raises(NanochartError, match=match):
        PtmdSettings(**options)


def test_an_exploding_replica_stops_the_run_and_names_cycle_temperature_and_time_step() -> None:
    wild = PtmdSettings(temperatures=(300.0, 5000.0), n_steps=2000, timestep=60.0, seed=1)
    start = initial_replicas([ICOSAHEDRON], wild, GOLD)
    with pytest.raises(NanochartError, match=r"^cycle 0: MD of 13 Au atoms at \d+.0 K") as caught:
        list(ptmd(start, wild, GOLD, n_cycles=3))
    assert "time step of 60 fs is too long" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_evaporated_atom_is_no_fault_of_the_time_step() -> None:
    # 13 gold atoms boil at 6,000 K; steps of 1 fs keep the energy.
    hot = PtmdSettings(temperatures=(6000.0,), n_steps=60_000, timestep=1.0, seed=1)
    start = initial_replicas([ICOSAHEDRON], hot, GOLD)
    with pytest.raises(NanochartError, match=r"^cycle \d: .*at 6000.0 K.*an atom evaporated"):
        list(ptmd(start, hot, GOLD, n_cycles=5))


def test_the_error_of_a_time_step_grows_with_its_square() -> None:
    found = []
    for timestep in (4.0, 8.0, 16.0):
        run = PtmdSettings(temperatures=(300.0,), timestep=timestep, seed=1)
        found.append(timestep_error(initial_replicas([ICOSAHEDRON], run, GOLD), run, GOLD))
    assert 5e-4 < found[0] < 0.01
    ratios = np.array(found[1:]) / found[:-1]
    assert ((ratios > 2.5) & (ratios < 7.0)).all()
    wild = PtmdSettings(temperatures=(5000.0,), timestep=60.0, seed=1)
    assert np.isnan(timestep_error(initial_replicas([ICOSAHEDRON], wild, GOLD), wild, GOLD))


@pytest.mark.parametrize(
    ("speed", "outwards", "told"),
    [
        (100.0, 0.0, "lost an atom"),  # out of the box within the segment
        (0.0, 6.0, "atom 5 (counted from 0), "),  # in the box, where no force reaches
    ],
)
def test_an_atom_that_leaves_is_no_fault_of_the_time_step_either(
    speed: float, outwards: float, told: str
) -> None:
    short = PtmdSettings(temperatures=(300.0,), n_steps=2000, timestep=1.0, seed=1)
    start = initial_replicas([ICOSAHEDRON], short, GOLD)
    out = ICOSAHEDRON[5] - ICOSAHEDRON.mean(axis=0)
    out /= np.linalg.norm(out)
    positions, velocities = start.positions.copy(), start.velocities.copy()
    positions[0, 5] += outwards * out
    velocities[0, 5] += speed * out
    leaving = replace(start, positions=positions, velocities=velocities)
    with pytest.raises(NanochartError) as caught:
        list(ptmd(leaving, short, GOLD, n_cycles=1))
    message = str(caught.value)
    assert message.startswith("cycle 0: MD of 13 Au atoms at 300")
    assert told in message
    assert "an atom evaporated" in message
    assert "too long: halve it" not in message


def test_a_cluster_that_drifts_far_has_not_evaporated() -> None:
    # With hardly any friction 13 atoms fly a hundred Å in a segment; the box ends at 28 Å.
    free = PtmdSettings(temperatures=(400.0,), n_steps=50_000, damping=100.0, seed=1)
    start = initial_replicas([ICOSAHEDRON], free, GOLD)
    moving = replace(start, velocities=start.velocities + np.array([1.0, 0.0, 0.0]))
    ((_, snapshots),) = ptmd(moving, free, GOLD, n_cycles=1)
    np.testing.assert_allclose(snapshots.positions[0].mean(axis=0), 0.0, atol=1e-9)


def test_swapping_changes_no_average() -> None:
    # Lennard-Jones, deep below melting: each temperature alone against a ladder that swaps.
    potential = lennard_jones("Cu", epsilon=0.4, sigma=2.3)
    minimum = Engine(potential, 13).quench(
        Icosahedron("Cu", 2, latticeconstant=np.sqrt(2.0) * potential.r0).positions,
        force_tolerance=1e-6,
    )
    ladder = (200.0, 240.0, 288.0)
    found = []
    for temperatures in (ladder, *((t,) for t in ladder)):
        run = PtmdSettings(temperatures=temperatures, n_steps=60, damping=0.1, seed=9)
        start = initial_replicas([minimum.positions], run, potential)
        states = [state for state, _ in ptmd(start, run, potential, n_cycles=350)]
        found.append(np.array([state.energies for state in states[50:]]))
    swapped_ones, alone = found[0], np.hstack(found[1:])
    blocks = [one.reshape(12, 25, 3).mean(axis=1) for one in (swapped_ones, alone)]
    error = np.sqrt(sum(one.var(axis=0, ddof=1) / len(one) for one in blocks))
    assert (error < 0.02).all()  # of 0.28 to 0.41 eV above the minimum
    assert (np.abs(swapped_ones.mean(axis=0) - alone.mean(axis=0)) < 4 * error).all()
