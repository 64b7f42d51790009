"""What ``nanochart scan`` does: the loss against the number of CVs, written as tables."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanochart.chart.dimension import scan_dimensions
from nanochart.chart.making import window_of
from nanochart.chart.protocol import TrainingSettings
from nanochart.descriptor.rdf import RadialBasis, rdf_of_positions
from nanochart.descriptor.scaling import MinMaxScaling
from nanochart.errors import NanochartError
from nanochart.files import write_text
from nanochart.formats import write_csv
from nanochart.landscape import is_landscape, open_landscape
from nanochart.parallel import available_cores
from nanochart.progress import Progress
from nanochart.workflow.learn import inputs_of
from nanochart.workflow.provenance import versions
from nanochart.workflow.source import Source


@dataclass(frozen=True)
class ScanResult:
    """The table of a scan, as ``scan.csv`` has it, and the number of CVs at its elbow."""

    rows: list[dict[str, Any]]
    elbow: int | None
    folder: Path


def scan(
    files: Sequence[Path],
    folder: Path,
    *,
    n_cvs: Sequence[int],
    settings: TrainingSettings,
    device: str,
    species: str | None,
    skip_bad: bool,
    progress: Progress,
) -> ScanResult:
    """Train a network for each number of CVs and write ``scan.csv`` and ``scan.json``.

    Checkpoints lie in the folder too: a scan that was cut off, or is asked for further numbers,
    goes on.

    Raises
    ------
    NanochartError
        The structures cannot be trained on, or the folder holds the scan of others.
    """
    if not folder.absolute().parent.is_dir() or (folder.exists() and not folder.is_dir()):
        raise NanochartError(f"{folder}: is no folder that can be made; give another --output")
    inputs = _inputs(files, species=species, skip_bad=skip_bad)
    folder.mkdir(exist_ok=True)
    found = scan_dimensions(
        inputs,
        settings,
        n_cvs,
        folder=folder,
        progress=progress,
        threads=available_cores(),
        device=device,
    )
    names = ("n_cvs", "loss", "r2", "pca_loss", "best_epoch")
    columns = (found.n_cvs, found.loss, found.r2, found.pca_loss, found.best_epoch)
    rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    write_csv(folder / "scan.csv", names, (tuple(row.values()) for row in rows))
    record = {
        "elbow": found.elbow,
        "n_structures": len(inputs),
        "n_bins": inputs.shape[1],
        "settings": asdict(settings),
        "versions": versions(),
        "scan": rows,
    }
    write_text(folder / "scan.json", json.dumps(record, indent=1) + "\n")
    return ScanResult(rows, found.elbow, folder)


def _inputs(files: Sequence[Path], *, species: str | None, skip_bad: bool) -> NDArray[np.float32]:
    """Return scaled RDFs: the unique minima of a run, or the structures of files."""
    if len(files) == 1 and is_landscape(files[0]):
        landscape = open_landscape(files[0])
        if "unique" not in landscape:
            raise NanochartError(
                f"{files[0]}: has no unique minima yet; nanochart classify {files[0]} finds them"
            )
        return inputs_of(landscape["unique"])[0]
    source = Source(files, species=species, n_atoms=None, skip_bad=skip_bad, alloys=True)
    positions, symbol = source.all_positions()
    basis = RadialBasis(window=window_of(positions, symbol))
    rdf = rdf_of_positions(positions, basis, threads=available_cores())
    return MinMaxScaling.fit(rdf).transform(rdf).astype(np.float32)
