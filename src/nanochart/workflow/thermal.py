"""What ``nanochart thermal`` does: a thermal chart from a run that kept its hot configurations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanochart.chart.chart import Chart, load_chart
from nanochart.chart.protocol import TrainingSettings
from nanochart.chart.thermal import Agreement, agreement_by, split_by_time, train_thermal
from nanochart.descriptor.rdf import rdf_of_positions
from nanochart.errors import NanochartError
from nanochart.landscape import Landscape, is_landscape, open_landscape
from nanochart.parallel import available_cores
from nanochart.progress import Progress
from nanochart.workflow.describe import FAILED
from nanochart.workflow.provenance import versions
from nanochart.workflow.source import check_output

#: Snapshots read at a time.
_BLOCK = 1024


@dataclass(frozen=True, eq=False)
class Pairs:
    """Hot configurations and their minima.

    Parameters
    ----------
    hot, quenched : ndarray, shape (n_pairs, n_bins), Å⁻¹
        Their RDFs in the window of a chart.
    temperature, cycle : ndarray, shape (n_pairs,)
        K, and when.
    """

    hot: NDArray[np.float64]
    quenched: NDArray[np.float64]
    temperature: NDArray[np.float64]
    cycle: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ThermalResult:
    """What is told of a thermal chart: summary, and the agreement of both charts by temperature."""

    summary: dict[str, Any]
    thermal: Agreement
    quenched_only: Agreement


def make_thermal_chart(
    folder: Path,
    output: Path,
    *,
    chart_path: Path | None = None,
    settings: TrainingSettings,
    device: str,
    progress: Progress,
) -> ThermalResult:
    """Train a thermal chart on a run's hot configurations, and judge it on held-out times.

    Parameters
    ----------
    folder
        Of the run; its snapshots must have positions.
    output
        Chart to write.
    chart_path
        The chart of minima; by default the run's.
    settings, device, progress
        As for `nanochart.chart.thermal.train_thermal`.

    Raises
    ------
    NanochartError
        The run has no chart with families or no hot configurations, or the output cannot be
        written.
    """
    check_output(output)
    path = chart_path or folder / "chart.safetensors"
    if not is_landscape(folder) or not path.is_file():
        raise NanochartError(
            f"{folder}: is no run with a chart; nanochart run makes one, and then its thermal chart"
        )
    chart = load_chart(path)
    if chart.families is None:
        raise NanochartError(f"{path}: has no families yet; nanochart families {folder} finds them")
    pairs = read_pairs(open_landscape(folder), chart)
    parts = split_by_time(pairs.cycle)
    checkpoint = output.with_name(output.name + ".checkpoint")
    found = train_thermal(
        chart,
        pairs.hot,
        pairs.quenched,
        parts,
        settings=settings,
        checkpoint=checkpoint,
        progress=progress,
        threads=available_cores(),
        device=device,
        provenance={"made by": versions(), "pairs": len(pairs.hot)},
    )
    found.chart.save(output)
    checkpoint.unlink(missing_ok=True)
    held_out = parts[1]
    minima = chart.encode_rdf(pairs.quenched[held_out])
    thermal, quenched_only = (
        agreement_by(
            pairs.temperature[held_out],
            one.encode_rdf(pairs.hot[held_out]),
            minima,
            chart.families.nearest,
        )
        for one in (found.chart, chart)
    )
    return ThermalResult(
        {
            "trained_on": len(parts[0]),
            "held_out": len(held_out),
            "best_loss": found.training.best_loss,
            "r2": found.training.validation_r2,
            "epoch": found.training.best_epoch + 1,
            "same_family": _mean(thermal),
            "same_family_quenched_chart": _mean(quenched_only),
            "output": str(output),
        },
        thermal,
        quenched_only,
    )


def read_pairs(landscape: Landscape, chart: Chart) -> Pairs:
    """Return the hot configurations of a landscape that were kept and quenched, with their minima.

    Raises
    ------
    NanochartError
        There are none.
    """
    snapshots, quenched = landscape["snapshots"], landscape["quenched"]
    classes = landscape["classes"]
    hot: list[NDArray[Any]] = []
    cold: list[NDArray[Any]] = []
    temperature: list[NDArray[Any]] = []
    cycle: list[NDArray[Any]] = []
    for start in range(0, classes.committed, _BLOCK):
        stop = min(start + _BLOCK, classes.committed)
        positions = snapshots.read("positions", start, stop)
        kept = np.isfinite(positions).all(axis=(1, 2))
        kept &= classes.read("cluster_class", start, stop) != FAILED
        if not kept.any():
            continue
        minima = quenched.read("positions", start, stop)[kept]
        for rdfs, some in ((hot, positions[kept]), (cold, minima)):
            rdfs.append(rdf_of_positions(some, chart.basis, threads=available_cores()))
        temperature.append(snapshots.read("temperature", start, stop)[kept].astype(np.float64))
        cycle.append(snapshots.read("cycle", start, stop)[kept].astype(np.int64))
    if not hot:
        raise NanochartError(
            f"{landscape.path}: holds no hot configurations (they were not kept); sample a run "
            "that keeps them"
        )
    return Pairs(*(np.concatenate(one) for one in (hot, cold, temperature, cycle)))


def _mean(agreement: Agreement) -> float:
    """Return the share of the same family over all temperatures."""
    return float((agreement.same_family * agreement.n).sum() / agreement.n.sum())
