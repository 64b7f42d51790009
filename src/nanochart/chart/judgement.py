"""How good a chart is: reconstruction errors, the variance they explain, and the linear rival.

The size of a scaled loss depends on the sample, so a loss is told together with R² and with the
loss of a principal component analysis on the same split.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nanochart.chart.network import Network

#: Structures evaluated at once. The paper's network takes some of them at a time.
EVALUATION_BATCH = 1024


def reconstruct(
    model: Network, scaled: NDArray[Any], *, cvs: NDArray[np.float32] | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return the CVs of scaled RDFs, and how badly each is reconstructed from them.

    Parameters
    ----------
    model
        Put into evaluation mode.
    scaled : ndarray, shape (n_structures, n_bins)
        RDFs scaled per bin.
    cvs : ndarray, shape (n_structures, n_cvs)
        What to reconstruct from; by default what the model makes of the RDFs.

    Returns
    -------
    cvs : ndarray of float32, shape (n_structures, n_cvs)
    errors : ndarray of float64, shape (n_structures,)
        Mean squared error over the bins, in scaled units.
    """
    model.eval()
    found = encode(model, scaled) if cvs is None else cvs
    errors = np.empty(len(scaled))
    with torch.no_grad():
        for rows, batch in _batches(scaled):
            square = (model.decode(torch.from_numpy(found[rows])) - batch).square()
            errors[rows] = square.mean(dim=1, dtype=torch.float64).numpy()
    return found, errors


def encode(model: Network, scaled: NDArray[Any]) -> NDArray[np.float32]:
    """Return the CVs, shape (n_structures, n_cvs), of scaled RDFs, (n_structures, n_bins)."""
    model.eval()
    cvs = np.empty((len(scaled), model.n_cvs), dtype=np.float32)
    with torch.no_grad():
        for rows, batch in _batches(scaled):
            cvs[rows] = model.encode(batch).numpy()
    return cvs


def r_squared(mse: float, inputs: NDArray[Any], indices: NDArray[np.int64]) -> float:
    """Return the share of the variance of ``inputs[indices]`` that an MSE leaves explained."""
    variance = float(inputs[indices].astype(np.float64).var(axis=0).mean())
    return 1.0 - mse / variance if variance > 0 else float("nan")


def linear_baseline(
    inputs: NDArray[Any],
    train_indices: NDArray[np.int64],
    validation_indices: NDArray[np.int64],
    *,
    n_components: int = 3,
) -> float:
    """Return the validation MSE of the best linear chart: principal component analysis.

    Parameters
    ----------
    inputs : ndarray, shape (n_structures, n_bins)
        Scaled RDFs.
    train_indices, validation_indices
        Structures the components are fitted to, and structures they are judged by.
    n_components
        Number of components: the number of CVs to compare with.
    """
    n_bins = inputs.shape[1]
    mean = inputs[train_indices].mean(axis=0, dtype=np.float64)
    covariance = np.zeros((n_bins, n_bins))
    for start in range(0, len(train_indices), 4096):
        centred = inputs[train_indices[start : start + 4096]] - mean
        covariance += centred.T @ centred
    components = np.linalg.eigh(covariance)[1][:, -n_components:]  # (n_bins, n_components)
    error = 0.0
    for start in range(0, len(validation_indices), 4096):
        centred = inputs[validation_indices[start : start + 4096]] - mean
        error += float(np.square(centred - centred @ components @ components.T).sum())
    return float(error / (len(validation_indices) * n_bins))


def _batches(scaled: NDArray[Any]) -> Iterator[tuple[slice, Tensor]]:
    """Yield parts of fixed size, as tensors of float32."""
    for start in range(0, len(scaled), EVALUATION_BATCH):
        rows = slice(start, start + EVALUATION_BATCH)
        yield rows, torch.from_numpy(np.ascontiguousarray(scaled[rows], dtype=np.float32))
