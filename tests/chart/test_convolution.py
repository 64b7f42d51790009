"""Convolutions by tiles against torch's own, values and gradients, in float64 and float32."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from nanochart.chart import convolution
from nanochart.chart.convolution import TILES, convolve


def tensors(length, channels, channels_out, kernel, n_signals, dtype, seed=0):
    """Return x (length, channel, signal), weight and bias, all wanting gradients."""
    rng = np.random.default_rng(seed)
    shapes = ((length, channels, n_signals), (channels_out, channels, kernel), (channels_out,))
    return [torch.tensor(rng.normal(size=s), dtype=dtype, requires_grad=True) for s in shapes]


def value_and_gradients(function, arguments):
    """Return a function's value, and the gradients of its product with fixed random numbers."""
    value = function(*arguments)
    toward = np.random.default_rng(1).normal(size=tuple(value.shape))
    gradients = torch.autograd.grad(
        (value * torch.tensor(toward, dtype=value.dtype)).sum(), arguments
    )
    return [value.detach(), *gradients]


def by_torch(x, weight, bias, *, padding=0):
    y = functional.conv1d(x.permute(2, 1, 0), weight, bias, padding=padding)
    return y.permute(2, 1, 0)


def transposed_by_torch(x, weight, bias):
    """As the decoder's layers are: torch's weight has the channels the other way round."""
    return functional.conv_transpose1d(x.permute(2, 1, 0), weight, bias).permute(2, 1, 0)


def transposed_by_tiles(x, weight, bias):
    turned = weight.transpose(0, 1).flip(2)
    return convolve(x, turned, bias, padding=turned.shape[2] - 1)


def assert_as_close_as_rounding(ours, theirs, exact):
    """Ours may be at most a few times as far from the exact result as torch's are."""
    for our, their, value in zip(ours, theirs, exact, strict=True):
        allowed = 10 * (their.double() - value).norm() + 1e-6 * value.norm()
        assert (our.double() - value).norm() <= allowed


@given(
    channels=st.sampled_from([1, 2, 3, 16, 33]),
    channels_out=st.sampled_from([1, 2, 5, 16, 32]),
    kernel=st.integers(1, 24),
    more=st.integers(0, 200),
    n_signals=st.integers(1, 5),
    padded=st.floats(0, 1),
    tile=st.sampled_from([None, *TILES]),
)
@settings(max_examples=60, deadline=None)
def test_every_shape(channels, channels_out, kernel, more, n_signals, padded, tile):
    padding = round(padded * (kernel - 1))
    length = max(kernel - 2 * padding, 1) + more  # one output at least
    best = convolution._best_tile
    try:
        convolution._best_tile = lambda *_: tile  # every tile for every shape, good or bad
        arguments = tensors(length, channels, channels_out, kernel, n_signals, torch.float64)
        ours = value_and_gradients(lambda *a: convolve(*a, padding=padding), arguments)
    finally:
        convolution._best_tile = best
    theirs = value_and_gradients(lambda *a: by_torch(*a, padding=padding), arguments)
    for our, their in zip(ours, theirs, strict=True):
        torch.testing.assert_close(our, their, rtol=1e-10, atol=1e-10)


#: Of the paper's network: length, channels in and out, kernel.
LAYERS = [
    *((280, 1, 64, 20), (261, 64, 64, 20), (242, 64, 64, 20)),
    *((223, 64, 64, 10), (214, 64, 32, 8), (207, 32, 16, 5)),
]


@pytest.mark.parametrize("layer", LAYERS, ids=str)
@pytest.mark.parametrize("transposed", [False, True])
def test_the_layers_of_the_paper(layer, transposed):
    length, channels, channels_out, kernel = layer
    if transposed:  # the way back: from the inner length and channels to the outer ones
        x, _, _ = tensors(length - kernel + 1, channels_out, 1, 1, 16, torch.float64)
        _, weight, bias = tensors(1, channels, channels_out, kernel, 1, torch.float64, seed=2)
        bias = bias.new_ones(channels).requires_grad_()
        arguments, functions = [x, weight, bias], (transposed_by_tiles, transposed_by_torch)
    else:
        arguments = tensors(length, channels, channels_out, kernel, 16, torch.float64)
        functions = (convolve, by_torch)
    ours, exact = (value_and_gradients(function, arguments) for function in functions)
    for our, their in zip(ours, exact, strict=True):
        torch.testing.assert_close(our, their, rtol=1e-10, atol=1e-10 * float(their.abs().max()))
    single = [tensor.detach().float().requires_grad_() for tensor in arguments]
    ours, theirs = (value_and_gradients(function, single) for function in functions)
    assert_as_close_as_rounding(ours, theirs, exact)


def test_gradients_by_finite_differences():
    for tile in (None, 32):
        arguments = tensors(40, 2, 3, 5, 2, torch.float64)
        best = convolution._best_tile
        try:
            convolution._best_tile = lambda *_, tile=tile: tile
            assert torch.autograd.gradcheck(lambda *a: convolve(*a, padding=2), arguments)
        finally:
            convolution._best_tile = best


@pytest.mark.parametrize("shape", [(280, 1, 64, 20), (261, 64, 64, 20)])
def test_a_second_derivative_is_refused(shape):
    x, weight, bias = tensors(*shape, 4, torch.float32)
    (gradient,) = torch.autograd.grad(
        convolve(x, weight, bias).square().sum(), x, create_graph=True
    )
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.square().sum().backward()


def test_the_data_need_no_gradient():
    x, weight, bias = tensors(261, 64, 64, 20, 4, torch.float64)
    wanted = torch.autograd.grad(by_torch(x, weight, bias).square().sum(), (weight, bias))
    found = torch.autograd.grad(convolve(x.detach(), weight, bias).square().sum(), (weight, bias))
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-6)


def test_the_gradient_may_come_in_any_layout():
    x, weight, bias = tensors(261, 64, 64, 20, 4, torch.float64)
    results = [
        torch.autograd.grad(function(x, weight, bias).permute(2, 1, 0).square().sum(), (x, weight))
        for function in (convolve, by_torch)
    ]
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-6)


def test_the_best_tile():
    # the layers that take the time: tiles with a quarter of the arithmetic
    assert convolution._best_tile(261, 64, 64, 20) in TILES
    # one channel, a kernel of one, or hardly an output: nothing to gain by a transform
    for length, channels, channels_out, kernel in (
        *((280, 1, 1, 3), (280, 1, 64, 20), (200, 64, 64, 1)),
        *((6, 16, 16, 5), (300, 2, 2, 200)),
    ):
        assert convolution._best_tile(length, channels, channels_out, kernel) is None
