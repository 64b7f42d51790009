"""The RDF in torch: against the compiled one, and its gradient against finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ase.cluster import Icosahedron

from nanochart.descriptor.rdf import WINDOWS, RadialBasis, RdfGrid, rdf, rdf_of_positions
from nanochart.descriptor.rdf_torch import TorchRdf, rdf_on_device
from nanochart.descriptor.scaling import MinMaxScaling
from nanochart.errors import NanochartError


@pytest.fixture
def clusters():
    """Give seven shaken icosahedra of 55 gold atoms."""
    shake = np.random.default_rng(0).normal(0.0, 0.15, (7, 55, 3))
    return Icosahedron("Au", 3).positions + shake


@pytest.mark.parametrize("pairs_at_once", [1, 4000, 1 << 20])  # 1 cluster, 2, all at once
@pytest.mark.parametrize("window", [None, (40, 200)])
def test_equals_the_compiled_one(clusters, pairs_at_once, window):
    basis = RadialBasis(window=window, length=1.1)
    found = TorchRdf(basis, pairs_at_once=pairs_at_once)(torch.from_numpy(clusters))
    np.testing.assert_allclose(found.numpy(), rdf_of_positions(clusters, basis), atol=1e-12)


def test_single_precision_is_accurate_in_scaled_units(shared_data):
    stored = np.load(shared_data("au147.npz"))
    positions = stored["positions"][::1000] * float(stored["scale"])
    basis = RadialBasis(window=WINDOWS["Au147"])
    expected = rdf_of_positions(positions, basis)
    found = TorchRdf(basis)(torch.tensor(positions, dtype=torch.float32))
    assert found.dtype == torch.float32
    scaling = MinMaxScaling.fit(expected)
    error = np.abs(scaling.transform(found.numpy()) - scaling.transform(expected))
    assert error.max() <= 1e-3


def test_in_periodic_cells():
    rng = np.random.default_rng(1)
    basis = RadialBasis(RdfGrid(0.0, 4.5, 91), 0.3)
    cell = np.stack([np.eye(3) * 15.0, [[15.0, 0, 0], [-5.0, 17.0, 0], [0, 0, 0]]])
    positions = rng.uniform(0.0, 15.0, (2, 20, 3))
    expected = rdf_of_positions(positions, basis, cell=cell)
    for pairs_at_once in (1, 1 << 20):
        module = TorchRdf(basis, pairs_at_once=pairs_at_once)
        found = module(torch.from_numpy(positions), cell)
        np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)
    np.testing.assert_allclose(
        rdf_on_device(positions, basis, "cpu", cell=cell), expected, atol=1e-12
    )


@pytest.mark.parametrize("pairs_at_once", [1, 1 << 20])
def test_autograd_finds_the_derivatives_of_first_and_second_order(pairs_at_once):
    positions = Icosahedron("Au", 2).positions[:6] + 0.1 * np.random.default_rng(2).normal(
        size=(2, 6, 3)
    )
    module = TorchRdf(RadialBasis(window=(40, 120)), pairs_at_once=pairs_at_once)
    weights = torch.from_numpy(np.random.default_rng(3).normal(size=80))
    tracked = torch.from_numpy(positions).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: module(x) @ weights, tracked)
    assert torch.autograd.gradgradcheck(lambda x: module(x) @ weights, tracked)


def test_two_atoms_at_one_place_have_no_nan_gradient():
    positions = torch.zeros((1, 3, 3), dtype=torch.float64)
    positions[0, 2, 0] = 3.0
    positions.requires_grad_()
    TorchRdf(RadialBasis())(positions).sum().backward()
    assert positions.grad.isfinite().all()


def test_on_a_device_by_name(clusters):
    np.testing.assert_allclose(rdf(clusters, device="cpu"), rdf(clusters), atol=1e-12)
    with pytest.raises(NanochartError, match="'abacus'"):
        rdf(clusters, device="abacus")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_an_error_of_one_line(clusters):
    with pytest.raises(NanochartError, match="'cuda'") as caught:
        rdf(clusters, device="cuda")
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_cuda_equals_the_compiled_one(clusters):
    expected = rdf(clusters)
    np.testing.assert_allclose(rdf(clusters, device="cuda"), expected, atol=1e-12)
    on_gpu = torch.tensor(clusters, dtype=torch.float32, device="cuda", requires_grad=True)
    found = TorchRdf(RadialBasis()).cuda()(on_gpu)
    np.testing.assert_allclose(found.detach().cpu().numpy(), expected, atol=1e-5)
    found.square().sum().backward()
    assert on_gpu.grad.isfinite().all()


def test_what_is_no_structure_is_refused(clusters):
    module = TorchRdf(RadialBasis())
    with pytest.raises(NanochartError, match="shape"):
        module(torch.zeros(5, 3))
    with pytest.raises(NanochartError, match="floating"):
        module(torch.zeros((1, 5, 3), dtype=torch.int64))
    with pytest.raises(NanochartError, match="one atom"):
        module(torch.zeros(1, 1, 3))
    clusters[4, 7, 1] = np.nan
    with pytest.raises(NanochartError, match="structure 4"):
        module(torch.from_numpy(clusters))
