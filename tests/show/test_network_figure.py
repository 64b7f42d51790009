"""The drawing of a network shows the signals that its modules make."""

from __future__ import annotations

import pytest
from matplotlib.patches import Circle
from torch import nn

from nanochart.chart.autoencoder import Autoencoder
from nanochart.chart.layers import layers_of
from nanochart.show.network_figure import draw_network
from nanochart.show.style import NARROW, WIDE

MLP = nn.Sequential(nn.Linear(280, 64), nn.SiLU(), nn.Linear(64, 2), nn.Linear(2, 280))


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_papers_network(width, clipped):
    figure = draw_network(layers_of(Autoencoder(280, 3), 280), width=width)
    words = [text.get_text() for text in figure.axes[0].texts]
    for label in ("1 × 280, input", "64 × 261, kernel 20", "16 × 203, kernel 5", "3", "3248"):
        assert label in words
    assert "3 CVs" in words
    assert "474,564 parameters" in words
    assert "convolution (ReLU, batch norm.)" in words
    assert len([one for one in figure.axes[0].patches if isinstance(one, Circle)]) == 3
    assert clipped(figure) == []


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_a_multilayer_perceptron(width, clipped):
    figure = draw_network(layers_of(MLP, 280), width=width)
    words = [text.get_text() for text in figure.axes[0].texts]
    assert {"280, input", "64", "2", "2 CVs"} <= set(words)
    assert "fully connected (SiLU)" in words
    assert len([one for one in figure.axes[0].patches if isinstance(one, Circle)]) == 2
    assert clipped(figure) == []
