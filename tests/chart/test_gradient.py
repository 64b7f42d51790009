"""The chart's gradient: dense autograd, finite differences, symmetries, ends of the window."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from ase import Atoms
from torch import nn

from nanochart.chart.compact import CompactAutoencoder
from nanochart.chart.dense import DenseEncoder
from nanochart.chart.gradient import silu_layers
from nanochart.descriptor.rdf_torch import TorchRdf
from nanochart.errors import NanochartError


class Smooth(nn.Module):
    """Linear layers with SiLU between them, as a network of a chart."""

    n_cvs = 3

    def __init__(self, n_bins, *, twist=False):
        super().__init__()
        self.n_bins, self.twist = n_bins, twist
        self.encoder = nn.Sequential(
            nn.Linear(n_bins, 24), nn.SiLU(), nn.Linear(24, 9), nn.SiLU(), nn.Linear(9, 3)
        )

    def encode(self, x):
        return torch.tanh(self.encoder(x)) if self.twist else self.encoder(x)


@pytest.fixture(scope="module")
def charts(chart):
    """Charts of the same RDF with the networks there are, and with others."""
    torch.manual_seed(0)
    n_bins = chart.basis.n_bins
    compact = CompactAutoencoder(n_bins)
    compact.fit_to(torch.rand(50, n_bins))
    return {
        "paper": chart,
        "compact": replace(chart, model=compact.eval()),
        "silu": replace(chart, model=Smooth(n_bins).eval()),
        "other": replace(chart, model=Smooth(n_bins, twist=True).eval()),
    }


def dense_autograd(chart, positions):
    """Return CVs and their derivatives by autograd, in float64, through the RDF in torch."""
    x = torch.tensor(positions, requires_grad=True)
    scaled = (TorchRdf(chart.basis)(x) - torch.tensor(chart.scaling.minimum)) / torch.tensor(
        chart.scaling.range
    )
    cvs = copy.deepcopy(chart.model).double().eval().encode(scaled)
    each = [torch.autograd.grad(cvs[:, c].sum(), x, retain_graph=True)[0] for c in range(3)]
    return cvs.detach().numpy(), torch.stack(each, dim=1).numpy()


@pytest.mark.parametrize("network", ["paper", "compact", "silu", "other"])
def test_equals_dense_autograd(charts, structures, network):
    chart, some = charts[network], structures[:4]
    cvs, jacobian = chart.jacobian(some, precision="float64")
    expected_cvs, expected = dense_autograd(chart, some)
    assert jacobian.shape == (4, 3, 12, 3)
    assert np.abs(expected).max() > 1e-2
    np.testing.assert_allclose(cvs, expected_cvs, atol=1e-9)
    np.testing.assert_allclose(jacobian, expected, rtol=1e-6, atol=1e-9)
    # Single precision: of the encoder alone.
    np.testing.assert_allclose(
        chart.jacobian(some)[1], expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max()
    )
    np.testing.assert_allclose(chart.jacobian(some)[0], chart.transform(some), atol=1e-4)


@pytest.mark.parametrize("network", ["paper", "compact", "silu", "other"])
def test_vjp_is_a_product_with_the_jacobian(charts, structures, network):
    chart, some = charts[network], structures[:4]
    weights = np.random.default_rng(0).normal(size=(4, 3))
    _, jacobian = chart.jacobian(some, precision="float64")
    cvs, gradient = chart.vjp(some, weights, precision="float64")
    np.testing.assert_allclose(gradient, np.einsum("sc,scax->sax", weights, jacobian), atol=1e-12)
    one_for_all = chart.vjp(some, weights[0], precision="float64")[1]
    np.testing.assert_allclose(one_for_all[0], gradient[0], atol=1e-12)
    assert cvs.shape == (4, 3)


@pytest.mark.parametrize("network", ["silu", "paper"])
def test_equals_finite_differences(charts, structures, network):
    # The paper's network has kinks; over 1e-6 Å no structure here crosses one.
    chart, at, step = charts[network], structures[0], 1e-6
    _, jacobian = chart.jacobian(at, precision="float64")
    gradient = chart.gradient(precision="float64")
    for atom, axis in ((0, 0), (5, 1), (11, 2)):
        ahead, behind = at.copy(), at.copy()
        ahead[atom, axis] += step
        behind[atom, axis] -= step
        found = (gradient.jacobian(ahead)[0] - gradient.jacobian(behind)[0]) / (2 * step)
        np.testing.assert_allclose(jacobian[0, :, atom, axis], found, rtol=1e-5, atol=1e-7)


def test_no_net_force_no_net_torque(charts, structures):
    at = structures[0] + 7.0  # away from the origin, too
    _, jacobian = charts["paper"].jacobian(at, precision="float64")
    size = np.abs(jacobian).max()
    assert np.abs(jacobian[0].sum(axis=1)).max() < 1e-12 * size
    assert np.abs(np.cross(at, jacobian[0]).sum(axis=1)).max() < 1e-11 * size


def test_follows_permutation_and_rotation(charts, structures):
    gradient = charts["paper"].gradient(precision="float64")
    order = np.random.default_rng(0).permutation(12)
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    _, at = gradient.jacobian(structures[0])
    _, found = gradient.jacobian(structures[0][order] @ turn)
    np.testing.assert_allclose(found, at[:, order] @ turn, atol=1e-11)


@pytest.mark.parametrize("bandwidths", [-6.0, -1.0, 0.0, 1.0, 5.0, 6.0])
@pytest.mark.parametrize("end", ["first", "last"])
def test_is_continuous_across_the_ends_of_window_and_kernel(charts, structures, end, bandwidths):
    # A pair near an end of the window, or outside by the reach of a kernel, 6 σ.
    chart = charts["silu"]
    points = chart.grid.points[slice(*chart.window)]
    outwards = bandwidths * chart.bandwidth
    where = max(points[0] - outwards, 1e-6) if end == "first" else points[-1] + outwards
    gradient = chart.gradient(precision="float64")

    def pulled(distance):
        at = structures[0].copy()
        at[1:] += [50.0, 0.0, 0.0]  # beyond the window, but for one atom
        at[1] = at[0] + [distance, 0.0, 0.0]
        return gradient.jacobian(at)[1][:, 0, 0]

    below, above = pulled(where - 1e-9), pulled(where + 1e-9)
    # 2e-9 Å further on: a second derivative of 1e3 makes 2e-6 of some 10
    np.testing.assert_allclose(below, above, rtol=1e-6, atol=1e-6)


def test_atoms_at_one_place_give_a_finite_gradient(charts, structures):
    at = structures[0].copy()
    at[3] = at[7]
    for network in ("paper", "silu"):
        cvs, jacobian = charts[network].jacobian(at, precision="float64")
        assert np.isfinite(cvs).all()
        assert np.isfinite(jacobian).all()
        assert np.abs(jacobian.sum(axis=2)).max() < 1e-9
    # They feel the same, and nothing of one another.
    np.testing.assert_allclose(jacobian[0, :, 3], jacobian[0, :, 7], atol=1e-12)
    nothing = charts["paper"].jacobian(np.zeros((12, 3)))[1]
    np.testing.assert_array_equal(nothing, 0.0)


def test_outside_the_domain_there_is_a_gradient_too(charts, structures):
    squeezed = structures[0] * 0.8
    assert not charts["paper"].is_inside(squeezed)[0]
    _, found = charts["paper"].jacobian(squeezed, precision="float64")
    _, expected = dense_autograd(charts["paper"], squeezed[None])
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)


def test_takes_what_transform_takes(charts, structures):
    chart = charts["paper"]
    _, expected = chart.vjp(structures[0], [1.0, 0.0, 0.0])
    read_only = np.ascontiguousarray(structures[0])
    read_only.setflags(write=False)
    for given in (Atoms("Au12", structures[0]), structures[:1], read_only, structures[0].tolist()):
        np.testing.assert_array_equal(chart.vjp(given, [1, 0, 0])[1], expected)


def test_threads_are_as_they_were(charts, structures):
    torch.set_num_threads(2)
    charts["paper"].jacobian(structures[0])
    assert torch.get_num_threads() == 2
    assert charts["paper"].gradient() is charts["paper"].gradient()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda p: (p[0, :11], [1, 0, 0]), "11 atoms"),
        (lambda p: (Atoms("Cu12", p[0]), [1, 0, 0]), "Cu12"),
        (lambda p: (np.where(p[0] == p[0][2, 1], np.nan, p[0]), [1, 0, 0]), "atom 2"),
        (lambda p: (p[0], [1, 0]), "weights"),
        (lambda p: (p[:2], np.ones((3, 3))), "weights"),
        (lambda p: (p[0], [1, np.inf, 0]), "finite weights"),
    ],
)
def test_bad_input_is_one_clear_line(charts, structures, change, says):
    with pytest.raises(NanochartError, match=says) as caught:
        charts["paper"].vjp(*change(structures))
    assert "\n" not in str(caught.value)


def test_what_is_held_for_md_checks_its_input_too(charts, structures):
    held = charts["paper"].gradient()
    for positions, weights, says in (
        (structures[0][:5], [1, 0, 0], "shape"),
        (structures[0] * np.nan, [1, 0, 0], "NaN"),
        (structures[0], [1, 0], "weights"),
        (structures[0], [np.nan, 0, 0], "weights"),
    ):
        with pytest.raises(NanochartError, match=says) as caught:
            held.vjp(positions, weights)
        assert "\n" not in str(caught.value)
    for options in ({"precision": "float16"}, {"encoder": "best"}, {"threads": 0}):
        with pytest.raises(NanochartError, match=r"unknown|at least"):
            charts["paper"].gradient(**options)
    with pytest.raises(NanochartError, match="no distilled encoder"):
        charts["paper"].vjp(structures[0], [1, 0, 0], encoder="distilled")


def test_an_overflow_is_told(chart, structures):
    huge = replace(chart, model=Smooth(chart.basis.n_bins).eval())
    with torch.no_grad():
        for layer in huge.model.encoder[::2]:
            layer.weight *= 1e25
    with pytest.raises(NanochartError, match="overflows in float32"):
        huge.vjp(structures[0], [1, 0, 0])
    assert np.isfinite(huge.vjp(structures[0], [1, 0, 0], precision="float64")[1]).all()


def test_only_layers_with_silu_are_taken_for_such(charts):
    assert silu_layers(charts["silu"].model) is not None
    assert silu_layers(charts["compact"].model) is not None
    assert silu_layers(charts["other"].model) is None  # encode does something else as well
    assert silu_layers(charts["paper"].model) is None


def test_layers_that_do_not_fit_are_refused():
    with pytest.raises(NanochartError, match="do not fit"):
        DenseEncoder([np.ones((4, 7)), np.ones((3, 5))], [np.ones(4), np.ones(3)], "float64")
