"""How well charts reconstruct: python benchmarks/reconstructions.py RUN [RUN ...]

Looks at the structures that each run's training held out: errors by class, the worst 1 %. Writes
benchmarks/results/reconstructions.json and docs/images/reconstructions-*.png.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nanochart.chart.chart import load_chart
from nanochart.chart.judgement import reconstruct
from nanochart.chart.protocol import TrainingSettings, split
from nanochart.landscape import open_landscape
from nanochart.show.reconstructions import reconstruction_figure, worst_rows
from nanochart.structure.classes import CLASS_NAMES
from nanochart.workflow.learn import inputs_of

ROOT = Path(__file__).resolve().parents[1]


def judged(folder: Path) -> dict[str, Any]:
    """Return what is kept of a run, and draw its figure."""
    landscape, chart = open_landscape(folder), load_chart(folder / "chart.safetensors")
    unique = landscape["unique"]
    inputs, scaling = inputs_of(unique)
    _, rows = split(
        len(inputs), TrainingSettings(seed=chart.provenance["training"]["settings"]["seed"])
    )
    classes = landscape["classes"].read_rows("cluster_class", unique.read("snapshot"))[rows]
    cvs, errors = reconstruct(chart.model, inputs[rows])
    with torch.no_grad():
        decoded = chart.model.decode(torch.from_numpy(cvs)).numpy().astype(np.float64)
    name = f"{chart.species}{chart.n_atoms}"
    reconstruction_figure(
        chart.basis.points, scaling.inverse(inputs[rows]), scaling.inverse(decoded), errors
    ).savefig(ROOT / "docs" / "images" / f"reconstructions-{name}.png", dpi=110)
    worst = worst_rows(errors)
    variance = float(inputs[rows].astype(np.float64).var(axis=0).mean())
    return {
        "system": name,
        "network": chart.model.kind,
        "held_out": len(rows),
        "variance": variance,
        "quantiles": dict(
            zip(
                (0.01, 0.5, 0.9, 0.99, 1.0),
                np.quantile(errors, (0.01, 0.5, 0.9, 0.99, 1.0)).tolist(),
                strict=True,
            )
        ),
        "classes": {
            label: {
                "structures": int((classes == code).sum()),
                "mean_error": float(errors[classes == code].mean())
                if (classes == code).any()
                else None,
                "among_the_worst": int((classes[worst] == code).sum()),
            }
            for code, label in enumerate(CLASS_NAMES)
        },
        "n_worst": len(worst),
    }


def main(folders: list[Path]) -> None:
    """Judge and write."""
    record = {
        "command": "python benchmarks/reconstructions.py " + " ".join(one.name for one in folders),
        "runs": [judged(folder) for folder in folders],
    }
    path = ROOT / "benchmarks" / "results" / "reconstructions.json"
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main([Path(one) for one in sys.argv[1:]])
