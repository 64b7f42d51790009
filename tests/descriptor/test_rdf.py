"""The RDF against scikit-learn, against the symmetries of space, and against its own derivative."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import BSpline
from scipy.spatial.distance import pdist
from scipy.spatial.transform import Rotation

from nanochart.descriptor.rdf import (
    BANDWIDTH,
    PAPER_GRID,
    WINDOWS,
    RadialBasis,
    RdfGrid,
    density_outside,
    rdf,
    rdf_of_positions,
    window_for,
)
from nanochart.descriptor.scaling import MinMaxScaling
from nanochart.errors import NanochartError


def cluster(n_atoms, seed, jitter=0.15):
    """Return a piece of fcc gold (nearest neighbours 2.88 Å), shaken."""
    rng = np.random.default_rng(seed)
    steps = np.arange(-4, 5)
    corners = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    fcc = corners[corners.sum(axis=1) % 2 == 0] * 4.07 / 2
    nearest = np.argsort(np.linalg.norm(fcc - rng.uniform(-1, 1, 3), axis=1))[:n_atoms]
    return fcc[nearest] + rng.uniform(-jitter, jitter, (n_atoms, 3))


def gaussian_sum(positions, points, bandwidth=BANDWIDTH):
    """Return the equation at the head of the module, term by term."""
    distances = pdist(positions)
    terms = np.exp(-0.5 * ((points[:, None] - distances) / bandwidth) ** 2)
    return terms.sum(axis=1) / (len(distances) * bandwidth * np.sqrt(2 * np.pi))


def test_the_paper_grid():
    assert PAPER_GRID.step == pytest.approx(25 / 499)
    for species, (first, last) in WINDOWS.items():
        window = PAPER_GRID.points[first:last]
        end = 19.0 if species in ("Au147", "Ag147") else 16.0
        # the grid points within [2, end], and no others
        assert window[0] >= 2.0 > PAPER_GRID.points[first - 1]
        assert window[-1] <= end < PAPER_GRID.points[last]


def test_equals_kernel_density_of_scikit_learn(require_oracle):
    neighbors = require_oracle("sklearn.neighbors")
    structures = np.stack([cluster(90, seed) for seed in range(3)])
    ours = rdf(structures)
    for k, one in enumerate(structures):
        density = neighbors.KernelDensity(bandwidth=BANDWIDTH).fit(pdist(one)[:, None])
        theirs = np.exp(density.score_samples(PAPER_GRID.points[:, None]))
        assert np.abs(ours[k] - theirs).max() <= 1e-5 * theirs.max()


@pytest.mark.parametrize(("name", "species"), [("au90", "Au90"), ("au147", "Au147")])
def test_accuracy_in_scaled_units_on_real_minima(shared_data, name, species):
    stored = np.load(shared_data(f"{name}.npz"))
    positions = stored["positions"][::1000] * float(stored["scale"])
    basis = RadialBasis(window=WINDOWS[species])
    exact = np.stack([gaussian_sum(one, basis.points) for one in positions])
    scaling = MinMaxScaling.fit(exact)
    ours = rdf_of_positions(positions, basis)
    error = np.abs(scaling.transform(ours) - scaling.transform(exact))
    assert error.max() <= 1e-3  # bin 40, with a range of 1e-4 of the peak's, is the hardest


@given(seed=st.integers(0, 2**31), n_atoms=st.integers(2, 60))
@settings(max_examples=25, deadline=None)
def test_a_moved_turned_reordered_cluster_has_the_same_rdf(seed, n_atoms):
    rng = np.random.default_rng(seed)
    one = cluster(n_atoms, seed)
    rotation = Rotation.random(random_state=seed).as_matrix()
    other = rng.permutation(one @ rotation.T + rng.uniform(-50, 50, 3))
    np.testing.assert_allclose(rdf(other), rdf(one), atol=1e-12)


@given(seed=st.integers(0, 2**31))
@settings(max_examples=10, deadline=None)
def test_the_integral_is_one(seed):
    density = rdf(cluster(60, seed))
    # every distance lies within the grid, more than 6 bandwidths from its ends
    assert density.sum() * PAPER_GRID.step == pytest.approx(1.0, abs=1e-6)
    assert np.abs(density_outside(density, PAPER_GRID)).max() < 1e-6


def test_a_pair_beyond_the_window_is_counted_as_outside():
    three = np.array([[[0.0, 0, 0], [5.0, 0, 0], [0, 21.0, 0]]])  # distances 5, 21, 21.6
    density = rdf(three, window=(40, 320))
    assert density_outside(density, PAPER_GRID)[0] == pytest.approx(2 / 3, abs=1e-6)


def test_a_window_is_a_piece_of_the_whole():
    one = cluster(40, 1)
    np.testing.assert_allclose(rdf(one, window=(40, 320)), rdf(one)[:, 40:320], atol=1e-14)


def test_the_result_does_not_depend_on_threads_or_company():
    structures = np.stack([cluster(40, seed) for seed in range(17)])
    together = rdf(structures)
    for threads in (2, 3, 8, 40):
        np.testing.assert_array_equal(rdf(structures, threads=threads), together)
    for k, one in enumerate(structures):
        np.testing.assert_array_equal(rdf(one)[0], together[k])


def test_the_coefficients_are_the_splines_of_the_bins():
    basis = RadialBasis(RdfGrid(0.0, 12.0, 120), 0.3, (20, 90))
    one = cluster(20, 3)
    # B-spline m of scipy spans its knots m to m + 4, ours is centred on its middle one
    knots = basis.knot_start + basis.knot_step * (np.arange(basis.n_knots + 4) - 2)
    spline = BSpline(knots, basis.coefficients.T, 3, extrapolate=False)
    distances = pdist(one)
    expected = np.nan_to_num(spline(distances)).sum(axis=0) / len(distances)
    np.testing.assert_allclose(rdf_of_positions(one[None], basis)[0], expected, atol=1e-13)


def test_the_derivative_is_that_of_the_spline():
    basis = RadialBasis(window=(40, 320))
    weights = np.random.default_rng(0).normal(size=basis.n_bins)
    knots = basis.knot_start + basis.knot_step * (np.arange(basis.n_knots + 4) - 2)
    slope = BSpline(knots, weights @ basis.coefficients, 3, extrapolate=False).derivative()
    one = cluster(30, 5)
    bonds = one[0] - one[1:]
    lengths = np.linalg.norm(bonds, axis=1)
    n_pairs = 30 * 29 / 2
    force = (np.nan_to_num(slope(lengths)) / n_pairs / lengths) @ bonds

    def value(step, axis):
        moved = one.copy()
        moved[0, axis] += step
        return float(rdf_of_positions(moved[None], basis)[0] @ weights)

    numeric = [(value(1e-5, axis) - value(-1e-5, axis)) / 2e-5 for axis in range(3)]
    np.testing.assert_allclose(force, numeric, rtol=1e-6, atol=1e-9)


def test_the_second_derivative_does_not_jump():
    # An atom crosses two bins; a linear binning's second differences would be spikes at knots.
    basis = RadialBasis(window=(40, 320))
    way = np.linspace(0.0, 0.1, 401)
    three = np.zeros((len(way), 3, 3))
    three[:, 1, 0], three[:, 2, 1] = 3.0 + way, 4.0
    density = rdf_of_positions(three, basis)[:, 40:70]
    second = np.diff(density, n=2, axis=0) / (way[1] - way[0]) ** 2
    # The third derivative of a Gaussian is at most 1.38 K(0)/σ³; two of the three pairs change.
    steepest = 2 / 3 * 1.38 / (BANDWIDTH**4 * np.sqrt(2 * np.pi))
    assert np.abs(np.diff(second, axis=0)).max() < steepest * (way[1] - way[0])


def test_window_of_other_clusters():
    assert window_for("Au", 90) == (40, 320)
    structures = np.stack([cluster(55, seed) for seed in range(20)])
    density = rdf(structures)
    first, last = window_for("Ni", 55, density)
    longest = max(pdist(one).max() for one in structures)
    shortest = min(pdist(one).min() for one in structures)
    # the density is above 1e-4 within 4 bandwidths of a distance, not beyond
    assert shortest - 0.8 < PAPER_GRID.points[first] < shortest
    assert longest - 0.8 < PAPER_GRID.points[last - 1] < longest + 0.8
    assert window_for("Au", 90, density, grid=RdfGrid(0.0, 24.9, 500)) == (first, last)
    with pytest.raises(NanochartError, match="Ni with 55"):
        window_for("Ni", 55)
    with pytest.raises(NanochartError, match="units"):
        window_for("Ni", 55, np.zeros((2, 500)))


@pytest.mark.parametrize("window", [(-1, 5), (5, 5), (10, 501)])
def test_a_window_that_leaves_the_grid_is_refused(window):
    with pytest.raises(NanochartError, match="window"):
        rdf(cluster(10, 0), window=window)


def test_a_kernel_too_narrow_for_the_grid_is_refused():
    with pytest.raises(NanochartError, match="bandwidth"):
        rdf(cluster(10, 0), bandwidth=0.05)
    with pytest.raises(NanochartError, match="grid"):
        RdfGrid(5.0, 4.0)
    with pytest.raises(NanochartError, match="grid"):
        RdfGrid(0.0, np.inf)
    with pytest.raises(NanochartError, match="not finite"):
        rdf(cluster(10, 0), bandwidth=np.inf)


def test_a_grid_that_misses_all_distances_is_zero():
    assert not rdf(cluster(20, 0), grid=RdfGrid(60.0, 80.0, 201), bandwidth=0.3).any()


def test_any_array_of_positions_will_do():
    positions = np.stack([cluster(20, seed) for seed in range(3)]).astype(np.float32)
    expected = rdf(positions)
    basis = RadialBasis()
    positions.flags.writeable = False
    np.testing.assert_array_equal(rdf_of_positions(positions, basis), expected)
    np.testing.assert_array_equal(
        rdf_of_positions(np.asfortranarray(positions[::-1]), basis)[::-1], expected
    )
    assert rdf_of_positions(positions[:0], basis, threads=2).shape == (0, 500)


def test_what_has_no_distances_is_refused():
    positions = np.stack([cluster(20, seed) for seed in range(5)])
    with pytest.raises(NanochartError, match="one atom"):
        rdf_of_positions(positions[:, :1], RadialBasis())
    positions[3, 2, 1] = np.nan
    with pytest.raises(NanochartError, match="frame 3, atom 2"):
        rdf(positions)
    with pytest.raises(NanochartError, match="structure 3"):
        rdf_of_positions(positions, RadialBasis(), threads=4)


def test_importing_the_rdf_does_not_load_torch():
    code = "import sys, nanochart.descriptor.rdf; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
