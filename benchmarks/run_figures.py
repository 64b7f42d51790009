"""Write what a run cost and found: ``python benchmarks/run_figures.py RUN RESULTS.json``.

``docs/make_results_page.py`` makes the page of these files.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from nanochart.chart import load_chart
from nanochart.structure.classes import CLASS_NAMES
from nanochart.workflow.config import parse_run_file, read_run_file
from nanochart.workflow.run import Run
from nanochart.workflow.stages import STAGES
from nanochart.workflow.tell import report_content


def figures(folder: Path) -> dict[str, object]:
    """Return the figures of a finished run."""
    text = read_run_file(folder / "run.toml")
    run = Run(folder, parse_run_file(text, where=str(folder)), text, STAGES)
    content = report_content(run)
    families = load_chart(run.chart_path).families
    assert families is not None
    assert content.loss is not None
    assert content.swaps_attempted is not None
    assert content.swaps_accepted is not None
    assert content.class_fractions is not None
    assert content.class_errors is not None
    acceptance = content.swaps_accepted / np.maximum(content.swaps_attempted, 1)
    summary = json.loads((folder / "training.json").read_text())
    return {
        "provenance": dict(content.provenance),
        "stages": {name: record.__dict__ for name, record in run.records().items()},
        "ns_per_replica": content.time_per_replica_ns,
        "burn_in_ns": content.burn_in_ns,
        "snapshots": len(content.snapshot_classes),
        "failed_quenches": content.n_failed,
        "unique": len(content.unique_classes),
        "composition": counted(content.snapshot_classes),
        "composition_unique": counted(content.unique_classes),
        "temperatures": content.temperatures.tolist(),
        "class_fractions": np.round(content.class_fractions, 4).tolist(),
        "half_against_half": np.round(content.class_errors, 4).tolist(),
        "swap_acceptance": {"lowest": float(acceptance.min()), "highest": float(acceptance.max())},
        "lowest_energy": float(content.energies.min()),
        "loss": {key: summary[key] for key in summary if key not in ("history", "settings")},
        "epochs": len(summary["history"]["validation_loss"]),
        "median_epoch_seconds": float(np.median(summary["history"]["seconds"])),
        "batch_size": summary["settings"]["batch_size"],
        "last_validation_losses": [round(x, 5) for x in summary["history"]["validation_loss"][-5:]],
        "families": len(families),
        "major_families": len(families.major),
        "minimum_size": families.minimum_size,
        "bandwidth": families.bandwidth,
        "sizes_of_major_families": [family.size for family in families.major],
        "page_kilobytes": round(run.report_path.stat().st_size / 1e3),
    }


def counted(codes: np.ndarray) -> dict[str, int]:
    """Return how many structures there are of each class."""
    return {name: int((codes == code).sum()) for code, name in enumerate(CLASS_NAMES)}


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(figures(Path(sys.argv[1])), indent=1) + "\n")
