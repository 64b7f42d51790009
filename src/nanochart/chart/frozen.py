"""The paper's encoder with frozen weights, and its derivative, for one structure on one thread.

In evaluation mode a batch normalisation is a line, which the convolution after it takes in: what
is left are convolutions with ReLU and one linear layer. On the way back only the gradient in the
input is wanted, never that in the weights; it is a convolution too, with the kernel turned round.
Each is a product of matrices, direct (the windows under the kernel overlap in memory, nothing is
copied), or by tiles in the frequency domain as in `nanochart.chart.convolution`, whichever is
faster; all that depends on the weights alone is made once.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nanochart.chart.autoencoder import Autoencoder
from nanochart.chart.convolution import kernel_factors, tile_transforms

#: The shortest kernel for which tiles are faster than the direct product, and the points of a tile
#: beyond twice the kernel (both for 64 channels and some 300 points, one thread, AVX2).
SHORTEST_TILED = 10
BEYOND_TWICE = 8


class FrozenEncoder:
    """The encoder of an `Autoencoder` in evaluation mode: CVs and products with its Jacobian.

    Parameters
    ----------
    model
        Its weights are copied: later changes to it do not show.
    dtype
        In which it is computed.
    """

    def __init__(self, model: Autoencoder, dtype: torch.dtype) -> None:
        self.n_cvs = model.n_cvs
        self._there: list[_Convolution] = []
        self._back: list[_Convolution] = []
        length = model.n_bins
        with torch.no_grad():
            weights, (matrix, offset) = _folded(model)
            for weight, bias in weights:
                kernel = weight.shape[2]
                self._there.append(_Convolution(weight, bias, length, 0, dtype))
                length -= kernel - 1
                turned = weight.flip(2).transpose(0, 1)
                no_bias = turned.new_zeros(len(turned))
                self._back.append(_Convolution(turned, no_bias, length, kernel - 1, dtype))
            # The network's flattening puts channel before length, here it is the other way round.
            matrix = matrix.view(self.n_cvs, -1, length).transpose(1, 2)
            self._matrix = matrix.contiguous().to(dtype)  # (n_cvs, length, channels)
            self._offset = offset.to(dtype)

    @torch.inference_mode()
    def pull_back(self, inputs: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the CVs of one input, and the gradients of weights · CVs in it.

        Parameters
        ----------
        inputs : Tensor, shape (n_bins,)
        weights : Tensor, shape (n_sets, n_cvs), or None
            None: each CV by itself.

        Returns
        -------
        cvs : Tensor, shape (n_cvs,)
        gradients : Tensor, shape (n_sets, n_bins)
        """
        x = inputs.view(1, -1, 1)  # (1, length, channels)
        signs = []
        for convolution in self._there:
            x = torch.relu_(convolution(x))
            signs.append(x > 0)
        cvs = torch.addmv(self._offset, self._matrix.flatten(1), x.flatten())
        to_x = self._matrix
        if weights is not None:
            to_x = (weights @ self._matrix.flatten(1)).view(len(weights), *x.shape[1:])
        for convolution, sign in zip(reversed(self._back), reversed(signs), strict=True):
            to_x = convolution(to_x * sign)
        return cvs, to_x[:, :, 0]


