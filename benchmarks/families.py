"""Write what the families of some runs are: ``python benchmarks/families.py RUN [RUN ...]``.

Writes benchmarks/results/families.json and the figures of docs/images/families-*.png, of which
``docs/make_families_page.py`` makes docs/families.md. Needs scikit-learn, for the second opinion.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from machine import cpu_model

from nanochart.chart.bandwidth import plateaus
from nanochart.chart.chart import load_chart
from nanochart.chart.hierarchy import family_tree
from nanochart.chart.stability import second_opinion
from nanochart.show.family_figures import scan_figure, tree_figure
from nanochart.workflow.config import parse_run_file, read_run_file
from nanochart.workflow.run import Run
from nanochart.workflow.stages import STAGES
from nanochart.workflow.tell import relief_of

ROOT = Path(__file__).resolve().parents[1]


def families_of(folder: Path) -> dict[str, Any]:
    """Return the families of a finished run, and draw its two figures."""
    text = read_run_file(folder / "run.toml")
    run = Run(folder, parse_run_file(text, where=str(folder)), text, STAGES)
    chart = load_chart(run.chart_path)
    families = chart.families
    assert families is not None
    assert families.scan is not None
    rows = run.landscape["unique"].read("snapshot")
    cvs = run.landscape["chart"].read_rows("cvs", rows).astype(np.float64)
    labels = families.nearest(cvs).astype(np.int64)
    tree = family_tree(relief_of(families, cvs))
    groups = tree.groups()
    started = time.perf_counter()
    opinion = second_opinion(cvs, labels, minimum_size=families.minimum_size)
    system = run.file.name
    images = ROOT / "docs" / "images"
    names = [f"{one.id} {one.name}" for one in families][: tree.n_families]
    candidates = plateaus(families.scan)
    scan_figure(families.scan, candidates, families.bandwidth).savefig(
        images / f"families-{system}-scan.png", dpi=110
    )
    tree_figure(tree, names).savefig(images / f"families-{system}-tree.png", dpi=110)
    summary = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    return {
        "system": system,
        "snapshots": run.landscape["chart"].committed,
        "unique": len(cvs),
        "epochs": len(summary["history"]["validation_loss"]),
        "loss": {k: summary[k] for k in ("best_loss", "validation_r2", "pca_loss", "pca_r2")},
        "deviation": float(np.sqrt(cvs.var(axis=0).mean())),
        "bandwidth": families.bandwidth,
        "families": len(families),
        "minimum_size": families.minimum_size,
        "plateaus": [{**vars(one), "is_reproducible": one.is_reproducible} for one in candidates],
        "scan": families.as_json()["scan"],
        "groups": int(groups.max()) + 1,
        "hdbscan": {**vars(opinion), "seconds": time.perf_counter() - started},
        "seconds": {name: one.seconds for name, one in run.records().items()},
        "major": [
            {
                "id": one.id,
                "name": one.name,
                "macro_family": one.macro_family,
                "size": one.size,
                "stability": one.stability,
                "agreement": one.agreement,
                "group": int(groups[one.id]),
            }
            for one in families.major
        ],
    }


def main(folders: list[Path]) -> None:
    """Gather and write."""
    record = {
        "command": "python benchmarks/families.py " + " ".join(one.name for one in folders),
        "cpu": cpu_model(),
        "python": sys.version.split()[0],
        "versions": {name: version(name) for name in ("numpy", "scipy", "numba", "scikit-learn")},
        "runs": [families_of(folder) for folder in folders],
    }
    path = ROOT / "benchmarks" / "results" / "families.json"
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main([Path(one) for one in sys.argv[1:]])
