"""How far apart the RDFs of minima are: python benchmarks/rdf_duplicates.py RUN [RUN ...]

Takes quenched snapshots next to each other in energy, whatever their class, groups them by the
difference, and writes the quantiles of the distance of their RDFs (up to 600 pairs a group, seed
0), and how many structures each rule keeps, into benchmarks/results/rdf_duplicates.json.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from machine import cpu_model

from nanochart.chart.chart import load_chart
from nanochart.descriptor.rdf import rdf_of_positions
from nanochart.landscape import open_landscape
from nanochart.structure.duplicates import RDF_TOLERANCE, unique_by_rdf, unique_indices

RESULTS = Path(__file__).parent / "results" / "rdf_duplicates.json"
EDGES = (0.0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2)
MOST = 600
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def judged(folder: Path) -> dict[str, Any]:
    """Return the distances of a run's minima, and what the rules keep of them."""
    landscape, chart = open_landscape(folder), load_chart(folder / "chart.safetensors")
    quenched = landscape["quenched"]
    energy, positions = quenched.read("energy"), quenched.read("positions")
    classes = landscape["classes"].read("cluster_class")
    rdf = rdf_of_positions(positions, chart.basis, threads=2)
    order = np.argsort(energy, kind="stable")
    difference = np.diff(energy[order])
    distance = np.sqrt(np.square(np.diff(rdf[order], axis=0)).sum(axis=1) * chart.grid.step)
    rng, groups = np.random.default_rng(0), []
    for low, high in itertools.pairwise(EDGES):
        rows = np.flatnonzero((difference >= low) & (difference < high))
        some = rng.choice(rows, min(MOST, len(rows)), replace=False)
        if len(some):
            values = np.quantile(distance[some], QUANTILES).tolist()
            groups.append({"from_eV": low, "to_eV": high, "pairs": len(some), "distance": values})
    started = time.perf_counter()
    by_rdf = unique_by_rdf(rdf, step=chart.grid.step)[0]
    seconds = time.perf_counter() - started
    return {
        "system": f"{chart.species}{chart.n_atoms}",
        "structures": len(energy),
        "kept_by_energy_and_class": len(unique_indices(energy, classes)[0]),
        "kept_by_rdf": len(by_rdf),
        "seconds_by_rdf": seconds,
        "groups": groups,
    }


def main(folders: list[Path]) -> None:
    """Judge and write."""
    record = {
        "command": "python benchmarks/rdf_duplicates.py " + " ".join(one.name for one in folders),
        "tolerance": RDF_TOLERANCE,
        "quantiles": QUANTILES,
        "cpu": cpu_model(),
        "runs": [judged(folder) for folder in folders],
    }
    RESULTS.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main([Path(one) for one in sys.argv[1:]])
