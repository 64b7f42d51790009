"""Hills on a grid against their sum; metadynamics of a double well against its exact answer."""

from __future__ import annotations

import numpy as np
import pytest

from nanochart.bias.force import BiasForce, BiasPlan
from nanochart.bias.free_energy import block_numbers, difference, estimate, weights_of
from nanochart.bias.hills_grid import HillsGrid
from nanochart.bias.metadynamics import Hills, Metadynamics
from nanochart.bias.restraints import Wall
from nanochart.errors import NanochartError

from .wells import KELVIN, Coordinates, brownian, share_left, well_energy

METAD = Metadynamics(("x",), (0.2,), 0.02, 20, 8.0, (-2.6,), (2.6,))


def gaussians(points: np.ndarray, hills: list[tuple[np.ndarray, np.ndarray, float]]) -> np.ndarray:
    total = np.zeros(len(points))
    for centre, sigma, height in hills:
        total += height * np.exp(-0.5 * (((points - centre) / sigma) ** 2).sum(axis=1))
    return total


@pytest.mark.parametrize("n", [1, 2, 3])
def test_the_grid_is_the_sum_of_its_hills_and_smooth(n: int) -> None:
    rng = np.random.default_rng(n)
    sigma = np.array([0.5, 0.8, 0.4])[:n]
    grid = HillsGrid([-2.0] * n, [3.0] * n, list(sigma / 3), "abc"[:n])
    hills = [(rng.uniform(-2, 3, n), sigma, float(rng.uniform(0.5, 1))) for _ in range(12)]
    hills.append((np.full(n, 3.0), sigma, 1.0))  # on an edge
    for hill in hills:
        grid.add(*hill)
    points = rng.uniform(-2, 3, (40, n))
    found = grid.many(points)
    np.testing.assert_allclose(found, gaussians(points, hills), atol=4e-4)
    # The slope is that of the splines themselves.
    step = 1e-5
    for point in np.clip(points[:10], -1.9, 2.9):
        _, slopes = grid.at(point)
        for d in range(n):
            ends = [grid.at(point + sign * step * np.eye(n)[d])[0] for sign in (1, -1)]
            assert slopes[d] == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=1e-6)
    node = np.array([nodes[3] for nodes in grid.nodes])
    assert grid.at(node)[0] == pytest.approx(grid.values[(3,) * n], abs=1e-7)


def test_beyond_the_grid_is_told() -> None:
    grid = METAD.empty_grid()
    with pytest.raises(NanochartError, match=r"x = 2\.7 left the grid .* put walls inside it"):
        grid.at(np.array([2.7]))
    with pytest.raises(NanochartError, match="x = nan left the grid"):
        grid.add(np.array([np.nan]), np.array([0.2]), 1.0)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"bias_factor": 1.0}, "bias factor of 1 makes no bias"),
        ({"bias_factor": np.inf}, "bias factor of inf"),
        ({"height": -0.1}, "height must be positive"),
        ({"sigma": (0.0,)}, "sigmas must be positive"),
        ({"sigma": (0.1, 0.1)}, "a sigma and two bounds for each"),
        ({"variables": ()}, "one to three variables"),
        ({"pace": 0}, "pace = 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changed: dict, told: str) -> None:
    with pytest.raises(NanochartError, match=told):
        Metadynamics(**(METAD.__dict__ | changed))


def test_the_mean_bias_of_a_flat_one_is_the_bias_itself() -> None:
    grid = METAD.empty_grid()
    assert METAD.constant(grid, 300.0) == pytest.approx(0.0)
    grid.values += 0.123
    assert METAD.constant(grid, 300.0) == pytest.approx(0.123)


def well(seed: int, stride: int = 1, n_steps: int = 24_000) -> tuple[BiasForce, float, float]:
    """A double well with a barrier of 6 kT from its lower side."""
    kelvin, barrier = 300.0, 0.15
    kt = KELVIN * kelvin
    plan = BiasPlan(
        kelvin,
        1.0,
        stride,
        5,
        walls=(Wall("upper", "x", 1.8, 5.0), Wall("lower", "x", -1.8, 5.0)),
        metadynamics=METAD,
    )
    force = BiasForce(Coordinates("x"), plan, METAD.empty_grid())
    brownian(force, barrier=barrier, kt=kt, n_steps=n_steps, step=0.1, seed=seed, stride=stride)
    return force, barrier, kt


def test_a_double_well_s_populations_come_back_by_both_ways_of_reweighting() -> None:
    force, barrier, kt = well(seed=3)
    columns = force.plan.columns(force.variables.names)
    table = dict(zip(columns, np.array(force.rows).T, strict=True))
    late = table["time"] > 0.3 * table["time"][-1]
    x = table["x"][late]
    crossings = np.count_nonzero(np.diff(np.sign(x[np.abs(x) > 0.5])))
    assert crossings > 10  # it does go to and fro
    expected = kt * np.log(1 / share_left(barrier, kt) - 1)
    grid = force.grid
    assert grid is not None
    in_time = table["metad.bias"] - table["metad.rct"]
    at_last = grid.many(table["x"][:, None])
    blocks = block_numbers([len(x)], 10)
    for exponent in (in_time, at_last):
        weights = weights_of((exponent + table["walls.bias"])[late] / kt)
        found = estimate((x > 0).astype(int), 2, weights, blocks, kt)
        free, error = difference(1, 0, found, kt)
        assert error < 0.6 * kt
        assert free == pytest.approx(expected, abs=4 * error + 0.1 * kt)
    # And the hills alone: −γ/(γ−1) V is the free energy between the walls.
    nodes = grid.nodes[0]
    inner = np.abs(nodes) < 1.4
    surface = METAD.free_energy(grid)[inner] - well_energy(nodes[inner], barrier)
    assert np.std(surface) < 0.5 * kt


def test_hills_put_back_in_order_make_the_same_bits() -> None:
    force, _, _ = well(seed=1, n_steps=2_000)
    hills = force.hills
    assert len(hills) == 2_000 // METAD.pace
    again = hills.onto(METAD.empty_grid(), METAD.bias_factor)
    np.testing.assert_array_equal(again.values, force.grid.values)
    assert hills.heights[0] == pytest.approx(METAD.height * 8 / 7)
    assert hills.heights[-1] < 0.9 * hills.heights[0]  # tempered
    joined = Hills.joined([hills[:7], hills[7:]])
    np.testing.assert_array_equal(joined.centres, hills.centres)
