"""Write docs/melting.md and its figure from benchmarks/results/melting.json: run it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from make_results_page import ROOT, read, table
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nanochart.show.paper import PAPER
from nanochart.structure.classes import CLASS_NAMES

IMAGES = ROOT / "docs" / "images"
#: By name, with the symbol and number of atoms of the paper's tables.
SYSTEMS = {"Au90": ("Au", 90), "Au147": ("Au", 147), "Ag147": ("Ag", 147), "Cu147": ("Cu", 147)}

HEAD = """\
# Heat capacities and melting

The heat capacity of each of the paper's four systems against temperature, by MBAR of all replicas
of a ladder together ([sampling](sampling.md)), and where it is highest: the melting temperature,
beside those published for the same potentials (Settem et al., J. Chem. Phys. 159, 094303 (2023)).

This page and its figure are made by `docs/make_melting_page.py` from
`benchmarks/results/melting.json`, and that by

```bash
nanochart sample benchmarks/au147-ptmd.toml -o au147     # and au90, ag147, cu147
nanochart quench au147
nanochart classify au147
python benchmarks/melting.py --runs au90 au147 ag147 cu147 \
  --data au90.npz au147-hot.npz ag147.npz cu147.npz
```

The data are not in the repository; without `--data` what was computed of them stays as it is.

Two kinds of sampling, both on the paper's ladders:

- **data**: hot configurations of an earlier, independent implementation of the protocol (5 ps
  between swaps, replicas began as fcc, twin, Dh, Ih and hcp in turn), energies and statistics ours;
  the first quarter is discarded;
- **run**: `nanochart sample`, every replica from the lowest seed, as in the literature; swaps every
  12.5 ps instead of 250, as short runs want.

Both are short beside the paper's 1 to 2 µs a replica, and in the cold half of a ladder **not in
equilibrium**: what a cluster is there, it was at the start. No replica of our runs has been to the
hottest temperature and back.

![Heat capacities of the four systems](images/melting.png)

Lines: MBAR, with one standard error of a block bootstrap; red where a run of ours is drawn, grey
the data; dashed: the published melting temperature.

"""

#: Share of amorphous snapshots from which on a cluster counts as molten.
MOLTEN = 0.95

READING = """
Ag147 and Cu147, whose start is the lowest minimum and stays so up to melting, come within six
percentage points of the paper in every class; what they lack are the few per cent of Mix, Dh and
Twin that need longer. The gold clusters, which have many low minima, keep what they began as: Au90
is fcc where the paper has mostly Mix, Au147 the decahedron where the paper has turned a part of it
into Ih, Twin, Fcc and Mix. The rule of the classes is ours, the paper's is not public, so no
difference of a few points says anything by itself.
"""


def page() -> str:
    """Return the page."""
    systems = read("melting")["systems"]
    runs = {name: systems[name]["run"] for name in SYSTEMS if "run" in systems[name]}
    parts = [HEAD, melting(systems), reached(runs), totals(runs)]
    parts += [agreement(name, systems[name]) for name in runs]
    return "\n".join(parts)


def reached(runs: dict[str, Any]) -> str:
    """Return how far our runs came."""
    rows = []
    for name, run in runs.items():
        steps = (run["cycles"] + run["burn_in_cycles"]) * run["steps_per_cycle"]
        exchange = run["exchange"]
        share = [100 * one for one in exchange["acceptance"]]
        rows.append(
            [
                name,
                len(run["temperatures"]),
                f"{run['ns_per_replica']:.2f}",
                f"{steps / 1e6:.2f}",
                f"{run['cycles']:,}",
                f"{min(share):.0f} to {max(share):.0f}",
                f"{exchange['round_trips']}, by {exchange['replicas_with_round_trips']}",
            ]
        )
    head = ["system", "replicas", "ns a replica", "million steps a replica", "cycles kept", "% of swaps accepted", "round trips"]  # fmt: skip  # noqa: E501
    return (
        "## Our runs: the state reached\n\n"
        + table(head, rows)
        + "\nNanoseconds are of the cycles kept, steps count the burn-in, too. All runs stopped\n"
        "where the machine's time was over, and go on from there by the same command. The\n"
        "paper's are 1,400 ns a replica and more.\n"
    )


def totals(runs: dict[str, Any]) -> str:
    """Return the classes of all temperatures together, beside the paper's."""
    rows = []
    for name, run in runs.items():
        told = run["populations"].get("class")
        if told is None:
            continue
        ours = [100 * float(np.mean(told[one]["share"])) for one in CLASS_NAMES]
        counted = run["cycles"] * len(run["temperatures"])
        paper = PAPER[SYSTEMS[name]].all_snapshots
        theirs = [100 * count / sum(paper) for count in paper]
        rows += [
            [name, who, *(f"{share:.1f}" for share in shares), f"{n:,}"]
            for who, shares, n in (("run", ours, counted), ("paper", theirs, sum(paper)))
        ]
    if not rows:
        return ""
    return (
        "## Composition\n\n![Classes against temperature](images/melting-classes.png)\n\n"
        "Classes of the quenched snapshots, duplicates included; dashed: the published melting "
        "temperature.\nAll temperatures together, in per cent, beside the paper's tables "
        "(SI 1.2 to 1.5):\n\n" + table(["system", "", *CLASS_NAMES, "structures"], rows) + READING
    )


