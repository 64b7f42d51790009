"""Basin hopping against known global minima, and itself in pieces."""

from __future__ import annotations

import numpy as np
import pytest

from nanochart.errors import NanochartError
from nanochart.sampling.basin_hopping import HoppingSettings, Walk, hop
from nanochart.sampling.lammps import engine_for
from nanochart.sampling.potentials import lennard_jones
from nanochart.sampling.rgl import rgl

# Scaled to metals, so that the engine's tolerance is a small one.
LJ = lennard_jones("Cu", epsilon=1.0, sigma=2.3)


def random_walk(n_atoms: int, seed: int) -> Walk:
    rng = np.random.default_rng(seed)
    radius = 0.62 * n_atoms ** (1 / 3) * LJ.r0
    positions = rng.normal(size=(n_atoms, 3))
    positions *= (
        radius
        * rng.random((n_atoms, 1)) ** (1 / 3)
        / np.linalg.norm(positions, axis=1, keepdims=True)
    )
    start = engine_for(LJ, n_atoms).quench(positions)
    return Walk(seed, start.positions, start.energy)


def test_thirteen_lennard_jones_atoms_find_the_icosahedron() -> None:
    # -44.326801 ε, Cambridge Cluster Database; from three random starts, 120 hops each.
    settings = HoppingSettings(temperature=9000.0, seed=1)
    best = [hop((random_walk(13, n), 120, LJ, settings)).energies.min() for n in range(3)]
    assert min(best) == pytest.approx(-44.326801, abs=1e-4)


def test_a_walk_in_two_stretches_is_the_same_walk() -> None:
    settings = HoppingSettings(temperature=9000.0, seed=2)
    start = random_walk(20, 4)
    whole = hop((start, 12, LJ, settings))
    first = hop((start, 5, LJ, settings))
    second = hop((first.walk, 7, LJ, settings))
    assert second.walk.steps == whole.walk.steps == 12
    assert np.array_equal(second.walk.positions, whole.walk.positions)
    energies = np.concatenate([first.energies, second.energies])
    assert np.array_equal(energies, whole.energies)
    other = hop((start, 12, LJ, HoppingSettings(temperature=9000.0, seed=3)))
    assert not np.array_equal(other.walk.positions, whole.walk.positions)


def test_a_cold_walk_never_goes_up_and_nothing_comes_off() -> None:
    gold = rgl("Au")
    engine = engine_for(gold, 38)
    rng = np.random.default_rng(0)
    ball = rng.normal(size=(38, 3))
    ball *= 6.5 * rng.random((38, 1)) ** (1 / 3) / np.linalg.norm(ball, axis=1, keepdims=True)
    start = engine.quench(ball)
    stretch = hop((Walk(0, start.positions, start.energy), 30, gold, HoppingSettings(1e-6)))
    assert len(stretch.energies) > 2
    # The walk is at the lowest it has seen; what it turned back from is told, too.
    assert stretch.walk.energy == min(start.energy, *stretch.energies)
    assert (np.diff(stretch.energies) > 0.01).any()
    distances = np.linalg.norm(stretch.positions[:, :, None] - stretch.positions[:, None], axis=3)
    neighbours = (distances < 1.3 * gold.r0).sum(axis=2) - 1
    assert neighbours.min() >= 3


def test_settings_that_are_none_are_told() -> None:
    with pytest.raises(NanochartError, match="must be positive"):
        HoppingSettings(temperature=0.0)
