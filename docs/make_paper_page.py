"""Write docs/reproducing.md, the paper beside ours, from raw results: run it without arguments."""

# ruff: noqa: E501 - rows of Markdown tables are as long as they are

from __future__ import annotations

from typing import Any

from make_results_page import ROOT, read, share, table

from nanochart.chart.autoencoder import Autoencoder
from nanochart.show.paper import PAPER
from nanochart.structure.classes import CLASS_NAMES
from nanochart.workflow.config import parse_run_file

SYSTEMS = {"Au90": ("Au", 90), "Au147": ("Au", 147), "Ag147": ("Ag", 147), "Cu147": ("Cu", 147)}

HEAD = """\
# Reproducing the paper

Every table and every figure of Telari et al. (2023) and of its Supporting Information, beside what
this code gives. Three states: **done** (the same thing, from our data), **smaller** (the same thing
from much less data, which changes it), **not done**. This page is made from `benchmarks/results/`
by `docs/make_paper_page.py`.

## What everything rests on

The paper's data are 1 to 2 µs of PTMD a replica. Ours are 2 to 5 ns a replica, started from several
motifs, sampled beforehand by an independent implementation of the same protocol (they are not part
of this repository), and **not in equilibrium**:

{fewer}
`examples/au90.toml` and its three siblings hold the paper's own numbers, and were **not run**: at the
{rate:,.0f} steps a second of the quick run on two cores ([results](results.md)), the sampling of
Au90 alone takes {days:.0f} days.

Where a number differs there are three suspects: the length of the sampling, the rule of the classes
(the paper's thresholds are not public), and the network's training. Each section says which of them
can be told apart.
"""

COMPOSITION = """\
## Tables of composition (SI 1.2 to 1.5): smaller

```bash
{command}
```

Every snapshot, in per cent. Compute: the classes of {n:,} structures, {seconds:.0f} s.

{snapshots}
Shares of snapshots are populations, and populations need equilibrium. Ih and Dh in Au147 show that it
is wanting: replicas that began as one do not turn into the other within a few ns. The metals differ
as in the paper: Ag147 and Cu147 are mostly Ih, gold is not. What part of a difference is the rule's
cannot be told from these runs.

The distinct structures, where the raw results hold them:

{filtered}
"""

FIGURES = """\
## Figures

`RUN` is a run folder; `nanochart figures RUN -o figures` draws all of them, each with its numbers as
CSV. Those of Au90 and Au147 stand in the [gallery](gallery.md). Their data are those above: also where
a figure is done, what it counts is smaller.

| paper | what it shows | ours | command | state and difference |
| --- | --- | --- | --- | --- |
| Fig. 1 | sketch of the network | [drawn](images/gallery-au90-fig1.png) from its own modules | `nanochart figures RUN --only fig1` | done |
| Fig. 2 | RDFs of Au90 by class, 5–95 % | [Au90](images/gallery-au90-fig2.png) | `… --only fig2` | done; no Ih in our Au90 |
| Fig. 3 | chart of Au90 by class | [Au90](images/gallery-au90-fig3.png) | `… --only fig3` | done; the compact network |
| Fig. 4A | a structure of each of 27 families, grouped in 7 | [Au90](images/gallery-au90-fig4a.png), [continued](images/gallery-au90-fig4a-2.png) | `… --only fig4a` | {families90} major families; names by rule, not by eye |
| Fig. 4B | chart by family | [Au90](images/gallery-au90-fig4b.png) | `… --only fig4b` | done |
| Fig. 4C, D | families and classes against temperature | [families](images/gallery-au90-fig4c.png), [classes](images/gallery-au90-fig4d.png) | `… --only fig4c,fig4d` | smaller: half against half differ by up to 20 percentage points near melting ([results](results.md)) |
| Fig. 5A | faulted families of Au147 | [Au147](images/gallery-au147-fig5.png) | `… --only fig5` | done |
| Fig. 5B | icosahedra of Ag147: vacancies, rosettes, disorder, missing centre | words of every family of `ag147` in [charts](charts.md) | `… --only fig5` | the figure is not in the gallery; a missing centre is looked for by Mackay's sites, not by CNA ([structures](structures.md)) |
| Fig. 6, S7 | 2 µs of Au147 at 396 K, Ih → Dh at 245 and 1,820 ns, 2,000,000 quenched snapshots | [every run](dynamics.md), at 396 K {runs396}; the figures also of [1.2 ns at 540 K](images/gallery-au147-fig6c.png), which melts | `nanochart md ih --species Au --n-atoms 147 --temperature 396 --time 2000 -o au147.dcd`, then `project`, then `transitions` | shorter: a sixth of the time; every run leaves Ih for a decahedron; the paper's thermostat is not known |
| Fig. S1 | RDFs by class, four systems | Au90 and [Au147](images/gallery-au147-fig2.png) | `… --only fig2` | Ag147, Cu147: not in the gallery, same command |
| Fig. S2 | loss against the number of CVs, Au147 | table above | `nanochart scan au147` | done, with both networks |
| Fig. S3 | number of families against the bandwidth | [Au90](images/families-Au90-scan.png), [Au147](images/families-Au147-scan.png), [Ag147](images/families-Ag147-scan.png), [Cu147](images/families-Cu147-scan.png) | `nanochart families RUN --export FOLDER` | done, with bootstrap beside it |
| Fig. S4 | families and chart of Au147 | [families](images/gallery-au147-fig4a.png), [chart](images/gallery-au147-figS4.png) | `… --only figS4` | done |
| Fig. S5, S6 | the same of Ag147, Cu147 | lists in [charts](charts.md) | `… --only figS4` | pictures not in the gallery, same command |
| Listing 1 | the network, 474,564 parameters | {parameters:,} parameters at 280 bins | `Autoencoder(n_bins=280)` | done: the same layers, compared in the tests |
"""

