"""Convolutions with frozen weights, many signals at once, by compiled Fourier transforms of tiles.

Overlap-save as in `nanochart.chart.convolution`, for where nothing is learnt: there the transforms
need no derivative, and a loop over butterflies takes a tenth of what a product with their matrix
takes. A tile of T real points x is folded into T / 2 complex ones and turned,

    z(t) = (x(t) - i x(t + T/2)) exp(-i pi t / T),   t < T / 2

whose Fourier transform is that of x at the frequencies pi (4 j + 1) / T: as many numbers as there
were, no real one among them to treat apart (the right-angle convolution of Krot and Minervina).
What multiplies them is a real matrix for every frequency, one product of matrices for all tiles.
The way back ends with bias, ReLU and the line that a batch normalisation is.
"""

# mypy: disallow-untyped-decorators=False

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class TiledConvolution:
    """A convolution of signals of one length, followed by ReLU and a line for every channel.

    Parameters
    ----------
    weight : Tensor, shape (channels_out, channels, kernel)
        As torch has it; the kernel is not turned round.
    bias : Tensor, shape (channels_out,)
    length
        Of the signals.
    padding
        Zeros before and after each.
    line : tuple of Tensor, each (channels_out,), or None
        Factor and offset, applied after ReLU. None: neither ReLU nor a line.
    """

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor,
        length: int,
        *,
        padding: int = 0,
        line: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        weight, bias = weight.detach(), bias.detach()
        self._channels_out, _, kernel = weight.shape
        self._padding, self._outputs = padding, length + 2 * padding - kernel + 1
        tile = tile_of(kernel)
        self._kept = tile - kernel + 1
        self._n_tiles = -(-self._outputs // self._kept)
        dtype = bias.numpy().dtype
        self._turn, self._twiddles = (
            np.stack([one.real, one.imag], axis=1).astype(dtype) for one in _phases(tile)
        )
        self._factors = torch.from_numpy(_factors(weight.numpy(), tile)).to(weight.dtype)
        same = (torch.ones_like(bias), torch.zeros_like(bias))
        self._after = torch.stack([bias, *(line or same)], dim=1).detach().numpy()
        self._clipped = line is not None

    def __call__(self, x: Tensor) -> Tensor:
        """Return the outputs (channels_out, outputs, n) of n signals, (channels, length, n)."""
        channels, _, n = x.shape
        half, columns = len(self._turn), self._n_tiles * n
        spectra = x.new_empty(half, 2 * channels, columns)
        _forward(x.numpy(), self._padding, self._kept, self._turn, self._twiddles, spectra.numpy())
        products = torch.bmm(self._factors, spectra)
        y = x.new_empty(self._channels_out, self._outputs, n)
        _back(
            products.numpy(),
            self._kept,
            self._turn,
            self._twiddles,
            self._after,
            self._clipped,
            y.numpy(),
        )
        return y


def tile_of(kernel: int) -> int:
    """Return the points of a tile for a kernel: the power of two from 2.5 times its length on."""
    return 1 << math.ceil(math.log2(2.5 * kernel))


def _phases(tile: int) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """Return what a folded tile is turned by, and the twiddles of its transform, (T / 2,) each."""
    points = np.arange(tile // 2)
    return np.exp(-1j * np.pi * points / tile), np.exp(-2j * np.pi * points / (tile // 2))


def _factors(weight: NDArray[Any], tile: int) -> NDArray[np.float64]:
    """Return what multiplies the spectra, (T / 2, 2 channels_out, 2 channels), in their order.

    A correlation multiplies by the conjugate transform of the kernel; a complex number a + ib as a
    real matrix: ((a, -b), (b, a)). The sums of the way back are divided here.
    """
    half, (channels_out, channels, kernel) = tile // 2, weight.shape
    bits = half.bit_length() - 1
    order = np.array([int(f"{j:0{bits}b}"[::-1], 2) for j in range(half)])
    frequencies = np.pi * (4 * order + 1) / tile
    conjugate = np.exp(1j * frequencies[:, None] * np.arange(kernel)) / half
    parts = (conjugate @ weight.reshape(-1, kernel).T.astype(np.float64)).reshape(
        half, channels_out, channels
    )
    factors = np.empty((half, 2, channels_out, 2, channels))
    factors[:, 0, :, 0] = factors[:, 1, :, 1] = parts.real
    factors[:, 1, :, 0] = parts.imag
    factors[:, 0, :, 1] = -parts.imag
    return factors.reshape(half, 2 * channels_out, 2 * channels)


@numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _forward(
    x: NDArray[Any],
    padding: int,
    kept: int,
    turn: NDArray[Any],
    twiddles: NDArray[Any],
    spectra: NDArray[Any],
) -> None:
    """Fill in the spectra of all tiles, (T / 2, 2 channels, tiles n), frequencies bit-reversed."""
    channels, length, n = x.shape
    half = len(turn)
    re, im = np.empty((half, n), x.dtype), np.empty((half, n), x.dtype)
    for channel in range(channels):
        for tile in range(spectra.shape[2] // n):
            first = tile * kept - padding
            for t in range(half):
                cosine, sine = turn[t, 0], turn[t, 1]
                one, other = first + t, first + t + half
                if 0 <= one < length:
                    for c in range(n):
                        re[t, c] = x[channel, one, c] * cosine
                        im[t, c] = x[channel, one, c] * sine
                else:
                    for c in range(n):
                        re[t, c] = 0.0
                        im[t, c] = 0.0
                if 0 <= other < length:
                    for c in range(n):
                        re[t, c] += x[channel, other, c] * sine
                        im[t, c] -= x[channel, other, c] * cosine
            step, span = 1, half // 2
            while span >= 1:  # decimation in frequency
                for k in range(span):
                    cosine, sine = twiddles[k * step, 0], twiddles[k * step, 1]
                    for i in range(k, half, 2 * span):
                        for c in range(n):
                            ar, ai, br, bi = re[i, c], im[i, c], re[i + span, c], im[i + span, c]
                            re[i, c] = ar + br
                            im[i, c] = ai + bi
                            re[i + span, c] = (ar - br) * cosine - (ai - bi) * sine
                            im[i + span, c] = (ar - br) * sine + (ai - bi) * cosine
                step, span = 2 * step, span // 2
            for j in range(half):
                for c in range(n):
                    spectra[j, channel, tile * n + c] = re[j, c]
                    spectra[j, channels + channel, tile * n + c] = im[j, c]


@numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _back(
    products: NDArray[Any],
    kept: int,
    turn: NDArray[Any],
    twiddles: NDArray[Any],
    after: NDArray[Any],
    clipped: bool,
    y: NDArray[Any],
) -> None:
    """Fill in the outputs, (channels_out, outputs, n), from products in the order of spectra.

    ``after`` (channels_out, 3): bias, and the line's factor and offset.
    """
    channels, outputs, n = y.shape
    half, zero = len(turn), y.dtype.type(0.0)
    re, im = np.empty((half, n), y.dtype), np.empty((half, n), y.dtype)
    for channel in range(channels):
        for tile in range(products.shape[2] // n):
            rows = min(kept, outputs - tile * kept)
            for j in range(half):
                for c in range(n):
                    re[j, c] = products[j, channel, tile * n + c]
                    im[j, c] = products[j, channels + channel, tile * n + c]
            step, span = half // 2, 1
            while span < half:  # decimation in time, with the conjugate twiddles
                for k in range(span):
                    cosine, sine = twiddles[k * step, 0], -twiddles[k * step, 1]
                    for i in range(k, half, 2 * span):
                        for c in range(n):
                            ar, ai, br, bi = re[i, c], im[i, c], re[i + span, c], im[i + span, c]
                            ur, ui = br * cosine - bi * sine, br * sine + bi * cosine
                            re[i, c] = ar + ur
                            im[i, c] = ai + ui
                            re[i + span, c] = ar - ur
                            im[i + span, c] = ai - ui
                step, span = step // 2, 2 * span
            bias, factor, offset = after[channel, 0], after[channel, 1], after[channel, 2]
            for t in range(rows):
                # z exp(i pi t / T) is y(t) - i y(t + T/2)
                k, row = t % half, tile * kept + t
                cosine, sine = turn[k, 0], -turn[k, 1]
                if t >= half:
                    cosine, sine = -sine, cosine
                for c in range(n):
                    value = re[k, c] * cosine - im[k, c] * sine + bias
                    if clipped:
                        value = (value if value > zero else zero) * factor + offset
                    y[channel, row, c] = value
