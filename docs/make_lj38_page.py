"""Write docs/lj38.md from benchmarks/results/lj38*.json: run it without arguments.

With ``--images`` the figures are drawn again, too.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from make_results_page import read, table
from matplotlib.figure import Figure

from nanochart.show.style import style

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
PAGE = ROOT / "docs" / "lj38.md"
COLOURS = {"fcc": "#CC3311", "icosahedral": "#EE9A00", "other": "#8b9097"}
STARTS = {"fcc": "o", "Ih": "^"}
#: Where the literature has the two features (issue text of Neirotti et al. and Doye et al.).
PUBLISHED = (0.12, 0.17)
#: σ√(m/ε) of argon, ps.
TAU_PS = 2.156
#: Temperatures of the ladder that the tables show.
SHOWN = (0, 2, 3, 4, 5, 6, 7)


HEAD = """\
# LJ38: a system that is no metal

Thirty-eight Lennard-Jones atoms have two funnels (Doye, Miller & Wales, J. Chem. Phys. 110, 6896
(1999)): a narrow one down to the fcc truncated octahedron (−173.928427 ε, the global minimum) and
a wide one down to incomplete icosahedra (−173.252378 ε and above), which a cooled liquid falls
into. The heat capacity has a feature near T* = k_B T/ε = 0.12, where fcc gives way to icosahedra
(a shoulder: Neirotti, Calvo, Freeman & Doll, J. Chem. Phys. 112, 10340 (2000), see a peak in its
derivative), and its peak near 0.17, where the cluster melts. Parallel tempering without tricks
needs very long runs to cross between the funnels, so this is a test of what a run that is **too
short** is told to be, and of when two runs from two ends begin to say the same.

Here σ = 3.4 Å and ε = 0.0103 eV, as of argon, only to have a size in Å: RDF grid (0 to 25 Å) and
bandwidth (0.2 Å, 0.059 σ) are those of metals, and a cluster with σ = 1 Å would not fit them.
This page is made from `benchmarks/results/lj38*.json` by `docs/make_lj38_page.py`.

## Two runs, one from each funnel

```bash
nanochart sample benchmarks/lj38.toml -o lj38-fcc   # starts = "fcc", seed = 1
nanochart sample lj38-ih.toml -o lj38-ih            # the same with starts = "Ih", seed = 2
nanochart statistics lj38-fcc
nanochart run lj38-fcc/run.toml -o lj38-fcc         # quenches, then charts; lj38-ih, too
python benchmarks/lj38.py lj38-fcc lj38-ih
```

Eight temperatures, T* = 0.100 to 0.185, a wall of 2.25 σ about the centroid, steps of 20 fs
(0.0093 of σ√(m/ε); at constant energy T* = 0.1 keeps its energy within 0.005 ε over 4 ns), swaps
every 80 ps, 8 ns of burn-in. A first ladder of thirteen, T* = 0.09 to 0.20, was stopped after two
minutes: its swaps were more than needed for the processor time there was.

The same two runs were looked at twice: after 40 ns a replica (`lj38_short.json`), and when the
machine's time was over, not when they looked good (`lj38.json`; 12,000 cycles stand in the run
file, `cycles` was set to what was there).

## After 40 ns a replica: too short

"""

RUNS = """\
A crossing is a replica that was quenched into one funnel and later into the other, whatever lay
between. 5 % of the quenches, those looked at of liquid minima with soft modes, had not converged to
1e-5 eV/Å after 5,000 iterations, and count as what they had come to.
"""

SHARES = """\
Shares are of quenched snapshots, by the words of their minima ([structures](structures.md)):
*fcc* with or without faults, *icosahedral*, and all else, mostly the liquid's minima. Errors are
those of the block bootstrap; in brackets, how far the two halves of the run differ.

"""

VERDICT = """\
**The runs do not agree, and one of them alone does not know.** Up to T* = 0.125 the run from fcc
has a share of fcc of 0.97 to 0.99 with errors of 0.01 to 0.02, the run from icosahedra 0.000 ±
0.000: two certainties that exclude each other, and their energies differ by 0.8 ε, as the two
lowest minima do. All swaps are accepted well, and replicas went round the ladder (10 and 16
times), but only two of them changed funnel: **round trips in temperature are no crossings**. What
told is

