"""A thermal chart: hot configurations in, their minima's RDFs out, on the chart that is there.

A chart of minima does not know hot structures. Its follow-up (arXiv 2407.17924) trains a network
from the RDF of a thermal configuration to that of the minimum it quenches to. Here the second half
of that network is the decoder of the chart of minima, and stays as it is: so a hot structure's CVs
are those of its minimum on the same chart, as far as they can be known, and the families are the
same. Hot RDFs have a scaling of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nanochart.chart.chart import THERMAL, Chart
from nanochart.chart.domain import Domain
from nanochart.chart.networks import ThermalNetwork
from nanochart.chart.protocol import TrainingSettings
from nanochart.chart.training import Parts, Training, train_autoencoder
from nanochart.descriptor.scaling import MinMaxScaling
from nanochart.errors import NanochartError
from nanochart.progress import Progress, silent

#: Blocks that time is cut into, and every which of them is held out.
N_BLOCKS = 25
HELD_OUT = 5


@dataclass(frozen=True, eq=False)
class ThermalTraining:
    """A thermal chart, and the training it comes from."""

    chart: Chart
    training: Training


def split_by_time(time: NDArray[Any], *, n_blocks: int = N_BLOCKS, every: int = HELD_OUT) -> Parts:
    """Return the indices of the training and of the held-out structures, by blocks of time.

    Neighbouring snapshots are alike, so a random split would judge on what was trained on.

    Parameters
    ----------
    time : ndarray, shape (n,)
        When each structure was taken, in any unit.
    n_blocks
        Blocks of equal length in time.
    every
        Each so many-th block is held out, the middle one of that many.

    Raises
    ------
    NanochartError
        One of the parts would be empty.
    """
    moments = np.asarray(time, dtype=np.float64)
    first, last = moments.min(), moments.max()
    share = (moments - first) / max(last - first, np.finfo(float).tiny)
    block = np.minimum((share * n_blocks).astype(np.int64), n_blocks - 1)
    held_out = block % every == every // 2
    if held_out.all() or not held_out.any():
        raise NanochartError(
            f"thermal chart: {len(moments)} structures of {len(np.unique(moments))} moments make "
            f"no {n_blocks} blocks of time to train and to judge on; sample longer"
        )
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def train_thermal(
    chart: Chart,
    hot_rdf: NDArray[np.float64],
    quenched_rdf: NDArray[np.float64],
    parts: Parts,
    *,
    settings: TrainingSettings | None = None,
    checkpoint: Path | None = None,
    progress: Progress = silent,
    threads: int | None = None,
    device: str = "auto",
    provenance: dict[str, Any] | None = None,
) -> ThermalTraining:
    """Train a thermal chart.

    Parameters
    ----------
    chart
        Of the minima, with its families.
    hot_rdf, quenched_rdf : ndarray, shape (n_pairs, n_bins of the chart's window), Å⁻¹
        Of hot configurations, and of the minima they quench to.
    parts
        Indices of the pairs to train on, and of those held out: `split_by_time`.
    settings
        How to train; the compact network's protocol by default. Its number of CVs is the chart's.
    checkpoint, progress, threads, device
        As for `nanochart.chart.training.train_autoencoder`.
    provenance
        To be kept in the thermal chart, beside that of the chart.

    Raises
    ------
    NanochartError
        The chart is a thermal one, or the RDFs do not fit it or one another.
    """
    if chart.mode == THERMAL:
        raise NanochartError("thermal chart: made from a chart of minima, not from a thermal one")
    if hot_rdf.shape != quenched_rdf.shape or hot_rdf.shape[1:] != (chart.model.n_bins,):
        raise NanochartError(
            f"thermal chart: hot RDFs of shape {hot_rdf.shape} and quenched ones of shape "
            f"{quenched_rdf.shape} do not fit a chart of {chart.model.n_bins} bins"
        )
    settings = replace(settings or TrainingSettings.of("compact"), n_cvs=chart.model.n_cvs)
    scaling = MinMaxScaling.fit(hot_rdf[parts[0]])
    inputs = scaling.transform(hot_rdf).astype(np.float32)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        model = ThermalNetwork(deepcopy(chart.model))
    model.fit_to(torch.from_numpy(inputs[parts[0]]))
    training = train_autoencoder(
        inputs,
        settings,
        targets=chart.scaling.transform(quenched_rdf).astype(np.float32),
        parts=parts,
        model=model,
        checkpoint=checkpoint,
        progress=progress,
        threads=threads,
        device=device,
    )
    known = hot_rdf[parts[0]]
    thermal = replace(
        chart,
        model=training.model,
        scaling=scaling,
        # How well an input is reconstructed says nothing here: the minimum is not known.
        domain=replace(
            Domain.of(known, np.zeros(len(known)), chart.grid, chart.n_atoms),
            largest_error=float(np.finfo(np.float64).max),
        ),
        error_quantiles={},
        mode=THERMAL,
        provenance={"quenched": chart.provenance, **(provenance or {})},
    )
    return ThermalTraining(thermal, training)


@dataclass(frozen=True, eq=False)
class Agreement:
    """How often hot structures are put where their minima are, a place for each of some groups.

    Parameters
    ----------
    group : ndarray, shape (n_groups,)
        What the structures are grouped by: the temperature, say.
    n : ndarray of int, shape (n_groups,)
        Structures of each.
    same_family : ndarray, shape (n_groups,)
        Share of them that are nearest to the centre their minimum is nearest to.
    distance : ndarray, shape (n_groups,)
        Median distance of the two on the chart.
    """

    group: NDArray[Any]
    n: NDArray[np.int64]
    same_family: NDArray[np.float64]
    distance: NDArray[np.float64]


def agreement_by(
    group: NDArray[Any],
    cvs: NDArray[Any],
    of_minima: NDArray[Any],
    nearest: Callable[[NDArray[Any]], NDArray[Any]],
) -> Agreement:
    """Return how often structures are put where their minima are.

    Parameters
    ----------
    group : ndarray, shape (n,)
        What to group by.
    cvs, of_minima : ndarray, shape (n, n_cvs)
        Where hot structures are put, and where their minima are.
    nearest
        The families of CVs: ``chart.families.nearest``.
    """
    same = nearest(cvs) == nearest(of_minima)
    distance = np.linalg.norm(np.asarray(cvs) - of_minima, axis=1)
    groups, place = np.unique(group, return_inverse=True)
    rows = [np.flatnonzero(place == one) for one in range(len(groups))]
    return Agreement(
        group=groups,
        n=np.array([len(one) for one in rows], dtype=np.int64),
        same_family=np.array([same[one].mean() for one in rows]),
        distance=np.array([np.median(distance[one]) for one in rows]),
    )
