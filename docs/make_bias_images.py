"""Make the pictures of docs/bias.md from the raw results: ``python docs/make_bias_images.py``.

Reads benchmarks/results/bias_runs.json (made by ``benchmarks/bias_path.py RUN.dcd ...``) and writes
docs/images/bias-NAME.png for every run in it that docs/bias.md shows: CVs against time, and the
path on the chart, points in the colour of the class that a frame is quenched to.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from nanochart.chart.chart import load_chart
from nanochart.show.palette import CLASS_COLOURS
from nanochart.show.style import style

ROOT = Path(__file__).resolve().parents[1]
RUNS = ROOT / "benchmarks" / "results" / "bias_runs.json"


def picture(run: dict, centres: np.ndarray) -> Figure:
    """Return the picture of a run."""
    path = run["path"]
    times = np.array([one["time, ps"] for one in path])
    cvs = np.array([[one[f"cv{i}"] for i in (1, 2, 3)] for one in path])
    classes = [one["quenched"]["class"] for one in path]
    colours = [CLASS_COLOURS[name] for name in classes]
    with style():
        figure = Figure(figsize=(9.0, 3.6), layout="constrained")
        left, right = figure.subplots(1, 2)
        for i, marker in enumerate("os^"):
            left.plot(times, cvs[:, i], color="#8b9097", linewidth=0.8, zorder=1)
            left.scatter(times, cvs[:, i], c=colours, marker=marker, s=16, label=f"CV {i + 1}")
        left.set(xlabel="time / ps", ylabel="CV")
        left.legend()
        right.scatter(centres[:, 0], centres[:, 2], c="#d5d8dc", s=10)
        right.plot(cvs[:, 0], cvs[:, 2], color="#8b9097", linewidth=0.8)
        for name in dict.fromkeys(classes):
            rows = [i for i, one in enumerate(classes) if one == name]
            right.scatter(cvs[rows, 0], cvs[rows, 2], c=CLASS_COLOURS[name], s=18, label=name)
        right.set(xlabel="CV 1", ylabel="CV 3")
        right.legend(title="quenched")
    return figure


def main() -> None:
    """Draw all runs."""
    families = load_chart("au147-thermal").families
    assert families is not None
    centres = np.array([family.centre for family in families.major])
    page = (ROOT / "docs" / "bias.md").read_text(encoding="utf-8")
    for name, run in json.loads(RUNS.read_text(encoding="utf-8")).items():
        if f"images/bias-{name}.png" not in page:
            continue
        picture(run, centres).savefig(ROOT / "docs" / "images" / f"bias-{name}.png", dpi=110)


if __name__ == "__main__":
    main()
