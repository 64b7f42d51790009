"""From structures to a chart in one call: RDFs, window, scaling, training, families."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanochart.chart.chart import Chart
from nanochart.chart.families import find_families
from nanochart.chart.training import TrainingSettings, train_autoencoder
from nanochart.descriptor.rdf import (
    BANDWIDTH,
    PAPER_GRID,
    RadialBasis,
    RdfGrid,
    Window,
    rdf_of_positions,
    window_for,
)
from nanochart.descriptor.scaling import MinMaxScaling
from nanochart.errors import NanochartError
from nanochart.positions import Structures, as_clusters
from nanochart.progress import Progress, silent
from nanochart.structure.family_words import describe_families

#: Structures whose RDFs decide the window of a cluster without a preset.
_WINDOW_SAMPLE = 2000


def window_of(
    positions: NDArray[np.float64],
    species: str,
    *,
    grid: RdfGrid = PAPER_GRID,
    bandwidth: float = BANDWIDTH,
) -> Window:
    """Return the window for a cluster: the paper's, or for others by a sample of its structures."""
    every = -(-len(positions) // _WINDOW_SAMPLE)
    sample = rdf_of_positions(positions[::every], RadialBasis(grid, bandwidth))
    return window_for(species, positions.shape[1], sample, grid=grid)


def train(
    structures: Structures,
    *,
    species: str | None = None,
    grid: RdfGrid = PAPER_GRID,
    bandwidth: float = BANDWIDTH,
    window: Window | None = None,
    settings: TrainingSettings | None = None,
    families: bool = True,
    checkpoint: Path | None = None,
    log: Path | None = None,
    tensorboard: Path | None = None,
    progress: Progress = silent,
    threads: int | None = None,
    device: str = "auto",
    provenance: dict[str, Any] | None = None,
) -> Chart:
    """Train a chart on quenched structures, and find its families.

    Parameters
    ----------
    structures
        As for `Chart.transform`; unique local minima, some thousands.
    species
        Chemical symbol, or the formula of an alloy; needed for bare arrays.
    grid, bandwidth, window
        Of the RDF; the paper's by default, and for other clusters a window by
        `nanochart.descriptor.rdf.window_for`.
    settings
        How to train; the paper's protocol by default.
    families
        Whether to find families.
    checkpoint, log, tensorboard, progress, threads, device
        As for `nanochart.chart.training.train_autoencoder`.
    provenance
        To be kept in the chart.

    Raises
    ------
    NanochartError
        The structures cannot be trained on.
    """
    positions, symbol = as_clusters(structures, species=species)
    if symbol is None:
        raise NanochartError("training: the element of bare positions is unknown; give species=")
    if window is None:
        window = window_of(positions, symbol, grid=grid, bandwidth=bandwidth)
    rdf = rdf_of_positions(positions, RadialBasis(grid, bandwidth, window), threads=threads)
    scaling = MinMaxScaling.fit(rdf)
    inputs = scaling.transform(rdf).astype(np.float32)
    training = train_autoencoder(
        inputs,
        settings,
        checkpoint=checkpoint,
        log=log,
        tensorboard=tensorboard,
        progress=progress,
        threads=threads,
        device=device,
    )
    chart = Chart.from_training(
        training,
        inputs,
        scaling=scaling,
        window=window,
        species=symbol,
        n_atoms=positions.shape[1],
        grid=grid,
        bandwidth=bandwidth,
        provenance=provenance,
    )
    if not families:
        return chart
    found, labels = find_families(chart.encode_rdf(rdf))
    return chart.with_families(found.told(describe_families(positions, labels, species=symbol)))