- the second run from another start, at once and everywhere but at the hottest temperature;
- half against half in the run from fcc at T* = 0.160 and 0.170 (0.50 and 0.54, by errors of
  0.08), where it is slowly losing its fcc replicas: two melted and froze into the other funnel,
  none came back. In the run from icosahedra halves agree within 0.06 up to T* = 0.150, though no
  replica ever saw fcc: all of them melt and freeze into the same wide funnel.

So of the two published features neither run shows that at 0.12, for it *is* the exchange between
the funnels. The heat capacity is highest at T* = 0.169 ± 0.003 from fcc (6.6 ± 0.2 k_B an atom),
beside the published 0.17, and at 0.162 ± 0.002 from icosahedra (5.4 ± 0.1): the melting of a
cluster that is mostly fcc, and of one that is never fcc. Their errors, too, exclude each other.

"""

LONGER = """\
## Twelve times as long

"""

FIGURE = """\
![Heat capacity, funnels, harmonic wells](images/lj38-thermodynamics.png)

Of the longer runs. Left: dotted lines are the published 0.12 and 0.17.

"""

WELLS = """\
## What needs no crossing: harmonic wells

```bash
python benchmarks/lj38_harmonic.py lj38-fcc lj38-ih
```

The minima that the two runs had seen below −171 ε before they were that long, each once, as
harmonic wells (classical vibrations, rotation, 2/order of the point group as the number of
copies).

"""

CLASSES = """\
## Classes

