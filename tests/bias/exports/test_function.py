"""The function that is exported: our CVs by another RDF, finite differences, any encoder, cells."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nanochart.bias.exports.function import ChartFunction, exported, traced
from nanochart.bias.exports.subject import subject_of
from nanochart.descriptor.rdf import RadialBasis
from nanochart.errors import NanochartError

NO_CELL = torch.zeros(3, 3, dtype=torch.float64)


@pytest.fixture(scope="module")
def function(chart):
    return subject_of(chart).function


def jacobian(function, positions, cell=NO_CELL):
    x = torch.tensor(positions, requires_grad=True)
    cvs = function(x, cell)
    slopes = [torch.autograd.grad(cv, x, retain_graph=True)[0] for cv in cvs]
    return cvs.detach().numpy(), torch.stack(slopes).numpy()


def test_it_gives_the_chart_s_cvs(function, chart, structures, cvs_of):
    cvs = np.stack([jacobian(function, one)[0] for one in structures])
    np.testing.assert_allclose(cvs, cvs_of(structures), rtol=0, atol=1e-9)
    # transform runs the network in float32.
    np.testing.assert_allclose(cvs, chart.transform(structures), rtol=1e-4, atol=1e-4)


def test_its_gradient_is_that_of_dense_autograd(function, structures, expected):
    for one, cvs, slopes in zip(structures, *expected, strict=True):
        ours, our_slopes = jacobian(function, one)
        np.testing.assert_allclose(ours, cvs, rtol=0, atol=1e-12)
        np.testing.assert_allclose(our_slopes, slopes, rtol=0, atol=1e-12)


def test_its_gradient_is_that_of_finite_differences(function, structures, cvs_of):
    slopes = jacobian(function, structures[2])[1]
    step = 1e-5
    for atom, axis in ((0, 0), (44, 1), (89, 2)):
        ends = np.repeat(structures[2:], 2, axis=0)
        ends[:, atom, axis] += [step, -step]
        high, low = cvs_of(ends)
        np.testing.assert_allclose(slopes[:, atom, axis], (high - low) / (2 * step), atol=1e-6)


def test_no_net_force_and_no_torque(function, structures):
    for one in structures:
        slopes = jacobian(function, one)[1]
        np.testing.assert_allclose(slopes.sum(axis=1), 0.0, atol=1e-12)
        np.testing.assert_allclose(np.cross(one, slopes).sum(axis=1), 0.0, atol=1e-11)


def test_any_encoder_will_do(mlp_chart, chart, structures):
    function = subject_of(mlp_chart).function
    assert function.n_cvs == 4
    scaled = chart.scaling.transform(
        np.stack([function.rdf(torch.from_numpy(one[None])).numpy()[0] for one in structures])
    )
    with torch.no_grad():
        expected = mlp_chart.model.encode(torch.from_numpy(scaled).float())
    for one, cvs in zip(structures, expected, strict=True):
        np.testing.assert_allclose(jacobian(function, one)[0], cvs, rtol=1e-4, atol=1e-4)
    slopes = jacobian(function, structures[0])[1]
    for graph in (traced(function), exported(function).module()):
        np.testing.assert_allclose(jacobian(graph, structures[0])[1], slopes, rtol=0, atol=1e-12)
    # The decoder is not needed, and stays behind; the chart's own network is left as it was.
    assert not any("decoder" in name for name, _ in function.named_parameters())
    assert mlp_chart.model.decoder.weight.dtype == torch.float32


def test_another_encoder_than_the_chart_s(chart, mlp_chart):
    assert subject_of(chart, mlp_chart.model).n_cvs == 4


def test_a_cluster_across_a_cell_is_one_cluster(function, structures, expected):
    cell = np.array([[50.0, 0, 0], [12.0, 48.0, 0], [0, 0, 0]])  # a row of zeros: not periodic
    broken = structures[0].copy()
    broken[::2] += 3 * cell[0] - cell[1]
    cvs, slopes = jacobian(function, broken, torch.from_numpy(cell))
    np.testing.assert_allclose(cvs, expected[0][0], rtol=0, atol=1e-10)
    np.testing.assert_allclose(slopes, expected[1][0], rtol=0, atol=1e-10)


@pytest.mark.parametrize("made", ["function", "traced"])
def test_odd_positions_give_finite_gradients_or_nan_cvs(function, structures, made):
    call = function if made == "function" else traced(function)
    coincident, gone, huge, lost = structures[[0, 0, 0, 0]].copy()
    coincident[1] = coincident[0]
    gone[0] += 1000.0  # beyond the window of every other atom
    huge[0] = 1e200  # its square is no float64, its float32 infinite
    lost[5, 1] = np.nan
    for one in (coincident, gone, huge, np.zeros((90, 3))):
        cvs, slopes = jacobian(call, one)
        assert np.isfinite(cvs).all()
        assert np.isfinite(slopes).all()
    np.testing.assert_allclose(jacobian(call, gone)[1][:, 0], 0.0)
    assert np.isnan(jacobian(call, lost)[0]).all()


def test_parts_of_different_charts_are_refused(chart):
    with pytest.raises(NanochartError, match="of the same chart"):
        ChartFunction(RadialBasis(window=(40, 300)), chart.scaling, chart.model, 90)