LEARNING = """\
## Best losses (SI 2.4): smaller

```bash
python benchmarks/learning.py au90 au147 ag147 cu147 --network paper --device cuda
python benchmarks/learning.py au90 au147 ag147 cu147 --network compact --seeds 0 1 2 3 4
```

Mean squared error on the 20 % held out, 100 epochs, or 300 down a cosine; compute of 100 epochs of
the paper's network on one H100, of the compact one on one core. How the attempts were really made: [learning](learning.md).

{losses}
A min–max scaled loss depends on the sample, so these compare in size only; the column of PCA is the
yardstick on the same sample. The paper's network stays above the paper's losses because there are
two to six times fewer structures, and so as many times fewer steps: with three times the epochs it
comes within 7 % (Ag147) to 38 % (Au90) of them.

## Number of CVs (SI Fig. S2)

Au147, best validation loss for 1 to 8 CVs; the elbow is at 2 in the paper and here.

{dimensions}
"""

FAMILIES = """\
## Families (section 2.1, SI 3 and 4): smaller

```bash
{command}
```

{families}
Twice as many major families as in the paper. The rule is another: the finest bandwidth whose families
are found again in bootstrap samples, instead of a plateau chosen by eye; the charts are another,
too, for they come from the compact network. [Families](families.md) lists the coarser plateaus, and an
earlier chart of Au90 by the paper's network, half trained, had 9. How stable each family is stands in
[charts](charts.md).
"""


def page() -> str:
    """Return the page."""
    families = read("families")
    found = {one["system"]: one for one in families["runs"]}
    fewer = table(
        ["", *found],
        [
            ["distinct structures, ours", *(f"{one['unique']:,}" for one in found.values())],
            ["the paper's", *(f"{sum(PAPER[SYSTEMS[name]].filtered):,}" for name in found)],
        ],
    )
    rate, days = sampling_of_au90()
    parameters = sum(one.numel() for one in Autoencoder(n_bins=280, n_cvs=3).parameters())
    runs396 = " and ".join(
        f"{one['ns']:.0f}" for one in read("dynamics")["attempts"] if one["temperature_K"] == 396
    )
    figures = FIGURES.format(
        families90=len(found["Au90"]["major"]),
        parameters=parameters,
        runs396=f"{runs396} ns so far",
    )
    return "\n".join(
        [
            HEAD.format(fewer=fewer, rate=rate, days=days),
            composition(),
            learning(),
            FAMILIES.format(command=families["command"], families=family_table(found)),
            figures,
        ]
    )


def sampling_of_au90() -> tuple[float, float]:
    """Return the MD steps a second of the quick run, and the days of the paper's at that rate."""
    steps = {}
    for name in ("au90-quick", "au90"):
        text = (ROOT / "examples" / f"{name}.toml").read_text(encoding="utf-8")
        one = parse_run_file(text, where=name).sampling
        cycles = one.cycles + one.burn_in
        steps[name] = len(one.temperatures) * cycles * one.steps_per_cycle
    rate = steps["au90-quick"] / read("au90-quick")["stages"]["sample"]["seconds"]
    return rate, steps["au90"] / rate / 86_400


