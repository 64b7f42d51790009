"""The network against the table that the paper's SI prints, and against its own layers."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from nanochart.chart.autoencoder import Autoencoder
from nanochart.errors import NanochartError

#: Listing 1 of the SI: layer, output shape without the batch, number of parameters.
LISTING_1 = """
Conv1d-1 64,261 1344            ReLU-2 64,261 0     BatchNorm1d-3 64,261 128
Conv1d-4 64,242 81984           ReLU-5 64,242 0     BatchNorm1d-6 64,242 128
Conv1d-7 64,223 81984           ReLU-8 64,223 0     BatchNorm1d-9 64,223 128
Conv1d-10 64,214 41024          ReLU-11 64,214 0    BatchNorm1d-12 64,214 128
Conv1d-13 32,207 16416          ReLU-14 32,207 0    BatchNorm1d-15 32,207 64
Conv1d-16 16,203 2576           ReLU-17 16,203 0    BatchNorm1d-18 16,203 32
Flatten-19 3248 0               Linear-20 3 9747    Linear-21 3248 12992
ConvTranspose1d-22 32,207 2592  ReLU-23 32,207 0    BatchNorm1d-24 32,207 64
ConvTranspose1d-25 64,214 16448 ReLU-26 64,214 0    BatchNorm1d-27 64,214 128
ConvTranspose1d-28 64,223 41024 ReLU-29 64,223 0    BatchNorm1d-30 64,223 128
ConvTranspose1d-31 64,242 81984 ReLU-32 64,242 0    BatchNorm1d-33 64,242 128
ConvTranspose1d-34 64,261 81984 ReLU-35 64,261 0    BatchNorm1d-36 64,261 128
ConvTranspose1d-37 1,280 1281
""".split()  # noqa: SIM905


def layer_by_layer(model, inputs):
    """Return the output as the printed modules give it one after the other."""
    x = model.batchnorm(model.relu_1(model.input_layer(inputs[:, None])))
    cvs = model.embed_linear(model.flatten(model.encoder(x)))
    x = model.decode_linear(cvs).view(len(inputs), 16, -1)
    return model.output_layer(model.decoder(x))[:, 0]


def realistic_inputs(n, n_bins=280):
    """Return curves like scaled RDFs: peaks, long stretches of zeros."""
    torch.manual_seed(1)
    x = torch.linspace(0, 40, n_bins) + 6 * torch.rand(n, 1)
    return (x.sin() * (x / 9).cos()).clamp(0, 1) * (torch.linspace(1, 0, n_bins) > 0.2)


def test_every_layer_of_listing_1():
    model, rows = Autoencoder(), []

    def note(module, _, output):
        shape = ",".join(str(size) for size in output.shape[1:])
        count = sum(p.numel() for p in module.parameters())
        rows.extend([f"{type(module).__name__}-{len(rows) // 3 + 1}", shape, str(count)])

    for module in model.modules():
        if not isinstance(module, (nn.Sequential, Autoencoder)):
            module.register_forward_hook(note)
    layer_by_layer(model, torch.rand(2, 280))
    assert rows == LISTING_1
    assert sum(p.numel() for p in model.parameters()) == 474_564


def test_the_names_of_listing_1():
    names = [name for name, _ in Autoencoder().named_children()]
    # All that Listing 1 prints, but the max pooling that its table does not contain.
    assert names == [
        *("input_layer", "relu_1", "batchnorm", "encoder", "flatten"),
        *("embed_linear", "decode_linear", "decoder", "output_layer"),
    ]


@pytest.mark.parametrize("training", [True, False])
def test_the_forward_pass_is_that_of_the_layers(training):
    torch.manual_seed(0)
    model = Autoencoder().train(training)
    exact = copy.deepcopy(model).double()
    plain = copy.deepcopy(model)
    inputs = realistic_inputs(16)
    expected = layer_by_layer(exact, inputs.double())
    expected.square().mean().backward()
    layer_by_layer(plain, inputs).square().mean().backward()
    output = model(inputs)
    output.square().mean().backward()
    torch.testing.assert_close(output.double(), expected, rtol=1e-4, atol=1e-4)
    theirs = list(zip(exact.parameters(), plain.parameters(), strict=True))
    for ours, (wanted, layers) in zip(model.parameters(), theirs, strict=True):
        # float32 through 36 layers: no further from float64 than the layers themselves are
        allowed = 3 * (layers.grad - wanted.grad).norm() + 1e-3 * wanted.grad.norm() + 1e-6
        assert (ours.grad - wanted.grad).norm() <= allowed
    for ours, wanted in zip(model.buffers(), exact.buffers(), strict=True):
        torch.testing.assert_close(ours.double(), wanted.double(), rtol=1e-4, atol=1e-5)


def test_what_is_only_asked_in_parts_is_that_of_the_layers():
    torch.manual_seed(0)
    model = Autoencoder()
    with torch.no_grad():
        model.train()(realistic_inputs(64))  # averages that are not those of the start
        exact = copy.deepcopy(model.eval()).double()
        inputs = realistic_inputs(150)  # two parts, and a smaller one
        output = model(inputs)
        expected = layer_by_layer(exact, inputs.double())
        allowed = 3 * (layer_by_layer(model, inputs).double() - expected).abs().max() + 1e-6
        assert (output.double() - expected).abs().max() <= allowed
        # What a structure gets does not depend on the parts beside it.
        torch.testing.assert_close(model(inputs[128:]), output[128:], rtol=1e-5, atol=1e-6)


def test_encode_and_decode_make_forward():
    model = Autoencoder(n_bins=100, n_cvs=2).eval()
    inputs = realistic_inputs(3, 100)
    cvs = model.encode(inputs)
    assert cvs.shape == (3, 2)
    torch.testing.assert_close(model.decode(cvs), model(inputs))


@pytest.mark.parametrize("n_bins", [78, 100, 340])
def test_other_lengths(n_bins):
    assert Autoencoder(n_bins).eval()(torch.rand(2, n_bins)).shape == (2, n_bins)


def test_too_short_an_input_is_refused():
    # 19 + 19 + 19 + 9 + 7 + 4 = 77 bins are lost on the way
    with pytest.raises(NanochartError, match="78"):
        Autoencoder(77)
