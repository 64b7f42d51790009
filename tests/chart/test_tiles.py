"""Frozen convolutions by tiles against torch's own, with what follows them."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from nanochart.chart.tiles import TiledConvolution


@given(
    channels=st.sampled_from([1, 3, 16]),
    channels_out=st.sampled_from([1, 5, 16]),
    kernel=st.integers(1, 24),
    more=st.integers(0, 150),
    n_signals=st.integers(1, 20),
    padded=st.booleans(),
    followed=st.booleans(),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
@settings(deadline=None, max_examples=60)
def test_it_is_the_convolution_of_torch(
    channels: int,
    channels_out: int,
    kernel: int,
    more: int,
    n_signals: int,
    padded: bool,
    followed: bool,
    dtype: torch.dtype,
) -> None:
    torch.manual_seed(kernel + 31 * more)
    weight = torch.randn(channels_out, channels, kernel, dtype=dtype)
    bias, factor, offset = torch.randn(3, channels_out, dtype=dtype)
    x = torch.randn(n_signals, channels, kernel + more, dtype=dtype)
    padding = kernel - 1 if padded else 0
    line = (factor, offset) if followed else None
    ours = TiledConvolution(weight, bias, x.shape[2], padding=padding, line=line)
    y = ours(x.permute(1, 2, 0).contiguous()).permute(2, 0, 1)
    expected = functional.conv1d(x.double(), weight.double(), bias.double(), padding=padding)
    scale = float(expected.abs().max()) + 1.0
    if followed:
        expected = torch.relu(expected) * factor.double()[:, None] + offset.double()[:, None]
        scale *= 1.0 + float(factor.abs().max())
    assert y.shape == expected.shape
    allowed = {torch.float32: 2e-6, torch.float64: 1e-14}[dtype] * scale
    assert float((y.double() - expected).abs().max()) <= allowed


def test_a_signal_gets_the_same_whatever_stands_beside_it() -> None:
    torch.manual_seed(0)
    ours = TiledConvolution(torch.randn(8, 4, 10), torch.randn(8), 90)
    x = torch.randn(4, 90, 33)
    torch.testing.assert_close(ours(x)[..., 20:], ours(x[..., 20:].contiguous()))


@pytest.mark.parametrize("kernel", [5, 20])
def test_later_changes_of_the_weights_do_not_show(kernel: int) -> None:
    weight, bias = torch.randn(8, 4, kernel), torch.randn(8)
    ours = TiledConvolution(weight, bias, 60)
    x = torch.randn(4, 60, 3)
    before = ours(x)
    weight.zero_()
    bias.zero_()
    torch.testing.assert_close(ours(x), before, rtol=0, atol=0)