def composition() -> str:
    """Return the section on the populations of the classes."""
    rule = read("class_rule")
    rows: list[list[Any]] = []
    for name, key in SYSTEMS.items():
        ours, paper = rule["samples"][name.lower()], PAPER[key].all_snapshots
        for who, counts in (
            ("ours", [ours["counts"][one] for one in CLASS_NAMES]),
            ("paper", paper),
        ):
            cells = [f"{100 * count / sum(counts):.1f}" for count in counts]
            rows.append([name, who, *cells, f"{sum(counts):,}"])
    unique = {
        "Au90": read("au90-long")["composition_unique"],
        "Cu147": read("compare-cu147")["structures"]["classes"],
    }
    distinct: list[list[Any]] = []
    for name, counts_of in unique.items():
        ours, paper = [counts_of[one] for one in CLASS_NAMES], PAPER[SYSTEMS[name]].filtered
        for who, counts in (("ours", ours), ("paper", paper)):
            cells = [share(count, sum(counts)) for count in counts]
            distinct.append([name, who, *cells, f"{sum(counts):,}"])
    names = list(SYSTEMS)
    missing = " and ".join(name for name in names if name not in unique)
    head = ["", "", *CLASS_NAMES, "structures"]
    number = sum(rule["samples"][name.lower()]["structures"] for name in names)
    cost = sum(
        one["structures"] * one["ms_per_structure"] / 1e3
        for name in names
        for one in [rule["samples"][name.lower()]]
    )
    note = (
        f"Those of Au90 are of another run ([results](results.md), 8 ns a replica, by this code). "
        f"{missing}: not in the raw results. {PAPER['Cu', 147].correction}"
    )
    return COMPOSITION.format(
        command=rule["command"],
        n=number,
        seconds=cost,
        snapshots=table(head, rows),
        filtered=table(head, distinct) + "\n" + note,
    )


def learning() -> str:
    """Return the sections on losses and on the number of CVs."""
    attempts = read("learning")["attempts"]
    single = [one for one in attempts if one["seed"] == 0 and one["fraction"] == 1]
    first = [one for one in single if one["epochs"] == 100]
    long = {one["system"]: one for one in single if one["epochs"] == 300}
    rows: list[list[Any]] = []
    for name, key in SYSTEMS.items():
        of = {one["network"]: one for one in first if one["system"] == name and one["n_cvs"] == 3}
        paper, compact = of["paper"], of["compact"]
        rows.append(
            [
                name,
                f"{PAPER[key].best_loss}",
                f"{paper['loss']:.4f} (R² {paper['r2']:.2f})",
                f"{long[name]['loss']:.4f} (R² {long[name]['r2']:.2f})",
                f"{compact['loss']:.4f} (R² {compact['r2']:.2f})",
                f"{paper['pca_loss']:.4f}",
                f"{paper['seconds']:.0f} s / {compact['seconds']:.0f} s",
            ]
        )
    head = ["", "the paper's", "ours, its network", "its network, 300 epochs"]
    head += ["ours, compact", "PCA, 3 components", "compute"]
    numbers = range(1, 9)
    dims: list[list[Any]] = []
    for network in ("paper", "compact"):
        losses = {
            one["n_cvs"]: one["loss"]
            for one in first
            if one["system"] == "Au147" and one["network"] == network
        }
        cells = [f"{losses[n]:.5f}" if n in losses else "not measured" for n in numbers]
        dims.append([network, *cells])
    return LEARNING.format(
        losses=table(head, rows),
        dimensions=table(["network", *map(str, numbers)], dims),
    )


def family_table(found: dict[str, dict[str, Any]]) -> str:
    """Return the numbers of families, with what finding them took."""
    rows = []
    for name, one in found.items():
        counts = [plateau["n_major"] for plateau in one["plateaus"] if plateau["is_reproducible"]]
        rows.append(
            [
                name,
                PAPER[SYSTEMS[name]].n_families,
                len(one["major"]),
                f"{min(counts)} to {max(counts)}",
                f"{one['bandwidth']:.2f}",
                f"{one['seconds']['families']:.0f} s",
            ]
        )
    head = ["", "the paper's", "ours, major", "on reproducible plateaus", "bandwidth", "compute"]
    return table(head, rows)


if __name__ == "__main__":
    (ROOT / "docs" / "reproducing.md").write_text(page(), encoding="utf-8")
