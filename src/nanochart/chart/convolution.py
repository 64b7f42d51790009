"""One-dimensional convolutions of many signals as matrix products; on a CPU with less arithmetic.

A convolution of 64 by 64 channels with a kernel of 20 takes 20 multiplications for every output
and pair of channels. In the frequency domain it takes about four, if the transforms are cheap:
here they are small matrix products. The input is cut into tiles of ``T`` points that overlap by
the kernel less one (overlap-save), and each is transformed at the ``T / 2`` frequencies
``pi (2 k + 1) / T``. There the transform of a real signal has no real frequency to treat apart,
and the wrap-around of the cyclic convolution (with the sign turned) falls on outputs that are
not kept. Everything is a product of matrices of float32 that fit a core's cache, so the time is
what the processor can multiply: benchmarks/training_step.py. The error is that of a sum of ``T``
rounded products, as in a direct convolution.

All signals are laid out as (length, channel, signal): a tile, and the window under a kernel, are
then matrices without any copying. On a GPU the direct sum is best, a product with the window at
every output: cuDNN has no good gradient for kernels as long as these (docs/learning.md).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

#: Tile lengths to choose from.
TILES = tuple(range(32, 129, 4))


def convolve(x: Tensor, weight: Tensor, bias: Tensor, *, padding: int = 0) -> Tensor:
    """Return what ``torch.nn.functional.conv1d`` does, for signals in the order (length, channel).

    Parameters
    ----------
    x : Tensor, shape (length, channels, n_signals)
        The signals, contiguous.
    weight : Tensor, shape (channels_out, channels, kernel)
        As torch has it: a correlation, that is, the kernel is not turned round.
    bias : Tensor, shape (channels_out,)
        Added to every output.
    padding
        Zeros before and after each signal.

    Returns
    -------
    Tensor, shape (length + 2 padding - kernel + 1, channels_out, n_signals)
        Differentiable once in all three tensors.
    """
    channels_out, channels, kernel = weight.shape
    tile = None
    if not x.is_cuda:
        tile = _best_tile(len(x) + 2 * padding, channels, channels_out, kernel)
    if tile is None:
        return _Direct.apply(x, weight, bias, padding)  # type: ignore[no-untyped-call, no-any-return]
    return _Spectral.apply(x, weight, bias, padding, tile)  # type: ignore[no-untyped-call, no-any-return]


@lru_cache(maxsize=256)
def _best_tile(length: int, channels: int, channels_out: int, kernel: int) -> int | None:
    """Return the tile with the fewest multiplications, or None if a direct sum has fewer."""
    outputs = length - kernel + 1
    least, best = outputs * kernel * channels * channels_out, None
    for tile in TILES:
        kept = tile - kernel + 1
        if kept < 1:
            continue
        n_tiles = -(-outputs // kept)
        transforms = (n_tiles * tile * channels + outputs * channels_out) * tile
        products = n_tiles * (tile // 2) * 4 * channels * channels_out
        if transforms + products < least:
            least, best = transforms + products, tile
    return best


class _Transforms(NamedTuple):
    """The matrices of a tile of ``T`` points and a kernel of ``K``.

    Parameters
    ----------
    forward : Tensor, shape (T, T)
        From points to real and imaginary parts, in turns.
    inverse : Tensor, shape (T - K + 1, T)
        Back, to the points that the wrap-around does not reach.
    kernel : Tensor, shape (T, K)
        From a kernel to the real and imaginary parts of its conjugate transform.
    constant : Tensor, shape (T / 2, 2, 1)
        The transform of ones.
    """

    forward: Tensor
    inverse: Tensor
    kernel: Tensor
    constant: Tensor


@lru_cache(maxsize=64)
def tile_transforms(tile: int, kernel: int, dtype: torch.dtype) -> _Transforms:
    """Return the matrices of a tile and a kernel."""
    frequencies = math.pi * (2 * torch.arange(tile // 2, dtype=torch.float64) + 1) / tile
    phases = frequencies[:, None] * torch.arange(tile, dtype=torch.float64)  # (T / 2, T)
    cosines, sines = phases.cos(), phases.sin()
    forward = torch.stack([cosines, -sines], 1).reshape(tile, tile)
    inverse = 2 / tile * forward.T[: tile - kernel + 1]
    conjugate = torch.stack([cosines, sines], 1).reshape(tile, tile)[:, :kernel]
    matrices = (forward, inverse, conjugate, forward.sum(1).view(-1, 2, 1))
    return _Transforms(*(matrix.to(dtype).contiguous() for matrix in matrices))


class _Tile(NamedTuple):
    """Where a tile lies: output rows, input rows, and its own points that the input covers."""

    outputs: slice
    inputs: slice
    points: slice


def _tiles(length: int, padding: int, kernel: int, tile: int) -> list[_Tile]:
    """Return the tiles that cover the outputs of an input of some length."""
    outputs = length + 2 * padding - kernel + 1
    places = []
    for start in range(0, outputs, tile - kernel + 1):
        first = start - padding  # of the tile's points, in the input; before 0 there are zeros
        low, high = max(first, 0), min(first + tile, length)
        rows = slice(start, min(start + tile - kernel + 1, outputs))
        places.append(_Tile(rows, slice(low, high), slice(low - first, high - first)))
    return places


class _Spectral(torch.autograd.Function):
    """The convolution by tiles in the frequency domain."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, padding: int, tile: int
    ) -> Tensor:
        length, channels, n_signals = x.shape
        channels_out, _, kernel = weight.shape
        transforms = tile_transforms(tile, kernel, x.dtype)
        factors = kernel_factors(weight, transforms)
        constant = (transforms.constant * bias).view(tile // 2, 2 * channels_out, 1)
        places = _tiles(length, padding, kernel, tile)
        y = x.new_empty(places[-1].outputs.stop, channels_out, n_signals)
        spectra = x.new_empty(len(places), tile // 2, 2 * channels, n_signals)
        product = x.new_empty(tile // 2, 2 * channels_out, n_signals)
        for place, spectrum in zip(places, spectra, strict=True):
            torch.mm(
                transforms.forward[:, place.points],
                x[place.inputs].flatten(1),
                out=spectrum.view(tile, -1),
            )
            torch.baddbmm(constant, factors, spectrum, out=product)
            rows = y[place.outputs]
            torch.mm(transforms.inverse[: len(rows)], product.view(tile, -1), out=rows.flatten(1))
        ctx.save_for_backward(spectra, factors)
        ctx.shape = (length, padding, kernel, tile)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        spectra, factors = ctx.saved_tensors
        length, padding, kernel, tile = ctx.shape
        gradient = gradients[0].contiguous()
        channels_out, n_signals = gradient.shape[1:]
        channels = factors.shape[2] // 2
        transforms = tile_transforms(tile, kernel, gradient.dtype)
        to_x = gradient.new_zeros(length, channels, n_signals)
        to_factors = torch.zeros_like(factors)
        product = gradient.new_empty(tile // 2, 2 * channels_out, n_signals)
        back = gradient.new_empty(tile // 2, 2 * channels, n_signals)
        places = _tiles(length, padding, kernel, tile)
        for place, spectrum in zip(places, spectra, strict=True):
            rows = gradient[place.outputs]
            torch.mm(transforms.inverse[: len(rows)].T, rows.flatten(1), out=product.view(tile, -1))
            to_factors.baddbmm_(product, spectrum.transpose(1, 2))
            if ctx.needs_input_grad[0]:
                torch.bmm(factors.transpose(1, 2), product, out=back)
                to_x[place.inputs].flatten(1).addmm_(
                    transforms.forward[:, place.points].T, back.view(tile, -1)
                )
        to_weight = _weight_gradient(to_factors, transforms, channels_out)
        return to_x, to_weight, gradient.sum(0).sum(1), None, None


def kernel_factors(weight: Tensor, transforms: _Transforms) -> Tensor:
    """Return what multiplies the spectra, shape (T / 2, 2 channels_out, 2 channels).

    A complex number a + ib as a real matrix: ((a, -b), (b, a)), for every pair of channels.
    """
    channels_out, channels, kernel = weight.shape
    parts = (transforms.kernel @ weight.reshape(-1, kernel).T).view(-1, 2, channels_out, channels)
    factors = parts.new_empty(len(parts), 2, channels_out, 2, channels)
    factors[:, 0, :, 0] = factors[:, 1, :, 1] = parts[:, 0]
    factors[:, 1, :, 0] = parts[:, 1]
    torch.neg(parts[:, 1], out=factors[:, 0, :, 1])
    return factors.view(-1, 2 * channels_out, 2 * channels)


def _weight_gradient(to_factors: Tensor, transforms: _Transforms, channels_out: int) -> Tensor:
    """Return the gradient in the weight, from that in what `_factors` made of it."""
    parts = to_factors.view(len(to_factors), 2, channels_out, 2, -1)
    real = parts[:, 0, :, 0] + parts[:, 1, :, 1]
    imaginary = parts[:, 1, :, 0] - parts[:, 0, :, 1]
    both = torch.stack([real, imaginary], 1).reshape(len(transforms.kernel), -1)
    return (both.T @ transforms.kernel).view(channels_out, -1, transforms.kernel.shape[1])


class _Direct(torch.autograd.Function):
    """The convolution as a product with the window under the kernel, at every output."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, padding: int) -> Tensor:
        windows = _windows(x, weight.shape[2], padding)
        matrix = weight.transpose(1, 2).reshape(1, len(weight), -1)
        ctx.save_for_backward(x, weight)
        ctx.padding = padding
        return torch.baddbmm(bias[:, None], matrix.expand(len(windows), -1, -1), windows)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor, Tensor, None]:
        x, weight = ctx.saved_tensors
        channels_out, channels, kernel = weight.shape
        gradient = gradients[0].contiguous()
        windows = _windows(x, kernel, ctx.padding)
        to_matrix = torch.bmm(gradient, windows.transpose(1, 2)).sum(0)
        to_weight = to_matrix.view(channels_out, kernel, channels).transpose(1, 2)
        to_x = None
        if ctx.needs_input_grad[0]:
            windows = _windows(gradient, kernel, kernel - 1 - ctx.padding)
            matrix = weight.flip(2).permute(1, 2, 0).reshape(1, channels, -1)
            to_x = torch.bmm(matrix.expand(len(windows), -1, -1), windows)
        return to_x, to_weight, gradient.sum(0).sum(1), None


def _windows(x: Tensor, kernel: int, padding: int) -> Tensor:
    """Return what lies under the kernel, shape (outputs, kernel * channels, n_signals): a view."""
    if padding:
        x = functional.pad(x, (0, 0, 0, 0, padding, padding))
    length, channels, n_signals = x.shape
    row = channels * n_signals
    return x.as_strided((length - kernel + 1, kernel * channels, n_signals), (row, n_signals, 1))
