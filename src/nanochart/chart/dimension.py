"""How many collective variables: the loss against the size of the bottleneck (SI Fig. S2).

Everything but the bottleneck stays as it is, split and seed included. Beside each network stands
the principal component analysis with as many components.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nanochart.chart.judgement import linear_baseline
from nanochart.chart.protocol import TrainingSettings
from nanochart.chart.training import train_autoencoder
from nanochart.errors import NanochartError
from nanochart.progress import Progress, silent


@dataclass(frozen=True)
class DimensionScan:
    """What `scan_dimensions` found, a place for each number of CVs.

    Parameters
    ----------
    n_cvs
        Numbers of CVs, increasing.
    loss, r2
        Best validation loss (mean squared error, scaled units), and the share of the variance it
        leaves explained.
    pca_loss
        Validation loss of as many principal components.
    best_epoch
        The epoch of that loss, counted from 0.
    """

    n_cvs: tuple[int, ...]
    loss: tuple[float, ...]
    r2: tuple[float, ...]
    pca_loss: tuple[float, ...]
    best_epoch: tuple[int, ...]

    @property
    def elbow(self) -> int | None:
        """The number of CVs after which more of them help least: see `elbow_of`."""
        return elbow_of(self.n_cvs, self.loss)


def elbow_of(n_cvs: Sequence[int], loss: Sequence[float]) -> int | None:
    """Return where a curve of losses bends most, or None if there are fewer than three points.

    That is where the second difference of the loss, one CV less and one more, is largest. Numbers
    of CVs without both neighbours are not considered.
    """
    by_number = dict(zip(n_cvs, loss, strict=True))
    bends = {
        n: by_number[n - 1] - 2 * by_number[n] + by_number[n + 1]
        for n in n_cvs
        if {n - 1, n + 1} <= by_number.keys()
    }
    return max(bends, key=lambda n: bends[n]) if bends else None


def scan_dimensions(
    inputs: NDArray[np.float32],
    settings: TrainingSettings,
    n_cvs: Sequence[int],
    *,
    folder: Path | None = None,
    progress: Progress = silent,
    threads: int | None = None,
    device: str = "auto",
) -> DimensionScan:
    """Train a network for each number of CVs.

    Parameters
    ----------
    inputs : ndarray of float32, shape (n_structures, n_bins)
        Scaled RDFs.
    settings
        How to train each; its own number of CVs is not used.
    n_cvs
        Numbers of CVs.
    folder
        Where checkpoints go, one for each, so that a scan goes on where it was cut off.
    progress, threads, device
        As for `nanochart.chart.training.train_autoencoder`; ``progress`` also gets ``n_cvs``.

    Raises
    ------
    NanochartError
        There is no number, or one below 1 or twice, or the inputs cannot be trained on.
    """
    numbers = sorted(n_cvs)
    if not numbers or numbers[0] < 1 or len(set(numbers)) < len(numbers):
        raise NanochartError(f"scan: {list(n_cvs)} CVs: give different numbers from 1 on")
    columns: list[tuple[float, float, float, int]] = []
    for place, number in enumerate(numbers):

        def tell(done: int, total: int, **figures: float) -> None:
            progress(place * total + done, len(numbers) * total, n_cvs=number, **figures)  # noqa: B023

        training = train_autoencoder(
            inputs,
            replace(settings, n_cvs=number),
            checkpoint=folder / f"{number}-cvs.checkpoint" if folder else None,
            progress=tell,
            threads=threads,
            device=device,
        )
        pca = linear_baseline(
            inputs, training.train_indices, training.validation_indices, n_components=number
        )
        columns.append((training.best_loss, training.validation_r2, pca, training.best_epoch))
    loss, r2, pca_loss, best_epoch = zip(*columns, strict=True)
    return DimensionScan(tuple(numbers), loss, r2, pca_loss, best_epoch)
