"""Two PTMD runs of one system as one, for a chart of both: cycles of the first, then the second.

    python benchmarks/lj38_join.py FIRST SECOND OUTPUT

Every run gives as many cycles as the shorter has, its last ones. OUTPUT is a run folder with its
seeds and snapshots: ``nanochart run OUTPUT/run.toml`` quenches and charts them. A joined run is no
equilibrium run: statistics belong to each of the two.
"""

from __future__ import annotations

import argparse
import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from nanochart.landscape import open_landscape
from nanochart.progress import Progress, silent
from nanochart.workflow.config import parse_run_file, read_run_file
from nanochart.workflow.run import Run, open_run
from nanochart.workflow.stages import STAGES

COLUMNS = ("positions", "energy", "temperature", "temperature_index", "walker")


def join(first: Path, second: Path, output: Path) -> None:
    """Write the joined run."""
    text = read_run_file(first / "run.toml")
    file = parse_run_file(text, where=str(first / "run.toml"))
    n_rungs, every = len(file.sampling.temperatures), file.sampling.commit_every
    parts = [open_landscape(folder)["snapshots"] for folder in (first, second)]
    kept = min(part.committed // n_rungs for part in parts) // every * every
    text = re.sub(r"(?m)^cycles = .*", f"cycles = {2 * kept}", text)

    def copied(run: Run, _progress: Progress) -> None:
        group = run.rows("sample", "snapshots", run.n_snapshots, chunk=run.chunk)
        for i, part in enumerate(parts):
            start = part.committed // n_rungs - kept
            for cycle in range(0, kept, every):
                rows = slice((start + cycle) * n_rungs, (start + cycle + every) * n_rungs)
                columns = {name: part.read(name, rows.start, rows.stop) for name in COLUMNS}
                place = i * kept + cycle
                group.write(
                    place * n_rungs,
                    cycle=np.repeat(np.arange(place, place + every), n_rungs),
                    **columns,
                )
                group.commit((place + every) * n_rungs)

    stages = tuple(replace(one, run=copied) if one.name == "sample" else one for one in STAGES)
    with open_run(output, parse_run_file(text, where="joined"), text, stages) as run:
        for name in ("seeds", "sample"):
            if not run.is_finished(name):
                run.do(name, silent)
    print(f"{output}: {2 * kept} cycles, {2 * kept * n_rungs} snapshots")


def main() -> None:
    """Join two runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("first", "second", "output"):
        parser.add_argument(name, type=Path)
    options = parser.parse_args()
    join(options.first, options.second, options.output)


if __name__ == "__main__":
    main()
