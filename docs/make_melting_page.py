"""Write docs/melting.md and its figure from benchmarks/results/melting.json: run it."""

from __future__ import annotations

from typing import Any

import numpy as np
from make_results_page import ROOT, read, table

IMAGE = ROOT / "docs" / "images" / "melting.png"
SYSTEMS = ("Au90", "Au147", "Ag147", "Cu147")
CLASSES = ("Dh", "Ih", "Twin", "Fcc", "Mix", "Amorphous")

HEAD = """\
# Heat capacities and melting

The heat capacity of each of the paper's four systems against temperature, by MBAR of all replicas
of a ladder together ([sampling](sampling.md)), and where it is highest: the melting temperature,
beside those published for the same potentials (Settem et al., J. Chem. Phys. 159, 094303 (2023)).

This page and its figure are made by `docs/make_melting_page.py` from
`benchmarks/results/melting.json`, and that by

```bash
nanochart sample benchmarks/au147-ptmd.toml -o au147
nanochart quench au147
python benchmarks/melting.py --runs au147 --data au90.npz au147-hot.npz ag147.npz cu147.npz
```

Two kinds of sampling, both on the paper's ladders:

- **data**: hot configurations of an earlier, independent implementation of the protocol (5 ps
  between swaps, replicas began as fcc, twin, Dh, Ih and hcp in turn), energies and statistics ours;
  the first quarter is discarded;
- **run**: `nanochart sample`, every replica from the lowest seed, as in the literature.

Both are short beside the paper's 1 to 2 µs a replica, and in the cold half of a ladder **not in
equilibrium**: what a cluster is there, it was at the start. Near the melting temperature structures
change within a fraction of a nanosecond, which is why the peak is found all the same.

![Heat capacities of the four systems](images/melting.png)

Lines: MBAR, with one standard error of a block bootstrap; red where a run of ours is drawn, grey
the data; dashed: the published melting temperature.

"""


def page() -> str:
    """Return the page."""
    systems = read("melting")["systems"]
    parts = [HEAD, melting(systems)]
    parts += [agreement(name, systems[name]) for name in SYSTEMS if "run" in systems[name]]
    return "\n".join(parts)


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
                    one["published_melting_K"],
                    f"{peak:.1f}",
                ]
            )
    head = ["system", "sampling", "replicas × each", "highest C_v at / K", "published / K", "C_v there / k_B an atom"]  # fmt: skip  # noqa: E501
    missing = [name for name in SYSTEMS if "run" not in systems[name]]
    told = f"\nNo run of ours of this kind yet: {', '.join(missing)}.\n" if missing else ""
    return (
        table(head, rows)
        + "\nThe errors are those of one run's blocks. They know nothing of what a run this short\n"
        "has not seen, so a difference of several errors from the published value, as of Ag147,\n"
        "is no contradiction; nor are the published peaks given with an error.\n" + told
    )


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
            for name in CLASSES
        ]
        for i, t in enumerate(run["temperatures"])
    ]
    return (
        "Percent of each class, every snapshot counted; ± one error of the block bootstrap:\n\n"
        + table(["T / K", *CLASSES], rows)
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
    liquid = [
        abs(row["difference_in_errors"])
        for row in one["mean_energies"]
        if row["temperature_K"] > 1.03 * melting_k
    ]
    solid = [
        abs(row["difference_in_errors"])
        for row in one["mean_energies"]
        if row["temperature_K"] < 0.8 * melting_k
    ]
    return (
        "### The same from two starts\n\nMean potential energy; errors from ten blocks of time:\n\n"
        + table(["T / K", "run / eV", "data / eV", "difference / joint errors"], rows)
        + f"\nAbove 1.03 of the melting temperature the two differ by {np.mean(liquid):.1f} joint\n"
        f"errors on average, at most {max(liquid):.1f}; below 0.8 of it by {np.mean(solid):.1f},\n"
        f"at most {max(solid):.1f}. Liquids forget their start, and there the two should agree;\n"
        "cold replicas that began as icosahedra are icosahedra still in the data, and the blocks\n"
        "of one run cannot know.\n"
    )


def draw() -> None:
    """Draw the heat capacities of the four systems."""
    from matplotlib.figure import Figure

    from nanochart.show.palette import ACCENT, INK, MUTED
    from nanochart.show.style import WIDE, style

    systems = read("melting")["systems"]
    with style():
        figure = Figure(figsize=(WIDE, 4.4))
        panels = figure.subplots(2, 2).ravel()
        for axes, name in zip(panels, SYSTEMS, strict=True):
            one = systems[name]
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
            axes.axvline(
                one["published_melting_K"], color=INK, linewidth=0.8, linestyle=(0, (4, 2))
            )
            axes.set_title(name, loc="left")
            axes.set_ylim(bottom=2.5)
        for axes in panels[2:]:
            axes.set_xlabel("temperature / K")
        for axes in panels[::2]:
            axes.set_ylabel("C_v / k_B an atom")
        figure.savefig(IMAGE, dpi=130)


if __name__ == "__main__":
    draw()
    (ROOT / "docs" / "melting.md").write_text(page(), encoding="utf-8")