def melting(systems: dict[str, Any]) -> str:
    """Return the table of melting temperatures."""
    rows = []
    for name in SYSTEMS:
        one = systems[name]
        for kind in ("data", "run"):
            if kind not in one:
                continue
            of = one[kind]
            peak = float(np.max(of["reweighted"]["heat_capacity"]))
            length = (
                f"{of['ns_per_replica']:.1f} ns"
                if kind == "run"
                else f"{of['snapshots_per_temperature']} snapshots"
            )
            rows.append(
                [
                    name,
                    kind,
                    f"{len(of['temperatures'])} × {length}",
                    f"{of['melting_temperature']:.1f} ± {of['melting_error']:.1f}",
                    halves(of),
                    one["published_melting_K"],
                    f"{peak:.1f}",
                ]
            )
    head = ["system", "sampling", "replicas × each", "highest C_v at / K", "by either half", "published / K", "C_v there / k_B an atom"]  # fmt: skip  # noqa: E501
    missing = [name for name in SYSTEMS if "run" not in systems[name]]
    told = f"\nNo run of ours of this kind yet: {', '.join(missing)}.\n" if missing else ""
    return (
        table(head, rows)
        + "\nThe errors are those of one run's blocks. They know nothing of what a run this short\n"
        "has not seen, so a difference of several errors from the published value is no\n"
        "contradiction; nor are the published peaks given with an error. Our runs began solid at\n"
        "all temperatures: solids superheat, and the peak comes down as the run goes on. In all\n"
        "four it is nearer to the published place in the second half than in the first, and not\n"
        "there yet. The data began as five motifs, most of which melt earlier than the best one:\n"
        "of Ag147 and Cu147 the two starts have the published temperature between them.\n" + told
    )


def halves(of: dict[str, Any]) -> str:
    """Return where the heat capacity is highest by either half of a run alone."""
    found = of.get("highest_heat_capacity_of_halves", [])
    return ", ".join("none" if one is None else f"{one:.1f}" for one in found)


def agreement(name: str, one: dict[str, Any]) -> str:
    """Return what a run says, and how it agrees with the data."""
    run = one["run"]
    exchange = run["exchange"]
    trips = exchange["round_trips"]
    lines = [
        f"## {name}, our run\n",
        f"{run['cycles']:,} cycles of {run['steps_per_cycle']:,} steps after "
        f"{run['burn_in_cycles']} of burn-in, {run['ns_per_replica']:.2f} ns a replica, seed "
        f"{run['seed']}; {100 * min(exchange['acceptance']):.0f} to "
        f"{100 * max(exchange['acceptance']):.0f} % of the swaps accepted, {trips} round trips of "
        f"{exchange['replicas_with_round_trips']} replicas.\n",
    ]
    if "class" in run["populations"]:
        lines.append(composition(run))
    if "mean_energies" in one:
        lines.append(energies(one))
    return "\n".join(lines)


def composition(run: dict[str, Any]) -> str:
    """Return percent of each class at each temperature, with bootstrap errors."""
    told = run["populations"]["class"]
    rows = [
        [f"{t:g}"]
        + [
            f"{100 * told[name]['share'][i]:.0f} ± {100 * told[name]['error'][i]:.0f}"
            for name in CLASS_NAMES
        ]
        for i, t in enumerate(run["temperatures"])
    ]
    return (
        "Percent of each class, every snapshot counted; ± one error of the block bootstrap:\n\n"
        + table(["T / K", *CLASS_NAMES], rows)
    )


