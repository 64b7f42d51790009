"""Teach a chart's CVs to a small smooth encoder, on files or the minima of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nanochart.errors import NanochartError
from nanochart.progress import Progress
from nanochart.workflow.source import Source, check_output

if TYPE_CHECKING:
    from nanochart.chart.distillation import DistillationSettings


def distill_files(
    chart_path: Path,
    files: Sequence[Path],
    output: Path,
    *,
    settings: DistillationSettings,
    species: str | None,
    skip_bad: bool,
    progress: Progress,
) -> dict[str, Any]:
    """Write a chart with a distilled encoder, and return how well that was taught."""
    from nanochart.chart.chart import load_chart
    from nanochart.chart.distillation import distill

    check_output(output)
    chart = load_chart(chart_path)
    source = Source(
        files,
        species=species or chart.species,
        n_atoms=chart.n_atoms,
        skip_bad=skip_bad,
        alloys=True,
    )
    positions, symbol = source.all_positions()
    chart.check_cluster(positions.shape[1], symbol)
    encoder = distill(
        chart.model,
        positions,
        basis=chart.basis,
        scaling=chart.scaling,
        settings=settings,
        progress=progress,
    )
    replace(chart, distilled=encoder).save(output)
    figures: dict[str, Any] = {}
    for name in ("minima", "shaken"):
        held = encoder.figures[name]
        figures |= {
            f"r2_{name}": [round(value, 6) for value in held["r2"]],
            f"gradient_cosine_{name}": round(held["gradient_cosine"][0], 4),
            f"gradient_norm_{name}": round(held["gradient_norm"], 4),
        }
    return {
        "structures": len(positions),
        **figures,
        "skipped": source.skipped,
        "output": str(output),
    }


def hidden_layers(text: str) -> tuple[int, ...]:
    """Return sizes of layers told like ``128,128``."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise NanochartError(
            f"--hidden {text!r}: give nodes of each layer, with commas between: 128,128"
        ) from None
