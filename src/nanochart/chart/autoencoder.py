"""The paper's network: a convolutional autoencoder with a bottleneck of three nodes.

Section 2.3 and Listing 1 of the paper's supporting information: six convolutions without padding,
each followed by ReLU and then batch normalisation, a linear bottleneck, and the mirror image out
of transposed convolutions. 474,564 parameters for 280 bins; any number of bins above 77 will do.
Listing 1 also prints a ``MaxPool1d``, but its own table of layers shows that nothing passes
through it, so there is none here.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nanochart.chart.convolution import convolve
from nanochart.chart.network import Network
from nanochart.chart.tiles import TiledConvolution
from nanochart.errors import NanochartError

#: Channels and kernel sizes from the input to the innermost layer (Listing 1).
CHANNELS = (64, 64, 64, 64, 32, 16)
KERNELS = (20, 20, 20, 10, 8, 5)
#: What the six kernels together take off the length: an input must be longer.
SHRINKAGE = sum(kernel - 1 for kernel in KERNELS)
#: From so many signals on, convolutions as matrix products are faster.
FEWEST_SIGNALS = 16
#: Signals taken through all layers together where nothing is learnt: enough for the matrix
#: product to be fast, few enough for the caches.
SIGNALS_AT_ONCE = 96


class Autoencoder(Network):
    """RDF in, ``n_cvs`` collective variables, RDF out; both RDFs scaled bin by bin.

    Parameters
    ----------
    n_bins
        Length of the input, at least 78.
    n_cvs
        Number of nodes of the bottleneck.

    Raises
    ------
    NanochartError
        The input is shorter than the convolutions need.
    """

    kind = "paper"

    def __init__(self, n_bins: int = 280, n_cvs: int = 3) -> None:
        super().__init__(n_bins, n_cvs)
        if n_bins <= SHRINKAGE or n_cvs < 1:
            raise NanochartError(
                f"autoencoder: {n_bins} bins to {n_cvs} CVs cannot be built; its convolutions "
                f"need at least {SHRINKAGE + 1} bins (widen the window), and 1 CV"
            )
        inner = CHANNELS[-1] * (n_bins - SHRINKAGE)
        self.input_layer = nn.Conv1d(1, CHANNELS[0], KERNELS[0])
        self.relu_1 = nn.ReLU()
        self.batchnorm = nn.BatchNorm1d(CHANNELS[0])
        self.encoder = nn.Sequential()
        self.flatten = nn.Flatten()
        self.embed_linear = nn.Linear(inner, n_cvs)
        self.decode_linear = nn.Linear(n_cvs, inner)
        self.decoder = nn.Sequential()
        self.output_layer = nn.ConvTranspose1d(CHANNELS[0], 1, KERNELS[0])
        for level in range(1, len(KERNELS)):
            outer, deeper = CHANNELS[level - 1], CHANNELS[level]
            self.encoder.extend(
                [nn.Conv1d(outer, deeper, KERNELS[level]), nn.ReLU(), nn.BatchNorm1d(deeper)]
            )
        for level in range(len(KERNELS) - 1, 0, -1):
            outer, deeper = CHANNELS[level - 1], CHANNELS[level]
            back = nn.ConvTranspose1d(deeper, outer, KERNELS[level])
            self.decoder.extend([back, nn.ReLU(), nn.BatchNorm1d(outer)])

    def encode(self, inputs: Tensor) -> Tensor:
        """Return the CVs, shape (batch, n_cvs), of scaled RDFs, shape (batch, n_bins)."""
        layers = [self.input_layer, self.relu_1, self.batchnorm, *self.encoder]
        innermost = self.flatten(_run(layers, inputs[:, None]))
        return self.embed_linear(innermost)  # type: ignore[no-any-return]

    def decode(self, cvs: Tensor) -> Tensor:
        """Return the scaled RDFs, shape (batch, n_bins), that CVs, (batch, n_cvs), stand for."""
        innermost = self.decode_linear(cvs).view(len(cvs), CHANNELS[-1], -1)
        return _run([*self.decoder, self.output_layer], innermost)[:, 0]


def _run(layers: list[nn.Module], x: Tensor) -> Tensor:
    """Send x, shape (batch, channel, length), through layers; the result has the same order.

    Many signals on a CPU or a CUDA GPU go through `nanochart.chart.convolution`, which does what
    the layers do in a fraction of the time (benchmarks/training_step.py); where nothing is learnt,
    on a CPU, through `nanochart.chart.tiles`. Few signals, and other devices, go through the layers
    themselves.
    """
    if x.device.type not in ("cpu", "cuda") or len(x) < FEWEST_SIGNALS:
        for layer in layers:
            x = layer(x)
        return x
    learns = torch.is_grad_enabled() or any(layer.training for layer in layers)
    if not learns and x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64):
        steps = _frozen(layers, x.shape[2])
        return torch.cat([_through(steps, part) for part in x.split(SIGNALS_AT_ONCE)])
    x = x.permute(2, 1, 0).contiguous()  # (length, channel, batch)
    for layer in layers:
        if isinstance(layer, nn.Conv1d):
            assert layer.bias is not None
            x = convolve(x, layer.weight, layer.bias)
        elif isinstance(layer, nn.ConvTranspose1d):
            assert layer.bias is not None
            turned = layer.weight.transpose(0, 1).flip(2)
            x = convolve(x, turned, layer.bias, padding=turned.shape[2] - 1)
        elif isinstance(layer, nn.ReLU):
            x = torch.relu_(x)  # its input is a convolution's output, which nobody else needs
        else:
            x = layer(x)  # to batch normalisation, the first axis and the last are alike
    return x.permute(2, 1, 0)


def _frozen(layers: list[nn.Module], length: int) -> list[TiledConvolution]:
    """Return what convolutions do, each with the ReLU and the batch normalisation behind it."""
    steps = []
    for k, layer in enumerate(layers):
        if not isinstance(layer, nn.Conv1d | nn.ConvTranspose1d):
            continue
        weight, padding, line = layer.weight, 0, None
        if isinstance(layer, nn.ConvTranspose1d):
            weight = weight.transpose(0, 1).flip(2)
            padding = weight.shape[2] - 1
        norm = layers[k + 2] if k + 2 < len(layers) else None
        if isinstance(norm, nn.BatchNorm1d):
            assert norm.running_mean is not None
            assert norm.running_var is not None
            factor = norm.weight / (norm.running_var + norm.eps).sqrt()
            line = factor, norm.bias - norm.running_mean * factor
        assert layer.bias is not None
        steps.append(TiledConvolution(weight, layer.bias, length, padding=padding, line=line))
        length += 2 * padding - weight.shape[2] + 1
    return steps


def _through(steps: list[TiledConvolution], x: Tensor) -> Tensor:
    """Send signals (batch, channel, length) through convolutions, which have the batch last."""
    x = x.permute(1, 2, 0).contiguous()
    for step in steps:
        x = step(x)
    return x.permute(2, 0, 1)
