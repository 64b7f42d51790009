"""L-BFGS against LAMMPS' conjugate gradient, and what may not change a minimum."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanochart.landscape import open_landscape
from nanochart.sampling.descent import descend
from nanochart.sampling.lammps import engine_for
from nanochart.sampling.rgl import energy_and_forces, rgl

GOLD = rgl("Au")
TIGHT = {"force_tolerance": 1e-6, "max_steps": 5000, "room": 60.0}


def minima() -> np.ndarray:
    """Return quenched clusters of 90 gold atoms."""
    return open_landscape("au90-small")["quenched"].read("positions", 0, 40).astype(float)


def test_shaken_minima_fall_back_to_where_lammps_takes_them() -> None:
    starts = minima()[::4]
    starts += np.random.default_rng(3).normal(0, 0.05, starts.shape)
    found, energies, forces = descend(starts, GOLD, **TIGHT)
    engine = engine_for(GOLD, starts.shape[1])
    for one, energy, force, start in zip(found, energies, forces, starts, strict=True):
        expected, expected_forces = energy_and_forces(one, GOLD)
        assert energy == pytest.approx(expected, abs=1e-9)
        assert force == pytest.approx(np.abs(expected_forces).max(), abs=1e-9)
        assert force <= 1e-6
        assert energy == pytest.approx(engine.quench(start, force_tolerance=1e-6).energy, abs=1e-6)
    assert np.allclose(found.mean(axis=1), 0.0, atol=1e-12)


def test_hot_clusters_come_to_rest_as_low_as_lammps_takes_them() -> None:
    starts = minima()
    starts += np.random.default_rng(4).normal(0, 0.25, starts.shape)
    _, energies, forces = descend(starts, GOLD, force_tolerance=1e-3, max_steps=5000, room=60.0)
    engine = engine_for(GOLD, starts.shape[1])
    expected = np.array([engine.quench(start).energy for start in starts])
    assert (forces <= 1e-3).all()
    # Each falls where its way leads; neither way is lower on average, to four standard errors.
    difference = energies - expected
    assert abs(difference.mean()) < 4 * difference.std() / np.sqrt(len(difference)) + 1e-5


@settings(max_examples=5, deadline=None)
@given(order=st.permutations(range(6)), cut=st.integers(1, 5))
def test_a_minimum_does_not_depend_on_its_neighbours(order: list[int], cut: int) -> None:
    starts = minima()[:6] + np.random.default_rng(5).normal(0, 0.2, (6, 90, 3))
    loose = {"force_tolerance": 1e-3, "max_steps": 5000, "room": 60.0}
    expected, energies, _ = descend(starts, GOLD, **loose)
    shuffled = starts[order]
    parts = [descend(part, GOLD, **loose) for part in (shuffled[:cut], shuffled[cut:])]
    assert np.array_equal(np.concatenate([part[0] for part in parts]), expected[order])
    assert np.array_equal(np.concatenate([part[1] for part in parts]), energies[order])


def test_what_cannot_be_a_cluster_is_told_apart_and_the_next_one_is_served() -> None:
    starts = minima()[:5].copy()
    starts[0] *= 40.0
    starts[1, 3] = starts[1, 4]
    starts[2, 5, 1] = np.nan
    _, energies, forces = descend(starts, GOLD, **TIGHT)
    assert np.isnan(energies[:3]).all()
    assert np.isinf(forces[:3]).all()
    assert (forces[3:] <= 1e-6).all()


def test_an_unreachable_tolerance_ends_at_the_last_digit() -> None:
    _, energies, forces = descend(
        minima()[:3], GOLD, force_tolerance=1e-16, max_steps=100_000, room=60.0
    )
    assert np.isfinite(energies).all()
    assert ((forces > 0) & (forces < 1e-7)).all()


def test_a_lone_atom_stays_where_it_is() -> None:
    cluster = minima()[0]
    alone = np.concatenate([cluster, [[0.0, 0.0, 25.0]]])
    found, energies, forces = descend(alone[np.newaxis], GOLD, **TIGHT)
    _, without, _ = descend(cluster[np.newaxis], GOLD, **TIGHT)
    assert energies[0] == pytest.approx(without[0], abs=1e-8)
    assert forces[0] <= 1e-6
    assert found[0, -1, 2] - found[0, :-1, 2].mean() == pytest.approx(25.0, abs=0.3)


#: Prints the bits of a minimum and of forces, by whatever numba's cache holds.
TOLD = """
import numpy as np
from ase.cluster import Icosahedron
from nanochart.sampling.quench import local_minimum
from nanochart.sampling.rgl import rgl
from nanochart.sampling.rgl_forces import rgl_forces
gold = rgl("Au")
cluster = Icosahedron("Au", 2, latticeconstant=np.sqrt(2.0) * gold.r0).positions
cluster = cluster + np.random.default_rng(0).uniform(-0.2, 0.2, cluster.shape)
print(local_minimum(cluster, gold).positions.tobytes().hex())
print(rgl_forces(cluster[None], gold)[1].tobytes().hex())
"""


def test_loops_from_the_compiler_and_from_its_cache_give_the_same_bits(tmp_path: Path) -> None:
    # Else a resumed run is not the undisturbed one, wherever the first of them had to compile.
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    compiled, cached = (
        subprocess.run(
            [sys.executable, "-c", TOLD],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for _ in range(2)
    )
    assert compiled.count("\n") == 2
    assert cached == compiled