def energies(one: dict[str, Any]) -> str:
    """Return the comparison of the mean energies from two starts."""
    melting_k = one["published_melting_K"]
    rows = [
        [
            f"{row['temperature_K']:g}",
            f"{row['run_eV']:.3f} ± {row['run_error_eV']:.3f}",
            f"{row['data_eV']:.3f} ± {row['data_error_eV']:.3f}",
            f"{row['difference_in_errors']:+.1f}",
        ]
        for row in one["mean_energies"]
    ]
    molten = one["run"]["populations"]["class"]["Amorphous"]["share"]  # at the same temperatures
    liquid = [
        abs(row["difference_in_errors"])
        for row, share in zip(one["mean_energies"], molten, strict=True)
        if share >= MOLTEN
    ]
    solid = [
        abs(row["difference_in_errors"])
        for row in one["mean_energies"]
        if row["temperature_K"] < 0.8 * melting_k
    ]
    return (
        "### The same from two starts\n\nMean potential energy; errors from ten blocks of time:\n\n"
        + table(["T / K", "run / eV", "data / eV", "difference / joint errors"], rows)
        + f"\nWhere {100 * MOLTEN:.0f} % of our snapshots or more are amorphous, the two differ\n"
        f"by {np.mean(liquid):.1f} joint errors on average, at most {max(liquid):.1f} "
        f"({len(liquid)} temperatures); below 0.8 of the\nmelting temperature by "
        f"{np.mean(solid):.1f}, at most {max(solid):.1f}. Liquids forget their start, and there\n"
        "the two should agree. Solids do not within nanoseconds: cold replicas of the data keep\n"
        "the motif they began as, ours are the lowest minimum, and the blocks of one run cannot\n"
        "know. Between, ours is still superheated.\n"
    )


def draw() -> None:
    """Draw the heat capacities of the four systems, and the classes of our runs."""
    from nanochart.show.palette import ACCENT, CLASS_PALETTE, INK, MUTED
    from nanochart.show.palette import PAPER as GROUND
    from nanochart.show.style import WIDE, style

    systems = read("melting")["systems"]

    def panels(name: str, paint: Callable[[Axes, dict[str, Any]], None], ylabel: str) -> None:
        with style():
            figure = Figure(figsize=(WIDE, 4.4))
            grid = figure.subplots(2, 2).ravel()
            for axes, system in zip(grid, SYSTEMS, strict=True):
                one = systems[system]
                paint(axes, one)
                axes.axvline(
                    one["published_melting_K"], color=INK, linewidth=0.8, linestyle=(0, (4, 2))
                )
                axes.set_title(system, loc="left")
            for axes in grid[2:]:
                axes.set_xlabel("temperature / K")
            for axes in grid[::2]:
                axes.set_ylabel(ylabel)
            if (handles := grid[-1].get_legend_handles_labels())[0]:
                figure.legend(*handles, loc="outside lower center", ncols=len(CLASS_NAMES))
            figure.savefig(IMAGES / f"{name}.png", dpi=130)

    def curves(axes: Axes, one: dict[str, Any]) -> None:
        for kind, colour in (("data", MUTED), ("run", ACCENT)):
            if kind not in one:
                continue
            curve = one[kind]["reweighted"]
            t, c, e = (
                np.array(curve[key])
                for key in ("temperatures", "heat_capacity", "heat_capacity_error")
            )
            axes.fill_between(t, c - e, c + e, color=colour, alpha=0.25, linewidth=0)
            axes.plot(t, c, color=colour, linewidth=1.1)
        axes.set_ylim(bottom=2.5)

    def classes(axes: Axes, one: dict[str, Any]) -> None:
        told = one.get("run", {}).get("populations", {}).get("class")
        if told is None:
            return
        temperatures = one["run"]["temperatures"]
        axes.stackplot(
            temperatures,
            [100 * np.array(told[name]["share"]) for name in CLASS_NAMES],
            colors=CLASS_PALETTE,
            labels=CLASS_NAMES,
            edgecolor=GROUND,
            linewidth=0.3,
        )
        axes.set_xlim(temperatures[0], temperatures[-1])
        axes.set_ylim(0, 100)

    panels("melting", curves, "C_v / k_B an atom")
    panels("melting-classes", classes, "% of snapshots")


if __name__ == "__main__":
    draw()
    (ROOT / "docs" / "melting.md").write_text(page(), encoding="utf-8")
