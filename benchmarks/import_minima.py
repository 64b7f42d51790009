"""Make a run folder of quenched PTMD snapshots that were sampled elsewhere.

    python benchmarks/import_minima.py RUN_FILE FOLDER SNAPSHOTS.npz [SNAPSHOTS.npz ...]

``nanochart run RUN_FILE --output FOLDER`` then goes on from the quenched snapshots: classes,
duplicates, training, families, report. Each file holds ``positions`` (n, n_atoms, 3), integers to
be multiplied by ``scale`` (Å), ``energy`` (n,) eV, ``temperature`` (n,) K and ``snapshot`` (n,),
the place in time; and, for the rows ``hot_index``, the configurations before quenching,
``hot_positions``. Where those were not kept the run folder has NaN. Several files are several
samplings of one system, one after the other in time.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanochart.workflow.config import parse_run_file, read_run_file
from nanochart.workflow.run import Run, open_run
from nanochart.workflow.stages import STAGES

Columns = dict[str, NDArray[Any]]


def _nothing(run: Run, progress: object) -> None:
    """Do nothing: what the stage makes is there."""


def _columns(path: Path, first_cycle: int) -> tuple[Columns, Columns]:
    """Return the columns of the snapshots and of their minima, by time and temperature."""
    with np.load(path, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    order = np.lexsort((arrays["temperature"], arrays["snapshot"]))
    scale = float(arrays["scale"])
    hot = np.full(arrays["positions"].shape, np.nan, dtype=np.float32)
    hot[arrays["hot_index"]] = arrays["hot_positions"] * scale
    ladder, place = np.unique(arrays["temperature"], return_inverse=True)
    times, cycle = np.unique(arrays["snapshot"], return_inverse=True)
    n_rows = len(order)
    if n_rows != len(ladder) * len(times):
        sys.exit(f"{path}: {n_rows} rows are not {len(times)} times {len(ladder)} temperatures")
    nothing = np.full(n_rows, np.nan)
    snapshots = {
        "positions": hot[order],
        "energy": nothing,
        "temperature": arrays["temperature"][order],
        "temperature_index": place[order],
        "walker": np.full(n_rows, -1),
        "cycle": cycle[order] + first_cycle,
    }
    quenched = {
        "positions": arrays["positions"][order] * scale,
        "energy": arrays["energy"][order],
        "max_force": nothing,
        "converged": np.ones(n_rows),
    }
    return snapshots, quenched


def _chunks(columns: Columns, size: int) -> Iterator[tuple[int, Columns]]:
    for start in range(0, len(columns["energy"]), size):
        yield start, {name: values[start : start + size] for name, values in columns.items()}


def main(run_file: Path, folder: Path, sources: list[Path]) -> None:
    """Fill the folder and record its first three stages as finished."""
    parts: list[tuple[Columns, Columns]] = []
    first_cycle = 0
    for source in sources:
        parts.append(_columns(source, first_cycle))
        first_cycle = int(parts[-1][0]["cycle"].max()) + 1
    text = read_run_file(run_file)
    file = parse_run_file(text, where=str(run_file))
    done = tuple(
        stage if stage.name not in ("seeds", "sample", "quench") else replace(stage, run=_nothing)
        for stage in STAGES
    )
    with open_run(folder, file, text, done) as run:
        if first_cycle != file.sampling.cycles:
            sys.exit(f"{run_file}: sampling.cycles must be {first_cycle}")
        for stage, group, which in (("sample", "snapshots", 0), ("quench", "quenched", 1)):
            columns = {
                name: np.concatenate([part[which][name] for part in parts])
                for name in parts[0][which]
            }
            rows = run.rows(stage, group, run.n_snapshots, chunk=run.chunk)
            for start, chunk in _chunks(columns, run.chunk):
                rows.write(start, **chunk)
            # Swaps were not kept: none are counted, and the report says nothing of them.
            none = [0] * (len(file.sampling.temperatures) - 1)
            counts = {"swap_attempts": none, "swap_accepts": none} if which == 0 else {}
            names = [source.name for source in sources]
            rows.commit(run.n_snapshots, made_from=names, **counts)
        for stage in ("seeds", "sample", "quench"):
            run.do(stage, lambda *_, **__: None)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]), [Path(one) for one in sys.argv[3:]])
