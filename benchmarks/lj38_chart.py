"""LJ38's own chart, told: its training, its families, where the minima of each funnel lie.

    python benchmarks/lj38_chart.py RUN

RUN is the joined run (benchmarks/lj38_join.py) after ``nanochart run``. Written to
benchmarks/results/lj38_chart.json.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from lj38 import FUNNELS, NAMES

from nanochart.chart.chart import load_chart
from nanochart.descriptor.rdf import PAPER_GRID
from nanochart.landscape import open_landscape
from nanochart.structure.cutoffs import neighbour_cutoff
from nanochart.structure.description import describe_positions
from nanochart.workflow.config import parse_run_file, read_run_file
from nanochart.workflow.provenance import cpu_name, versions

RESULTS = Path(__file__).parent / "results" / "lj38_chart.json"
#: Points kept for the picture.
MOST = 1_500


def told(folder: Path) -> dict[str, Any]:
    """Return what is told of a chart."""
    chart = load_chart(folder / "chart.safetensors")
    landscape = open_landscape(folder)
    text = read_run_file(folder / "run.toml")
    potential = parse_run_file(text, where=str(folder)).make_potential()
    rows = landscape["unique"].read("snapshot")
    positions = landscape["quenched"].read_rows("positions", rows).astype(np.float64)
    words = describe_positions(positions, neighbour_cutoff(potential.r0))
    funnel = np.full(len(rows), NAMES[-1], dtype="<U12")
    for name, kinds in FUNNELS.items():
        funnel[np.isin(words.macro_families, kinds)] = name
    cvs = chart.evaluate(positions).cvs
    chosen = np.random.default_rng(0).permutation(len(rows))[:MOST]
    nearest = chart.families.nearest(cvs) if chart.families is not None else np.zeros(len(rows))
    families = [] if chart.families is None else list(chart.families.major)
    low, high = (float(PAPER_GRID.points[i]) for i in (chart.window[0], chart.window[1] - 1))
    return {
        "snapshots": int(landscape["snapshots"].committed),
        "unique": len(rows),
        "unique_by_funnel": {name: int((funnel == name).sum()) for name in NAMES},
        "window_A": [low, high],
        "training": chart.provenance["training"],
        "bandwidth_of_families": None if chart.families is None else chart.families.bandwidth,
        "n_families": 0 if chart.families is None else len(chart.families),
        "families": [
            {
                "id": one.id,
                "name": one.name,
                "size": one.size,
                "centre": [float(x) for x in one.centre],
                "of_funnels": {
                    name: int(((nearest == one.id) & (funnel == name)).sum()) for name in NAMES
                },
            }
            for one in families
        ],
        "points": {
            "cvs": np.round(cvs[chosen], 3).tolist(),
            "funnel": funnel[chosen].tolist(),
        },
    }


def main() -> None:
    """Read the chart, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    found = {
        "command": "python benchmarks/lj38_join.py lj38-fcc lj38-ih lj38; nanochart run "
        "lj38/run.toml; python benchmarks/lj38_chart.py lj38",
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "versions": versions(),
        **told(parser.parse_args().run),
    }
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    print(found["unique_by_funnel"], found["n_families"], found["training"])


if __name__ == "__main__":
    main()
