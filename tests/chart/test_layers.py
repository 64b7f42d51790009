"""Layers as the modules tell: the paper's network as its Listing 1 prints it, and any other."""

from __future__ import annotations

import torch
from torch import nn

from nanochart.chart.autoencoder import Autoencoder
from nanochart.chart.layers import layers_of


def test_the_papers_network_is_told_as_its_listing_prints_it() -> None:
    model = Autoencoder(280, 3).train()
    layers = layers_of(model, 280)
    assert model.training  # as it was
    assert sum(layer.n_parameters for layer in layers) == 474_564
    # Listing 1 of the SI: name, shape and parameters of every layer.
    assert len(layers) == 37
    assert (layers[0].kind, layers[0].outputs, layers[0].n_parameters) == (
        "Conv1d",
        (64, 261),
        1_344,
    )
    assert layers[18].kind == "Flatten"
    assert (layers[19].outputs, layers[19].n_parameters) == ((3,), 9_747)
    assert (layers[36].kind, layers[36].outputs, layers[36].kernel) == (
        "ConvTranspose1d",
        (1, 280),
        20,
    )


def test_any_network_will_do_and_is_left_as_it_was() -> None:
    model = nn.Sequential(nn.Linear(90, 16), nn.SiLU(), nn.Linear(16, 2), nn.Linear(2, 90))
    layers = layers_of(model.double().eval(), 90)
    assert [layer.kind for layer in layers] == ["Linear", "SiLU", "Linear", "Linear"]
    assert layers[2].outputs == (2,)
    assert layers[0].kernel is None
    assert not model.training
    assert model(torch.zeros(1, 90, dtype=torch.float64)).shape == (1, 90)
    assert not model[0]._forward_hooks
