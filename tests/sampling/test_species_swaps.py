"""Species swaps: against the Boltzmann weights of all homotops, one by one."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from ase.cluster import Icosahedron
from scipy import constants

from nanochart.parallel import workers
from nanochart.sampling.basin_hopping import HoppingSettings, Walk, hop
from nanochart.sampling.lammps import Engine, engine_for
from nanochart.sampling.potentials import lammps_potential
from nanochart.sampling.rgl_alloys import eam_fs_table, rgl_alloy
from nanochart.sampling.rgl_energies import rgl_energies
from nanochart.sampling.species_swaps import energy_function, species_swapped, unlike_pair
from nanochart.sampling.tempering import PtmdSettings, Replicas, initial_replicas, ptmd

KELVIN = constants.k / constants.e  # eV
ALLOY = rgl_alloy("Ag10Cu3")
SYMBOLS = ["Ag"] * 10 + ["Cu"] * 3
SITES = Icosahedron("Ag", 2, latticeconstant=np.sqrt(2.0) * ALLOY.r0).positions
# A lopsided cluster: no two homotops are the same by symmetry.
SITES = SITES + np.random.default_rng(2).uniform(-0.08, 0.08, SITES.shape)


def homotop(copper: tuple[int, ...]) -> np.ndarray:
    """Return the positions of the atoms with copper on these sites."""
    return np.concatenate([np.delete(SITES, copper, axis=0), SITES[list(copper)]])


def sites_of_copper(positions: np.ndarray) -> tuple[int, ...]:
    away = np.linalg.norm(positions[10:, None] - SITES[None], axis=2)
    return tuple(sorted(int(i) for i in away.argmin(axis=1)))


def test_a_chain_of_swaps_visits_homotops_as_boltzmann_says() -> None:
    every = list(combinations(range(13), 3))  # 286
    energies = rgl_energies(np.stack([homotop(one) for one in every]), ALLOY)
    kelvin = 4000.0  # the energies lie up to 2 eV apart
    weights = np.exp(-(energies - energies.min()) / (KELVIN * kelvin))
    expected = weights / weights.sum()
    rng = np.random.default_rng(5)
    positions, n_links, stride = homotop(every[-1]), 8_000, 5
    visits: dict[tuple[int, ...], int] = dict.fromkeys(every, 0)
    accepted = 0
    engine = engine_for(ALLOY, 13)
    energy_of = energy_function(ALLOY, engine)
    for _ in range(n_links):
        found = species_swapped(
            positions, SYMBOLS, energy_of, temperature=kelvin, n_attempts=stride, rng=rng
        )
        positions, accepted = found.positions, accepted + found.accepts
        visits[sites_of_copper(positions)] += 1
    shares = np.array([visits[one] for one in every]) / n_links
    # Links of five attempts, nearly independent: three times the scatter of independent draws.
    error = 3.0 * np.sqrt(expected * (1 - expected) / n_links)
    assert (np.abs(shares - expected) < 4 * error).all()
    mean, variance = (expected * energies).sum(), (expected * energies**2).sum()
    spread = np.sqrt(variance - mean**2)
    assert (shares * energies).sum() == pytest.approx(mean, abs=4 * 3 * spread / np.sqrt(n_links))
    # The acceptance that all pairs of all homotops have.
    table = dict(zip(every, energies, strict=True))
    chances = []
    for one, weight in zip(every, expected, strict=True):
        for out in one:
            for into in set(range(13)) - set(one):
                other = tuple(sorted({*one, into} - {out}))
                chance = min(1.0, np.exp(-(table[other] - table[one]) / (KELVIN * kelvin)))
                chances.append(weight * chance / 30)
    n = n_links * stride
    assert accepted / n == pytest.approx(sum(chances), abs=4 * 3 * np.sqrt(0.25 / n))


def test_the_energy_it_goes_by_is_that_of_where_it_ends() -> None:
    found = species_swapped(
        homotop((0, 1, 2)),
        SYMBOLS,
        energy_function(ALLOY, engine_for(ALLOY, 13)),
        temperature=1000.0,
        n_attempts=50,
        rng=np.random.default_rng(0),
    )
    assert found.energy == rgl_energies(found.positions[np.newaxis], ALLOY)[0]
    # No atom is lost, none doubled.
    assert np.allclose(np.sort(found.positions, axis=0), np.sort(SITES, axis=0), atol=0)


def test_every_unlike_pair_is_drawn_alike_and_no_other() -> None:
    kinds = np.array([0, 0, 0, 1, 2])
    rng = np.random.default_rng(1)
    counts = np.zeros((5, 5))
    for _ in range(14_000):
        counts[unlike_pair(kinds, rng)] += 1
    counts += counts.T
    unlike = kinds[:, None] != kinds[None, :]
    assert (counts[~unlike] == 0).all()
    assert np.abs(counts[unlike] - 2000).max() < 5 * np.sqrt(2000)  # 7 unlike pairs


RUN = PtmdSettings(
    temperatures=(400.0, 600.0, 900.0), n_steps=40, damping=0.2, seed=5, species_swaps=13
)


def assert_same_bits(one: Replicas, other: Replicas) -> None:
    for name in Replicas.__dataclass_fields__:
        assert np.array_equal(getattr(one, name), getattr(other, name)), name


def test_resumed_or_with_two_workers_a_run_with_swaps_gives_the_same_bits() -> None:
    start = initial_replicas([homotop((3, 7, 11))], RUN, ALLOY)
    whole = [state for state, _ in ptmd(start, RUN, ALLOY, n_cycles=5)]
    kept = {name: array.copy() for name, array in whole[1].arrays().items()}
    resumed = list(ptmd(Replicas.from_arrays(kept), RUN, ALLOY, n_cycles=5))
    assert_same_bits(whole[-1], resumed[-1][0])
    with workers(2) as pool:
        together = list(ptmd(start, RUN, ALLOY, n_cycles=5, executor=pool))
    assert_same_bits(whole[-1], together[-1][0])
    assert whole[-1].species_attempts.tolist() == [65, 65, 65]
    assert 0 < whole[-1].species_accepts.sum() < 195
    without = list(ptmd(start, replace(RUN, species_swaps=0), ALLOY, n_cycles=5))
    assert not without[-1][0].species_attempts.any()
    assert not np.allclose(without[-1][0].positions, whole[-1].positions)


def test_a_state_from_before_there_were_alloys_is_taken_up() -> None:
    run = replace(RUN, species_swaps=0)
    start = initial_replicas([homotop((3, 7, 11))], run, ALLOY)
    old = {k: v for k, v in start.arrays().items() if not k.startswith("species")}
    assert_same_bits(Replicas.from_arrays(old), start)


def test_swaps_change_no_average_of_the_dynamics() -> None:
    # Two silver atoms and a copper atom: swaps turn the triangle, and strain it as they do.
    alloy = rgl_alloy("Ag2Cu")
    triangle = np.array([[0.0, 0.0, 0.0], [2.6, 0.0, 0.0], [1.3, 2.2, 0.0]])
    minimum = Engine(alloy, 3).quench(triangle, force_tolerance=1e-5)
    kelvin, means, variances = 300.0, [], []
    for swaps in (0, 3):
        run = PtmdSettings(
            temperatures=(kelvin,), n_steps=60, damping=0.05, seed=3, species_swaps=swaps
        )
        start = initial_replicas([minimum.positions], run, alloy)
        states = [state for state, _ in ptmd(start, run, alloy, n_cycles=420)]
        energies = np.array([state.energies[0] for state in states])[20:] - minimum.energy
        blocks = energies.reshape(20, -1).mean(axis=1)
        means.append(blocks.mean())
        variances.append(blocks.var(ddof=1) / len(blocks))
    assert 0.02 < states[-1].species_accepts[0] / states[-1].species_attempts[0] < 0.98
    error = np.sqrt(sum(variances))
    assert error < 0.15 * means[0]
    assert abs(means[1] - means[0]) < 4 * error
    # Three vibrations of ½kT each; 20 % for what is not harmonic in so soft a thing.
    for mean, variance in zip(means, variances, strict=True):
        expected = 1.5 * KELVIN * kelvin
        assert mean == pytest.approx(expected, abs=4 * np.sqrt(variance) + 0.2 * expected)


def test_swaps_by_lammps_are_those_by_the_compiled_loop(tmp_path) -> None:
    from ase.data import atomic_masses, atomic_numbers

    masses = {one: float(atomic_masses[atomic_numbers[one]]) for one in ("Ag", "Cu")}
    (tmp_path / "agcu.fs").write_text(
        eam_fs_table(ALLOY, masses=masses, atomic_numbers=atomic_numbers)
    )
    own = lammps_potential("Ag10Cu3", "eam/fs", ["* * agcu.fs Ag Cu"], r0=ALLOY.r0, folder=tmp_path)
    ends = [
        species_swapped(
            homotop((0, 5, 6)),
            SYMBOLS,
            energy_function(potential, Engine(potential, 13)),
            temperature=1500.0,
            n_attempts=40,
            rng=np.random.default_rng(4),
        )
        for potential in (ALLOY, own)
    ]
    assert np.array_equal(ends[0].positions, ends[1].positions)
    assert ends[0].accepts == ends[1].accepts > 0
    assert ends[0].energy == pytest.approx(ends[1].energy, abs=1e-6)


def test_hops_find_copper_in_the_centre_and_are_the_same_however_cut() -> None:
    # Ag12Cu: the small atom belongs in the middle of the icosahedron.
    alloy = rgl_alloy("Ag12Cu")
    wrong = np.roll(SITES, 3, axis=0)  # site 0, the centre, to a silver atom
    quenched = Engine(alloy, 13).quench(wrong)
    assert np.linalg.norm(quenched.positions[12] - quenched.positions.mean(axis=0)) > 2.0
    walk = Walk(0, quenched.positions, quenched.energy)
    settings = HoppingSettings(temperature=300.0, seed=2)  # one hop in 24 goes there
    end = hop((walk, 80, alloy, settings)).walk
    middle = end.positions[:12].mean(axis=0)
    assert np.linalg.norm(end.positions[12] - middle) < 0.2
    assert end.energy < quenched.energy - 0.2
    half = hop((walk, 15, alloy, settings)).walk
    again = hop((half, 65, alloy, settings)).walk
    assert np.array_equal(again.positions, end.positions)
