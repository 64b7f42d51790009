"""A stack of linear layers with SiLU between them, and its derivative, for one input at a time.

    a ← W a + b,   a ← a / (1 + exp(−a)) between the layers

For networks this small the cost of a call of torch is far above that of the arithmetic, so one
compiled loop goes forward and back. SiLU is smooth: so are the CVs, and a force made from them.
"""

# mypy: disallow-untyped-decorators=False

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from nanochart.errors import NanochartError


class DenseEncoder:
    """Linear layers with SiLU between them: CVs and products with its Jacobian.

    Parameters
    ----------
    weights : sequence of ndarray, each of shape (n_out, n_in)
        Of the layers from the input on, as ``torch.nn.Linear`` has them.
    biases : sequence of ndarray, each of shape (n_out,)
    dtype
        In which it is computed, ``"float32"`` or ``"float64"``.

    Raises
    ------
    NanochartError
        The layers do not fit one another.
    """

    def __init__(
        self, weights: Sequence[NDArray[Any]], biases: Sequence[NDArray[Any]], dtype: str
    ) -> None:
        check_layers(weights, biases)
        sizes = [weights[0].shape[1], *(len(weight) for weight in weights)]
        parts = [
            part
            for weight, bias in zip(weights, biases, strict=True)
            for part in (np.ascontiguousarray(weight.T).ravel(), bias)
        ]
        self._sizes = np.array(sizes)
        self._n_slopes = sum(sizes)
        self._parameters = np.concatenate(parts).astype(dtype)
        self._every_cv = np.eye(sizes[-1], dtype=dtype)

    def pull_back(
        self, inputs: NDArray[np.float64], weights: NDArray[np.float64] | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the CVs of one input, and the gradients of weights · CVs in it.

        Parameters
        ----------
        inputs : ndarray, shape (n_bins,)
        weights : ndarray, shape (n_sets, n_cvs), or None
            None: each CV by itself.

        Returns
        -------
        cvs : ndarray, shape (n_cvs,)
        gradients : ndarray, shape (n_sets, n_bins)
        """
        cvs, back = self.at(inputs)
        return cvs, back(self._every_cv if weights is None else weights)

    def at(
        self, inputs: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], Callable[[NDArray[Any]], NDArray[np.float64]]]:
        """Return the CVs of one input, and what `pull_back` does from there with weights."""
        dtype = self._parameters.dtype
        cvs = np.empty(self._sizes[-1])
        slopes = np.empty(self._n_slopes, dtype=dtype)
        _forward(self._sizes, self._parameters, inputs.astype(dtype), slopes, cvs)

        def back(weights: NDArray[Any]) -> NDArray[np.float64]:
            gradients = np.empty((len(weights), self._sizes[0]))
            _back(self._sizes, self._parameters, slopes, weights.astype(dtype), gradients)
            return gradients

        return cvs, back


def check_layers(weights: Sequence[NDArray[Any]], biases: Sequence[NDArray[Any]]) -> None:
    """Raise a NanochartError unless these are the layers of one stack."""
    fitting = len(weights) == len(biases) > 0
    for layer, (weight, bias) in enumerate(zip(weights, biases, strict=False)):
        fitting &= weight.ndim == 2 and bias.shape == weight.shape[:1]
        fitting = fitting and (layer == 0 or weight.shape[1] == len(weights[layer - 1]))
    if not fitting:
        shapes = [(weight.shape, bias.shape) for weight, bias in zip(weights, biases, strict=False)]
        raise NanochartError(
            f"dense encoder: layers of shapes {shapes} do not fit one another; each needs a weight "
            "(n_out, n_in) and a bias (n_out,), and n_in is the n_out before it"
        )


@numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc"})
def _forward(
    sizes: NDArray[np.int64],
    parameters: NDArray[Any],
    inputs: NDArray[Any],
    slopes: NDArray[Any],
    cvs: NDArray[np.float64],
) -> None:
    """Fill in CVs, and the slopes of SiLU, layer after layer.

    The parameters are (n_in, n_out) and (n_out,) of each layer.
    """
    n_layers = len(sizes) - 1
    value = inputs
    place = filled = 0
    for layer in range(n_layers):
        n_in, n_out = sizes[layer], sizes[layer + 1]
        matrix = parameters[place : place + n_in * n_out].reshape(n_in, n_out)
        bias = parameters[place + n_in * n_out : place + n_in * n_out + n_out]
        place += n_in * n_out + n_out
        after = bias.copy()
        for i in range(n_in):
            one, row = value[i], matrix[i]
            for o in range(n_out):
                after[o] += one * row[o]
        if layer < n_layers - 1:
            for o in range(n_out):
                share = 1.0 / (1.0 + math.exp(-after[o]))
                slopes[filled + o] = share * (1.0 + after[o] * (1.0 - share))
                after[o] *= share
            filled += n_out
        value = after
    cvs[:] = value


@numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc"})
def _back(
    sizes: NDArray[np.int64],
    parameters: NDArray[Any],
    slopes: NDArray[Any],
    weights: NDArray[Any],
    gradients: NDArray[np.float64],
) -> None:
    """Fill in the gradients of weights · CVs, from the slopes that `_forward` found."""
    n_layers = len(sizes) - 1
    for one_set in range(len(weights)):
        back = weights[one_set]
        place, filled = len(parameters), sizes[1:n_layers].sum()
        for layer in range(n_layers - 1, -1, -1):
            n_in, n_out = sizes[layer], sizes[layer + 1]
            place -= n_in * n_out + n_out
            matrix = parameters[place : place + n_in * n_out].reshape(n_in, n_out)
            before = np.empty(n_in, dtype=parameters.dtype)
            for i in range(n_in):
                row, total = matrix[i], parameters.dtype.type(0.0)
                for o in range(n_out):
                    total += row[o] * back[o]
                before[i] = total
            if layer > 0:
                filled -= n_in
                for i in range(n_in):
                    before[i] *= slopes[filled + i]
            back = before
        gradients[one_set] = back
