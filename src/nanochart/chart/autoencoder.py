"""The paper's network: a convolutional autoencoder with a bottleneck of three nodes.

Section 2.3 and Listing 1 of the paper's supporting information: six convolutions without padding,
each followed by ReLU and then batch normalisation, a linear bottleneck, and the mirror image out
of transposed convolutions. 474,564 parameters for 280 bins; any number of bins above 77 will do.
Listing 1 also prints a ``MaxPool1d``, but its own table of layers shows that nothing passes
through it, so there is none here.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from nanochart.errors import NanochartError

#: Channels and kernel sizes from the input to the innermost layer (Listing 1).
CHANNELS = (64, 64, 64, 64, 32, 16)
KERNELS = (20, 20, 20, 10, 8, 5)
#: What the six kernels together take off the length: an input must be longer.
SHRINKAGE = sum(kernel - 1 for kernel in KERNELS)


class Autoencoder(nn.Module):
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

    def __init__(self, n_bins: int = 280, n_cvs: int = 3) -> None:
        super().__init__()
        if n_bins <= SHRINKAGE or n_cvs < 1:
            raise NanochartError(
                f"autoencoder: {n_bins} bins to {n_cvs} CVs cannot be built; its convolutions "
                f"need at least {SHRINKAGE + 1} bins (widen the window), and 1 CV"
            )
        self.n_bins = n_bins
        self.n_cvs = n_cvs
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
        x = inputs[:, None, None, :]  # (batch, channel, 1, length)
        x = _run([self.input_layer, self.relu_1, self.batchnorm, *self.encoder], x)
        return self.embed_linear(self.flatten(x))  # type: ignore[no-any-return]

    def decode(self, cvs: Tensor) -> Tensor:
        """Return the scaled RDFs, shape (batch, n_bins), that CVs, (batch, n_cvs), stand for."""
        x = self.decode_linear(cvs).view(len(cvs), CHANNELS[-1], 1, -1)
        return _run([*self.decoder, self.output_layer], x)[:, 0, 0]

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the reconstruction, shape (batch, n_bins), of scaled RDFs, (batch, n_bins)."""
        return self.decode(self.encode(inputs))


def _run(layers: list[nn.Module], x: Tensor) -> Tensor:
    """Send x, shape (batch, channel, 1, length), through one-dimensional layers.

    The layers' own forward would do the same in 1.4 times the time on a CPU: as images of height
    1 with the channels innermost in memory, the convolutions need no reordering between layers
    (benchmarks/training_step.py).
    """
    for layer in layers:
        # Nothing to do between most layers; but one channel alone does not tell the two layouts
        # apart, and the convolutions after it would fall back to the slow one.
        x = x.contiguous(memory_format=torch.channels_last)
        if isinstance(layer, nn.Conv1d):
            x = functional.conv2d(x, layer.weight.unsqueeze(2), layer.bias)
        elif isinstance(layer, nn.ConvTranspose1d):
            x = functional.conv_transpose2d(x, layer.weight.unsqueeze(2), layer.bias)
        elif isinstance(layer, nn.BatchNorm1d):
            x = _normalise(layer, x)
        else:
            x = layer(x)
    return x


def _normalise(layer: nn.BatchNorm1d, x: Tensor) -> Tensor:
    """Apply a batch normalisation, as the layer itself would, to x, (batch, channel, 1, length)."""
    running_mean, running_var = layer.running_mean, layer.running_var
    assert running_mean is not None
    assert running_var is not None
    assert layer.num_batches_tracked is not None
    if not layer.training:
        return functional.batch_norm(
            x, running_mean, running_var, layer.weight, layer.bias, eps=layer.eps
        )
    y, mean, variance = _BatchStatistics.apply(  # type: ignore[no-untyped-call]
        x, layer.weight, layer.bias, layer.eps
    )
    count = x.numel() // x.shape[1]
    with torch.no_grad():
        layer.num_batches_tracked += 1
        running_mean.lerp_(mean, layer.momentum or 0.0)
        running_var.lerp_(variance * (count / (count - 1)), layer.momentum or 0.0)
    return y  # type: ignore[no-any-return]


class _BatchStatistics(torch.autograd.Function):
    """Batch normalisation with the batch's own mean and variance.

    torch has it, but with the channels innermost it adds up the statistics one by one in float32,
    which loses three digits on an RDF's long stretches of zeros. Here both sums are pairwise.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        mean = x.mean((0, 2, 3))
        variance = (x - mean[:, None, None]).square_().mean((0, 2, 3))
        y = functional.batch_norm(x, mean, variance, weight, bias, eps=eps)
        ctx.save_for_backward(x, weight, mean, torch.rsqrt(variance + eps))
        ctx.eps = eps
        ctx.mark_non_differentiable(mean, variance)
        return y, mean, variance

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        x, weight, mean, inverse_std = ctx.saved_tensors
        gradient = gradients[0].contiguous(memory_format=torch.channels_last)
        return (
            *torch.ops.aten.native_batch_norm_backward(
                gradient, x, weight, None, None, mean, inverse_std, True, ctx.eps, [True] * 3
            ),
            None,
        )