def _folded(
    model: Autoencoder,
) -> tuple[list[tuple[Tensor, Tensor]], tuple[Tensor, Tensor]]:
    """Return weights and biases of the convolutions and of the linear layer, in float64.

    Each has taken in the batch normalisation before it: W (s a + t) + b = (W s) a + (W t + b).
    """
    layers = [model.input_layer, model.relu_1, model.batchnorm, *model.encoder]
    scale, shift = torch.ones(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    convolutions = []
    for layer in layers:
        if isinstance(layer, nn.Conv1d):
            assert layer.bias is not None
            weight = layer.weight.double()
            bias = layer.bias.double() + weight.sum(2) @ shift
            convolutions.append((weight * scale[:, None], bias))
        elif isinstance(layer, nn.BatchNorm1d):
            assert layer.running_mean is not None
            assert layer.running_var is not None
            scale = layer.weight.double() / (layer.running_var.double() + layer.eps).sqrt()
            shift = layer.bias.double() - layer.running_mean.double() * scale
    linear = model.embed_linear
    weight = linear.weight.double().view(model.n_cvs, len(scale), -1)
    offset = linear.bias.double() + weight.sum(2) @ shift
    return convolutions, ((weight * scale[:, None]).flatten(1), offset)


class _Convolution:
    """A convolution of signals of one length, laid out as (signal, length, channel).

    Parameters
    ----------
    weight : Tensor, shape (channels_out, channels, kernel)
        As torch has it; the kernel is not turned round.
    bias : Tensor, shape (channels_out,)
    length
        Of the input.
    padding
        Zeros before and after it.
    dtype
        Of input, output and arithmetic.
    """

    def __init__(
        self, weight: Tensor, bias: Tensor, length: int, padding: int, dtype: torch.dtype
    ) -> None:
        self.channels_out, self.channels, self.kernel = weight.shape
        self.padding = padding
        self.outputs = length + 2 * padding - self.kernel + 1
        self.dtype = dtype
        self.bias = bias.to(dtype)
        tiled = self.kernel >= SHORTEST_TILED and min(self.channels, self.channels_out) > 1
        self.tile = 2 * self.kernel + BEYOND_TWICE if tiled else self.kernel
        self.kept = self.tile - self.kernel + 1
        self.n_tiles = -(-self.outputs // self.kept)
        if tiled:
            self.transforms = tile_transforms(self.tile, self.kernel, torch.float64)
            factors = kernel_factors(weight, self.transforms)
            self.factors = factors.transpose(1, 2).contiguous().to(dtype)  # (T/2, 2 in, 2 out)
            self.forward = self.transforms.forward.to(dtype).expand(self.n_tiles, -1, -1)
            self.inverse = self.transforms.inverse.to(dtype).expand(self.n_tiles, -1, -1)
        else:
            # (kernel · channels, channels_out)
            self.matrix = weight.permute(2, 1, 0).flatten(0, 1).contiguous().to(dtype)
        self.rows = self.n_tiles * self.kept + self.kernel - 1

    def __call__(self, x: Tensor) -> Tensor:
        n_signals, length, channels = x.shape
        if self.padding or self.rows != length:
            padded = x.new_zeros(n_signals, self.rows, channels)
            padded[:, self.padding : self.padding + length] = x
            x = padded
        return self._tiled(x) if self.tile != self.kernel else self._direct(x)

    def _direct(self, x: Tensor) -> Tensor:
        """Return the product of the matrix with the window under the kernel, at every output."""
        y = x.new_empty(len(x), self.outputs, self.channels_out)
        shape, steps = (self.outputs, self.matrix.shape[0]), (self.channels, 1)
        for one, out in zip(x, y, strict=True):
            torch.addmm(self.bias, one.as_strided(shape, steps), self.matrix, out=out)
        return y

    def _tiled(self, x: Tensor) -> Tensor:
        """Return the product of the transforms, at every frequency, transformed back."""
        half, n_tiles, n = self.tile // 2, self.n_tiles, len(x)
        spectra = x.new_empty(n, n_tiles, self.tile, self.channels)
        shape = (n_tiles, self.tile, self.channels)
        steps = (self.kept * self.channels, self.channels, 1)
        for one, spectrum in zip(x, spectra, strict=True):
            torch.bmm(self.forward, one.as_strided(shape, steps), out=spectrum)
        spectra = spectra.view(n * n_tiles, half, 2 * self.channels).transpose(0, 1)
        products = torch.bmm(spectra, self.factors).transpose(0, 1).contiguous()
        products = products.view(n, n_tiles, self.tile, self.channels_out)
        y = x.new_empty(n, n_tiles, self.kept, self.channels_out)
        for product, out in zip(products, y, strict=True):
            torch.bmm(self.inverse, product, out=out)
        y += self.bias
        return y.view(n, -1, self.channels_out)[:, : self.outputs]