The class rule was made for metals of a hundred atoms. With the cutoff that follows from r0 =
2^(1/6) σ (1.355 σ) the truncated octahedron is **Fcc** (6 fcc atoms, 8 on (111) facets, 24
corners: every atom ordered), and stays so when the cutoff moves by 3 % either way. The incomplete
icosahedron of −173.134 ε is **Mix**: 19 of its 38 atoms match no row of the environment table, so
ordered atoms do not outnumber the others (line 2 of the rule), though one has the centre's
environment. Its words are right ("icosahedron with seven missing vertices and other surface
vacancies"), and its macro-family is Ih. So for clusters this small, go by words and not by class,
as the tables above do.

"""

CHART = """\
## Its own chart

```bash
python benchmarks/lj38_join.py lj38-fcc lj38-ih lj38   # one run folder of both, 200 cycles of each
nanochart run lj38/run.toml -o lj38
python benchmarks/lj38_chart.py lj38
```

No run alone holds both funnels as they are, so the chart is of both, which are no equilibrium
mixture. The funnel of fcc is one structure, so one point.

"""

BIASED = """\
## By metadynamics on its own thermal chart

```bash
nanochart thermal lj38 -o lj38-thermal.safetensors
nanochart bias lj38-thermal.safetensors fcc,ih --potential lj38 --walkers 2 --workers 2 \\
    --temperature 17.93 --timestep 20 --time 80.25 --config benchmarks/lj38-metad.toml --seed 1 \\
    -o lj38-metad.dcd
python benchmarks/lj38_bias.py lj38 lj38-metad.0.dcd lj38-metad.1.dcd --every 50
```

One walker begins as the truncated octahedron, one as an icosahedron, at T* = 0.150; hills of
0.001 eV (0.65 k_B T) in the second and third CV every ps, bias factor 15; the file is
`benchmarks/lj38-metad.toml`. For Lennard-Jones give what the defaults have from metals at some
hundred kelvin: heights of hills, and springs of restraints and walls.

"""

BIASED_VERDICT = """\
**The bias crosses between the funnels, both ways**, in both walkers, and the one that began as an
icosahedron finds the truncated octahedron, the global minimum, by itself, in 80 ns; parallel
tempering from icosahedra did not in the first 320 ns of its replicas together. The difference of
the two funnels agrees with that of the harmonic wells, and hardly changes when half of the runs is
left out; its error, a quarter of ε, is 1.6 k_B T, so it says which funnel is deeper at T* = 0.150
with one standard error only. Errors are those of five blocks of each walker; the walkers share
their hills, so the blocks are not quite independent. Every run is told: this is the first and only
one; it was stopped for the time there was, not when it looked good.
"""

REST = """\
## What is not done

- PTMD that is in equilibrium between the funnels: what the longer runs agree in and what they do
  not stands above.
- The metadynamics is one run, at one temperature, in CVs and with hills that were not tuned.
"""


def draw_thermodynamics(found: dict[str, Any], harmonic: dict[str, Any]) -> Figure:
    """Draw heat capacity, shares of the funnels, and the harmonic free-energy difference."""
    with style():
        figure = Figure(figsize=(10.0, 3.2), layout="constrained")
        heat, shares, free = figure.subplots(1, 3)
        for start, run in found["runs"].items():
            curve = run["heat_capacity"]
            x, y, error = (np.array(curve[k], dtype=float) for k in ("T*", "k_B an atom", "error"))
            colour = COLOURS["fcc" if start == "fcc" else "icosahedral"]
            heat.plot(x, y, color=colour, label=f"all from {start}")
            heat.fill_between(x, y - error, y + error, color=colour, alpha=0.25, linewidth=0)
            for name in ("fcc", "icosahedral", "other"):
                one = run["funnels"][name]
                shares.errorbar(
                    found["ladder_T*"],
                    one["share"],
                    one["error"],
                    color=COLOURS[name],
                    marker=STARTS[start],
                    linewidth=0.8,
                    markersize=4,
                    label=f"{name}, from {start}",
                )
        for place in PUBLISHED:
            heat.axvline(place, color="#8b9097", linestyle=":", linewidth=0.9)
        heat.set(xlabel="T*", ylabel="heat capacity / k_B an atom")
        heat.legend()
        shares.set(xlabel="T*", ylabel="share of the quenched snapshots")
        shares.legend(fontsize=6)
        free.plot(harmonic["T*"], harmonic["F_fcc_less_F_icosahedral_epsilon"], color="#22262b")
        free.axhline(0.0, color="#8b9097", linewidth=0.8)
        free.axvline(PUBLISHED[0], color="#8b9097", linestyle=":", linewidth=0.9)
        free.set(xlabel="T*", ylabel="F(fcc) − F(icosahedral) / ε, harmonic")
    return figure


def draw_chart(chart: dict[str, Any]) -> Figure:
    """Draw the minima on the chart, in the colours of their funnels."""
    cvs, funnel = np.array(chart["points"]["cvs"]), np.array(chart["points"]["funnel"])
    with style():
        figure = Figure(figsize=(8.0, 3.4), layout="constrained")
        for panel, (i, j) in zip(figure.subplots(1, 2), ((0, 1), (0, 2)), strict=True):
            for name in ("other", "icosahedral", "fcc"):
                own = cvs[funnel == name]
                panel.scatter(own[:, i], own[:, j], s=5, c=COLOURS[name], label=name)
            panel.set(xlabel=f"CV {i + 1}", ylabel=f"CV {j + 1}")
            panel.legend()
    return figure


def heat_table(found: dict[str, Any]) -> str:
    """Return mean energies and heat capacities, both runs."""
    rows = []
    for i in SHOWN:
        reduced = found["ladder_T*"][i]
        row: list[Any] = [f"{reduced:.3f}"]
        for run in found["runs"].values():
            curve = run["heat_capacity"]
            place = int(np.argmin(np.abs(np.array(curve["T*"]) - reduced)))
            value, error = curve["k_B an atom"][place], curve["error"][place]
            row += [f"{run['mean_energy_epsilon'][i]:.2f}", f"{value:.2f} ± {error:.2f}"]
        rows.append(row)
    head = ["T*"]
    for start in found["runs"]:
        head += [f"E / ε, from {start}", f"C_v / k_B an atom, from {start}"]
    return table(head, rows)


def share_table(found: dict[str, Any]) -> str:
    """Return the shares of the funnels with errors and halves, both runs."""
    rows = []
    for i in SHOWN:
        for start, run in found["runs"].items():
            row: list[Any] = [f"{found['ladder_T*'][i]:.3f}", start]
            for one in run["funnels"].values():
                row.append(
                    f"{one['share'][i]:.3f} ± {one['error'][i]:.3f} ({one['halves_differ'][i]:.2f})"
                )
            rows.append(row)
    names = list(next(iter(found["runs"].values()))["funnels"])
    return table(["T*", "all from", *(f"{name} (halves)" for name in names)], rows)


def run_table(found: dict[str, Any]) -> str:
    """Return length, swaps, round trips and crossings, both runs."""
    rows = []
    for start, run in found["runs"].items():
        swaps = run["exchange"]["acceptance"]
        peak = run["highest_T*"]
        rows.append(
            [
                start,
                run["seed"],
                f"{run['ns_per_replica']:.0f}",
                f"{run['cycles_quenched']} of {run['cycles']}",
                f"{100 * min(swaps):.0f} to {100 * max(swaps):.0f} %",
                run["exchange"]["round_trips"],
                run["crossings"]["replicas melted"],
                run["crossings"]["fcc to icosahedral"],
                run["crossings"]["icosahedral to fcc"],
                "at an end of the ladder"
                if peak is None
                else f"{peak:.3f} ± {run['highest_T*_error']:.3f}",
            ]
        )
    return table(
        [
            "all from",
            "seed",
            "ns a replica",
            "cycles quenched",
            "swaps accepted",
            "round trips",
            "replicas seen in neither funnel, of 8",
            "fcc → icosahedral",
            "icosahedral → fcc",
            "C_v highest at T*",
        ],
        rows,
    )


def class_table(found: dict[str, Any]) -> str:
    """Return which classes the members of a funnel have, both runs together."""
    totals: dict[str, dict[str, int]] = {}
    for run in found["runs"].values():
        for funnel, counts in run["classes_in_funnels"].items():
            for name, n in counts.items():
                own = totals.setdefault(funnel, {})
                own[name] = own.get(name, 0) + n
    classes = ("Fcc", "Twin", "Dh", "Ih", "Mix", "Amorphous")
    rows = [
        [funnel, *(f"{counts.get(name, 0):,}" for name in classes)]
        for funnel, counts in totals.items()
    ]
    return table(["by its words", *classes], rows)


def well_table(harmonic: dict[str, Any]) -> str:
    """Return the lowest minima of the harmonic superposition."""
    rows = [
        [f"{one['energy']:.4f}", one["funnel"], one["order"], f"{one['log_vibrations']:.2f}"]
        for one in harmonic["lowest"][:8]
    ]
    return table(["E / ε", "funnel", "order of the point group", "½ Σ ln λ"], rows)


def agreement_told(found: dict[str, Any]) -> str:
    """Return in how many of their joint errors the two runs differ, worst and by temperature."""
    rows = []
    for one in found["agreement"]:
        row: list[Any] = [f"{one['T*']:.3f}", f"{one['energy_difference_epsilon']:+.2f}"]
        for name in COLOURS:
            difference, error = one[name]["difference"], one[name]["joint_error"]
            row.append(f"{difference:+.2f} ± {error:.2f}")
        rows.append(row)
    head = ["T*", "mean E / ε, first − second", *(f"share, {name}" for name in COLOURS)]
    return "The run from fcc less the run from icosahedra:\n\n" + table(head, rows)


def wells_told(harmonic: dict[str, Any]) -> str:
    """Return where the funnels are equal, and the difference at two temperatures."""
    minima, grid = harmonic["minima"], np.array(harmonic["T*"])
    free = np.array(harmonic["F_fcc_less_F_icosahedral_epsilon"])
    cold, warm = (float(free[np.argmin(np.abs(grid - t))]) for t in (0.100, 0.138))
    (place,) = harmonic["vanishes_at_T*"]
    return (
        f"Of {harmonic['snapshots']:,} quenched snapshots, {minima['fcc']} such minima are fcc, "
        f"{minima['icosahedral']} icosahedral. **The funnels are equal at T* = {place:.3f}**, "
        f"beside the published 0.12; F(fcc) − F(icosahedral) is {cold:+.3f} ε at T* = 0.100 and "
        f"{warm:+.3f} ε at 0.138. Anharmonic terms and minima that were not seen are missing; "
        "either moves the place. It has no error bar.\n"
    )


def chart_told(chart: dict[str, Any]) -> str:
    """Return what the chart was made of."""
    training, kinds = chart["training"], chart["unique_by_funnel"]
    low, high = chart["window_A"]
    return (
        f"Of {chart['snapshots']:,} snapshots, {chart['unique']:,} unique minima: {kinds['fcc']} "
        f"of the fcc funnel, {kinds['icosahedral']} icosahedral, {kinds['other']} others. RDF from "
        f"{low:.2f} to {high:.2f} Å, which the package found by itself; compact network, best loss "
        f"{training['best_loss']:.5f}, R² {training['validation_r2']:.3f}. "
        "Linear PCA with three components leaves "
        f"{training['pca_loss']:.5f} on the same split.\n"
    )


def thermal_told(thermal: dict[str, Any]) -> str:
    """Return how well the thermal chart puts hot configurations where their minima are."""
    return (
        f"The thermal chart has learned from {thermal['trained_on']:,} hot configurations of the "
        f"joined run. Of {thermal['held_out']:,} held out in time it puts "
        f"{100 * thermal['same_family']:.0f} % into the family of their minimum (the chart of "
        f"minima {100 * thermal['same_family_quenched_chart']:.0f} %).\n"
    )


def walker_table(biased: dict[str, Any]) -> str:
    """Return what each walker went through."""
    rows = [
        [
            one["start"],
            f"{one['ns']:.0f}",
            f"{1e3 * one['ns'] / TAU_PS:,.0f}",
            one["crossings"],
            f"{one['lowest, epsilon']:.3f}",
            *(f"{100 * one['biased shares'][name]:.0f} %" for name in COLOURS),
        ]
        for one in biased["walkers"]
    ]
    head = ["start", "ns", "σ√(m/ε)", "crossings", "lowest / ε", *COLOURS]
    paths = [[one["start"], f"`{thinned(one['funnels'])}`"] for one in biased["walkers"]]
    return (
        table(head, rows)
        + f"\nShares are those of the biased run; {biased['quenched']} was quenched. A crossing "
        "is from\nfcc to an icosahedral minimum or back, every label counted. The walkers in "
        "time, F for fcc,\nI for icosahedral, a point for all else:\n\n"
        + table(["start", "funnels in time"], paths)
    )


def thinned(funnels: str) -> str:
    """Return at most a hundred letters of a walker's."""
    return funnels[:: -(-len(funnels) // 100)]


def difference_table(
    biased: dict[str, Any], found: dict[str, Any], harmonic: dict[str, Any]
) -> str:
    """Return F(icosahedral) − F(fcc) by all ways there are, at the biased run's temperature."""
    t = biased["T*"]
    rows = []
    for one in biased["joined"]:
        error = one["error, epsilon"]
        told = "?" if error is None else f"{error:.2f}"
        shares = (
            f"{one['shares'][name]:.2f} ± {one['errors'][name]:.2f}"
            for name in ("fcc", "icosahedral", "other")
        )
        rows.append(
            [
                f"metadynamics, the first {100 * one['discarded']:.0f} % left out",
                f"{one['F(icosahedral) - F(fcc), epsilon']:+.2f} ± {told}",
                *shares,
            ]
        )
    place = int(np.argmin(np.abs(np.array(found["ladder_T*"]) - t)))
    for start, run in found["runs"].items():
        shares = [run["funnels"][name]["share"][place] for name in COLOURS]
        errors = [run["funnels"][name]["error"][place] for name in COLOURS]
        fcc, icosahedral = shares[:2]
        free = -t * np.log(icosahedral / fcc) if fcc * icosahedral > 0 else None
        rows.append(
            [
                f"PTMD from {start}",
                "no fcc seen" if free is None else f"{free:+.2f} (not in equilibrium)",
                *(f"{x:.2f} ± {dx:.2f}" for x, dx in zip(shares, errors, strict=True)),
            ]
        )
    free = np.array(harmonic["F_fcc_less_F_icosahedral_epsilon"])
    at = int(np.argmin(np.abs(np.array(harmonic["T*"]) - t)))
    rows.append(["harmonic wells", f"{-free[at]:+.2f}", "", "", ""])
    head = ["way", "F(icosahedral) − F(fcc) / ε", *(f"share, {name}" for name in COLOURS)]
    return f"At T* = {t:.3f}:\n\n" + table(head, rows)


def longer_told(found: dict[str, Any]) -> str:
    """Return what the longer runs agree in, and what they do not."""
    fcc, ih = found["runs"].values()
    peaks = " and ".join(
        f"{run['highest_T*']:.4f} ± {run['highest_T*_error']:.4f}" for run in (fcc, ih)
    )
    crossings = {
        name: sum(run["crossings"][name] for run in (fcc, ih))
        for name in ("fcc to icosahedral", "icosahedral to fcc")
    }
    grid = np.array(fcc["heat_capacity"]["T*"])
    at = [int(np.argmin(np.abs(grid - t))) for t in (PUBLISHED[0], 0.165)]
    values = [
        " and ".join(
            f"{run['heat_capacity']['k_B an atom'][i]:.2f} ± {run['heat_capacity']['error'][i]:.2f}"
            for run in (fcc, ih)
        )
        for i in at
    ]
    steepest = " and ".join(f"{_steepest(run):.3f}" for run in (fcc, ih))
    equal = " and ".join(f"{_equal(run, found['ladder_T*']):.3f}" for run in (fcc, ih))
    coldest = " and ".join(f"{run['funnels']['fcc']['share'][0]:.2f}" for run in (fcc, ih))
    apart = found["agreement"][0]
    return (
        "**At the melting peak the two runs agree**: the heat capacity is highest at T* = "
        f"{peaks} (published: near 0.17), {values[1]} k_B an atom there at 0.165; its steepest "
        f"rise is at T* = {steepest}. Replicas changed funnel {crossings['fcc to icosahedral']} "
        f"times from fcc to icosahedra and {crossings['icosahedral to fcc']} times back. Near the "
        f"published 0.12 there is no second peak but a flat stretch, {values[0]} k_B an atom at "
        "0.12, well above the 3 of harmonic wells: the shoulder, seen from both ends. There the "
        f"funnels change places: they have equal shares at T* = {equal}, and at T* = 0.100 fcc has "
        f"{coldest}: also the run from icosahedra has found the global minimum. **In the cold the "
        "runs still do not agree**: at the lowest temperature the shares of fcc differ by "
        f"{apart['fcc']['difference']:.2f} ± {apart['fcc']['joint_error']:.2f}, mean energies by "
        f"{apart['energy_difference_epsilon']:.2f} ε (by −0.84 ε after 40 ns). The error of a "
        "difference is again of blocks of one run each, too small where a replica changes funnel "
        "a few times only.\n"
    )


def _equal(run: dict[str, Any], ladder: list[float]) -> float:
    """Return where both funnels have the same share, T*, on a line between two rungs."""
    fcc, ih = (np.array(run["funnels"][name]["share"]) for name in ("fcc", "icosahedral"))
    excess = fcc - ih  # falls with temperature
    i = int(np.flatnonzero((excess[:-1] > 0) & (excess[1:] <= 0))[0])
    return float(np.interp(0.0, -excess[i : i + 2], ladder[i : i + 2]))


def _steepest(run: dict[str, Any]) -> float:
    """Return where the heat capacity rises most steeply, T*."""
    curve = run["heat_capacity"]
    grid, values = (np.array(curve[name], dtype=float) for name in ("T*", "k_B an atom"))
    return float(grid[np.argmax(np.gradient(values, grid))])


def page() -> str:
    """Return the page."""
    found, harmonic, chart = read("lj38"), read("lj38_harmonic"), read("lj38_chart")
    short, biased = read("lj38_short"), read("lj38_bias")
    return "\n".join(
        [
            HEAD + run_table(short),
            RUNS,
            share_table(short),
            SHARES,
            heat_table(short),
            agreement_told(short),
            VERDICT,
            LONGER + run_table(found),
            FIGURE + share_table(found),
            heat_table(found),
            agreement_told(found),
            longer_told(found),
            WELLS,
            well_table(harmonic),
            wells_told(harmonic),
            CLASSES,
            class_table(short),
            CHART,
            chart_told(chart),
            "![The chart](images/lj38-chart.png)\n",
            BIASED + thermal_told(read("lj38_thermal")),
            walker_table(biased),
            difference_table(biased, found, harmonic),
            BIASED_VERDICT,
            REST,
        ]
    )


def main() -> None:
    """Write the page, and with --images its figures."""
    PAGE.write_text(page(), encoding="utf-8")
    if "--images" in sys.argv[1:]:
        draw_thermodynamics(read("lj38"), read("lj38_harmonic")).savefig(
            IMAGES / "lj38-thermodynamics.png", dpi=110
        )
        draw_chart(read("lj38_chart")).savefig(IMAGES / "lj38-chart.png", dpi=110)


if __name__ == "__main__":
    main()
