"""Write docs/exploration.md and its figure from benchmarks/results/exploration.json: run it."""

from __future__ import annotations

from typing import Any

import numpy as np
from make_results_page import ROOT, read, table

IMAGE = ROOT / "docs" / "images" / "exploration.png"
TOLD = {
    "ptmd": "PTMD",
    "sparse": "restarts, sparse regions",
    "random": "restarts, at random",
    "metadynamics": "metadynamics",
}
COLOURS = {"ptmd": "#8b9097", "sparse": "#CC3311", "random": "#EE9A00", "metadynamics": "#0077BB"}
CLASSES = ("Dh", "Ih", "Twin", "Fcc", "Mix", "Amorphous")

HEAD = """\
# Exploration: is the chart worth anything?

A chart says where one has been. So MD may be started again and again where few structures are, or
pushed away from where it was, and perhaps meets more families and minima in an hour than parallel
tempering does. This page measures it, on {system}: {snapshots:,}
quenches each way, one process. Processor times differ and are told: look at the curves, not only
at their ends.

- **PTMD**: the paper's ladder of 24 temperatures (300 to 600 K), swaps every 12.5 ps, one snapshot
  of every replica between two swaps; {ns:g} ns in all.
- **Restarts, sparse regions**: rounds of 24 runs of 125 ps at 476 K, a frame every 12.5 ps
  quenched. The next 24 begin at the minima with the fewest others within a bandwidth of the
  families on the chart, no two of them within a bandwidth; only minima inside the chart's domain.
- **Restarts, at random**: the same, but from minima drawn from all that were met. The difference
  of these two is what the density on the chart is worth.
- **Metadynamics**: one biased run of {biased_ns:g} ns at 476 K on the thermal chart, in two CVs, by
  `benchmarks/dh-twin.toml` ([bias](bias.md)); a step costs nearly twice as much there.

All thermostats have a damping time of 1 ps. 476 K was chosen beforehand (30 K below melting, a rung
of the ladder), and so were the restarts' rounds; the walls of the metadynamics were set after
another run ([bias](bias.md), seed 41); nothing was tuned on these runs, none was left out.
Families are those of the shipped chart `au147` ({families} of them, {major} major), which was made
of parallel tempering from all motifs; minima are unique by energy (0.1 meV) and class.

```bash
{command}
python docs/make_exploration_page.py
```

"""


VERDICT = """
**As a force the chart is worth most**: in the same processor time metadynamics meets three times as
many families as parallel tempering, with every seed, and all classes of minima, of which parallel
tempering from an icosahedron meets three, and lower ones. It meets fewer different minima: it is
busy with getting somewhere. **As a place to begin again it is worth something, but not every
time**: restarts from sparse regions meet more families than restarts at random, which stay among
icosahedra. One seed did not come further than parallel tempering, whose hot replicas melt and
freeze; the other left the icosahedra and met nearly as many families as metadynamics. Families are
what the chart tells apart, and two of these ways were driven by charts of the same system; but the
classes of the minima, which no chart was asked for, say the same.
"""


def page() -> str:
    """Return the page."""
    told = read("exploration")
    runs = told["runs"]
    rounds = len(runs[0]["rounds"])
    lengths = {way: rounds * ns for way, ns in told["ns a round"].items()}
    head = HEAD.format(
        system=told["system"],
        ns=lengths["ptmd"],
        biased_ns=lengths["metadynamics"],
        snapshots=runs[0]["rounds"][-1]["minima"],
        families=told["families of the chart"],
        major=told["major families of the chart"],
        command=told["command"],
    )
    rows = []
    for run in sorted(runs, key=lambda one: (list(TOLD).index(one["way"]), one["seed"])):
        end = run["rounds"][-1]
        hours = end["cpu, s"] / 3600
        unique = end["unique minima of each class"]
        rows.append(
            [
                TOLD[run["way"]],
                run["seed"],
                f"{end['cpu, s']:.0f}",
                f"{len(end['families'])} ({end['major families']})",
                f"{len(end['families']) / hours:.0f}",
                f"{end['unique minima']:,}",
                f"{end['unique minima'] / hours:,.0f}",
                *(unique[name] for name in CLASSES),
                f"{end['lowest energy, eV']:.3f}",
            ]
        )
    columns = ["way", "seed", "CPU / s", "families (major)", "families an hour", "unique minima", "minima an hour", *CLASSES, "lowest / eV"]  # fmt: skip  # noqa: E501
    return (
        head
        + table(columns, rows)
        + f"\nAfter the last of {rounds} rounds. CPU time of everything: MD, quenches, chart. The\n"
        "six columns of classes are unique minima.\n\n"
        "![Families and minima against CPU time](images/exploration.png)\n\n"
        + compared(runs)
        + VERDICT
        + f"\n{told['cpu']}, one thread.\n"
    )


def compared(runs: list[dict[str, Any]]) -> str:
    """Return the means over the seeds, with their standard errors."""
    rows = []
    for way, name in TOLD.items():
        ends = [run["rounds"][-1] for run in runs if run["way"] == way]
        if not ends:
            continue
        cells = [name, len(ends)]
        for values in (
            [len(end["families"]) for end in ends],
            [end["major families"] for end in ends],
            [end["unique minima"] for end in ends],
            [
                end["unique minima"] - end["unique minima of each class"]["Amorphous"]
                for end in ends
            ],
            [end["cpu, s"] for end in ends],
        ):
            error = f" ± {np.std(values, ddof=1) / np.sqrt(len(values)):.0f}" if ends[1:] else ""
            cells.append(f"{np.mean(values):,.0f}{error}")
        met = set().union(*(end["families"] for end in ends))
        cells.append(len(met))
        rows.append(cells)
    columns = ["way", "seeds", "families", "major families", "unique minima", "of them not amorphous", "CPU / s", "families of all seeds together"]  # fmt: skip  # noqa: E501
    return "Means over the seeds and their standard errors:\n\n" + table(columns, rows)


def draw() -> None:
    """Draw families and minima against CPU time."""
    from matplotlib.figure import Figure

    from nanochart.show.style import WIDE, style

    runs = read("exploration")["runs"]
    with style():
        figure = Figure(figsize=(WIDE, 2.8))
        left, right = figure.subplots(1, 2)
        for run in runs:
            seconds = [one["cpu, s"] for one in run["rounds"]]
            colour, label = COLOURS[run["way"]], TOLD[run["way"]] if run["seed"] == 1 else None
            left.plot(
                seconds, [len(one["families"]) for one in run["rounds"]], color=colour, label=label
            )
            right.plot(seconds, [one["unique minima"] for one in run["rounds"]], color=colour)
        left.set_ylabel("families met")
        right.set_ylabel("unique minima")
        for axes in (left, right):
            axes.set_xlabel("CPU time / s")
        left.legend()
        figure.savefig(IMAGE, dpi=130)


if __name__ == "__main__":
    draw()
    (ROOT / "docs" / "exploration.md").write_text(page(), encoding="utf-8")
