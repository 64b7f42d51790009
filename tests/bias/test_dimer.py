"""A gold dimer, whose potential of mean force is U(r) − 2 kT ln r, biased in LAMMPS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from nanochart.bias.block import BiasedBlock, BiasedRun, Walker, biased_block
from nanochart.bias.force import BiasPlan
from nanochart.bias.free_energy import weights_of
from nanochart.bias.metadynamics import Hills, Metadynamics
from nanochart.bias.restraints import Restraint, Wall
from nanochart.dynamics.md import MdSettings, initial_state
from nanochart.sampling.rgl import energy_and_forces, rgl
from nanochart.units import BOLTZMANN

GOLD = rgl("Au")
KELVIN = 1500.0
KT = BOLTZMANN * KELVIN
SETTINGS = MdSettings(KELVIN, steps_per_frame=20, damping=0.1, seed=3, block=100)
WALL = Wall("upper", "r", 3.1, 100.0)


class Distance:
    """The distance of two atoms."""

    names = ("r",)

    def at(self, positions: np.ndarray) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
        apart = positions[1] - positions[0]
        r = float(np.linalg.norm(apart))

        def pull(weights: np.ndarray) -> np.ndarray:
            return np.stack([-apart, apart]) * (weights[0] / r)

        return np.array([r]), pull


def pmf(r: np.ndarray) -> np.ndarray:
    """−kT ln of the density of r without walls, eV."""
    energies = [energy_and_forces(np.array([[0.0, 0, 0], [x, 0, 0]]), GOLD)[0] for x in r]
    return np.array(energies) - 2 * KT * np.log(r)


def blocks(plan: BiasPlan, n_blocks: int, seed: int = 3) -> list[BiasedBlock]:
    settings = replace(SETTINGS, seed=seed)
    start = np.array([[0.0, 0.0, 0.0], [2.4, 0.0, 0.0]])
    run = BiasedRun(settings, GOLD, Distance(), plan, np.inf)
    walker = Walker(initial_state(start, settings, GOLD))
    metad = plan.metadynamics
    grid = None if metad is None else metad.empty_grid()
    found = []
    for _ in range(n_blocks):
        block = biased_block(run, walker, grid)
        walker = block.walker
        if grid is not None and metad is not None:
            block.hills.onto(grid, metad.bias_factor)
        found.append(block)
    return found


def test_metadynamics_gives_the_pmf() -> None:
    metad = Metadynamics(("r",), (0.04,), 0.05, 40, 8.0, (1.7,), (3.5,))
    plan = BiasPlan(KELVIN, 5.0, 2, 10, walls=(WALL,), metadynamics=metad)
    found = blocks(plan, 12)
    table = np.concatenate([block.rows for block in found])
    late = dict(zip(plan.columns(("r",)), table[len(table) // 4 :].T, strict=True))
    weights = weights_of((late["walls.bias"] + late["metad.bias"] - late["metad.rct"]) / KT)
    edges = np.linspace(2.15, 2.85, 15)
    share, _ = np.histogram(late["r"], edges, weights=weights)
    assert (share > 0).all()
    middle = 0.5 * (edges[1:] + edges[:-1])
    exact = pmf(middle)
    assert np.ptp(exact) > 4 * KT  # there is something to find
    away = -KT * np.log(share) - exact
    assert np.std(away) < 0.3 * KT
    grid = Hills.joined([block.hills for block in found]).onto(metad.empty_grid(), 8.0)
    nodes = grid.nodes[0]
    inner = (nodes > 2.15) & (nodes < 2.85)
    assert np.std(metad.free_energy(grid)[inner] - pmf(nodes[inner])) < 0.5 * KT


def test_impulses_every_fifth_step_give_the_statistics_of_every_step_and_the_exact_ones() -> None:
    hold = Restraint("hold", ("r",), (2.6,), (4.0,))
    r = np.linspace(1.8, 3.6, 3601)
    weight = np.exp(-(pmf(r) - pmf(r).min() + hold.energy(r[:, None], (2.6,))) / KT)
    mean = float(weight @ r / weight.sum())
    spread = float(np.sqrt(weight @ (r - mean) ** 2 / weight.sum()))
    for stride in (1, 5):
        plan = BiasPlan(KELVIN, 5.0, stride, 10, restraints=(hold,))
        rows = np.concatenate([block.rows for block in blocks(plan, 8, seed=stride)])[50:, 1]
        # Frames are half a damping time apart: a fifth of them as independent.
        error = spread / np.sqrt(len(rows) / 5)
        assert rows.mean() == pytest.approx(mean, abs=4 * error)
        assert rows.std() == pytest.approx(spread, rel=4 / np.sqrt(2 * len(rows) / 5))


def test_a_block_is_a_function_of_its_values() -> None:
    metad = Metadynamics(("r",), (0.04,), 0.05, 40, 8.0, (1.7,), (3.5,))
    plan = BiasPlan(KELVIN, 5.0, 2, 10, walls=(WALL,), metadynamics=metad)
    first, again = blocks(plan, 2), blocks(plan, 2)
    np.testing.assert_array_equal(first[1].rows, again[1].rows)
    np.testing.assert_array_equal(first[1].hills.heights, again[1].hills.heights)
    assert first[1].rows[0, 0] == pytest.approx(10.05)  # 10 steps after 2,000 of 5 fs
