"""Write docs/families.md from benchmarks/results: run it without arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from make_results_page import ROOT, read, table

from nanochart.chart.bandwidth import PLATEAU_LENGTH, PLATEAU_RATIO, SCAN_RESAMPLES
from nanochart.chart.hierarchy import MACRO_BARRIER
from nanochart.chart.stability import DOUBTFUL, RESAMPLES, STABLE
from nanochart.show.paper import PAPER

HEAD = f"""\
# Families

A family is a mode of the density of structures on the chart: mean shift moves every point to the
mean of the points within the bandwidth until it stays, and a structure belongs to the nearest
centre. That is what the paper does, with scikit-learn. Ours gives the same centres and labels
(every point a seed), in a small part of the time. This page is made by
`docs/make_families_page.py` from `benchmarks/results/`.

```bash
nanochart families au90                                # the families of a run, in words
nanochart families au90 --export au90-families --second-opinion
```

The second writes a folder: `families.csv` (names, sizes, stability, centres), `classes.csv`
(family × CNA class), `neighbours.csv` (which families touch, the barrier between them, and the
distances at which their RDFs differ), `populations.csv` (shares at every temperature, every
snapshot counted, with errors), the 50 structures nearest to each centre as extended XYZ, and the
figures as PNG and PDF.

From Python:

```python run
import nanochart as nc
from nanochart.chart.estimator import MeanShift  # fit, predict, get_params: scikit-learn's habits

minima = nc.open_landscape("au90-small")["quenched"].read("positions")
cvs = nc.load_chart("au90").transform(minima)  # or any points: (n_points, n_dimensions)
labels = MeanShift(bandwidth=5.0).fit_predict(cvs)
```

## The bandwidth, and how it is defended

The paper takes a bandwidth from a range over which the number of families hardly changes. On a
smooth curve there is always some such range, and the number does not say whether the families are
of the landscape or of the sample. So a scan of 40 bandwidths also draws {SCAN_RESAMPLES} bootstrap
samples at each, does mean shift anew, and asks how much of its family a structure finds again:
the Jaccard coefficient of every major family with its best match, averaged by size
(C. Hennig, Comput. Stat. Data Anal. 52, 258 (2007)).

- A **plateau** is a range of at least {PLATEAU_LENGTH} bandwidths of the scan over which the number
  of major families stays within a factor of {PLATEAU_RATIO:g}.
- It is **reproducible** if that coefficient is {STABLE:g} or more all over it: Hennig's threshold.
- The **finest reproducible plateau** is taken: it shows the most that the data bear. All
  candidates are listed; `[families] bandwidth` in the run file takes another.

Each family then has a *stability* of its own, from {RESAMPLES} samples: from {STABLE:g} on it is
there, below {DOUBTFUL:g} it should not be relied on. A *major* family holds at least 0.1 % of the
structures, and 10; the minor ones are listed after them.

The threshold of reproducibility is the literature's. The length and the factor of a plateau are
conventions; they were set, as was the barrier of ln 2 below, while looking at other charts of Au90
and Au147, half trained, by the paper's network. They were not touched for these.

## The tree

Major families are grouped by the saddles of the density between them. The barrier is the logarithm
of the lower peak over the saddle; groups are parted by barriers of ln 2 = {MACRO_BARRIER:.2f} or
more. That is a grouping by what the chart shows, and not the same as the paper's seven, which were
made by eye and by structure: those are in the column *kind*, from the structures' own words.
"""


def page() -> str:
    """Return the page."""
    record = read("families")
    runs = record["runs"]
    parts = [HEAD, four_systems(record, runs), *(one_system(run) for run in runs)]
    parts += [over_seeds(runs), speed()]
    return "\n".join(parts)


def four_systems(record: dict[str, Any], runs: list[dict[str, Any]]) -> str:
    """Return the table of all systems."""
    rows = []
    for run in runs:
        species, n_atoms = run["system"][:2], int(run["system"][2:])
        paper = PAPER.get((species, n_atoms))
        taken = next(one for one in run["plateaus"] if one["bandwidth"] == run["bandwidth"])
        rows.append(
            [
                run["system"],
                f"{run['unique']:,}",
                run["epochs"],
                f"{run['loss']['best_loss']:.4f} ({run['loss']['validation_r2']:.2f})",
                f"{run['loss']['pca_loss']:.4f} ({run['loss']['pca_r2']:.2f})",
                f"{run['bandwidth']:.2f} ({taken['lowest']:.2f}–{taken['highest']:.2f})",
                len(run["major"]),
                paper.n_families if paper else "",
                run["groups"],
                f"{run['hdbscan']['n_clusters']} ({100 * run['hdbscan']['noise']:.0f} %)",
                f"{run['hdbscan']['agreement']:.2f}",
            ]
        )
    head = ["", "unique", "epochs", "loss (R²)", "PCA (R²)", "bandwidth (plateau)"]
    head += ["major families", "the paper's", "groups", "HDBSCAN (noise)", "agreement"]
    return (
        "## The four systems\n\n```bash\npython benchmarks/import_minima.py "
        "benchmarks/charts/au90.toml au90 au90.npz    # and so on\n"
        "nanochart run benchmarks/charts/au90.toml --output au90\n"
        f"{record['command']}\n```\n\n"
        "Snapshots of PTMD runs of 2 to 5 ns a replica, sampled beforehand and not in equilibrium; "
        "the paper's have up to 2 µs and two to six times as many unique structures. The charts "
        "are those of the compact network ([learning.md](learning.md)), which ship "
        "([charts.md](charts.md)); the command trains the same by its run files with "
        '`network = "compact"`. An earlier chart of Au90 by the paper\'s network, with half '
        "the variance unexplained, had 9 major families by the same rule: how fine the families "
        "are is the chart's doing, too. "
        f"{record['cpu']}, Python {record['python']}.\n\n"
        + table(head, rows)
        + "\nHDBSCAN has no bandwidth; its smallest cluster is that of a major family. It leaves "
        "points as noise; *agreement* is the adjusted Rand index over the others.\n"
    )


def one_system(run: dict[str, Any]) -> str:
    """Return the families of one system."""
    system = run["system"]
    candidates = table(
        ["bandwidths", "major families", "found again", ""],
        [
            [
                f"{one['lowest']:.2f}–{one['highest']:.2f}",
                one["n_major"],
                f"{one['reproducibility']:.2f}",
                "taken"
                if one["bandwidth"] == run["bandwidth"]
                else ("" if one["is_reproducible"] else "not reproducible"),
            ]
            for one in run["plateaus"]
        ],
    )
    families = table(
        ["family", "name", "kind", "group", "structures", "stability", "agreement"],
        [
            [
                one["id"],
                one["name"],
                one["macro_family"],
                one["group"],
                f"{one['size']:,}",
                f"{one['stability']:.2f}",
                f"{100 * one['agreement']:.0f} %",
            ]
            for one in run["major"]
        ],
    )
    minor = run["families"] - len(run["major"])
    return (
        f"## {system}\n\n![bandwidths of {system}](images/families-{system}-scan.png)\n\n"
        f"{candidates}\n{families}\n{minor} minor families, of fewer than {run['minimum_size']} "
        f"structures, are not listed. *Agreement*: structures that the name fits.\n\n"
        f"![tree of {system}](images/families-{system}-tree.png)\n"
    )


def over_seeds(runs: list[dict[str, Any]]) -> str:
    """Return how the families of one system fare on charts of other seeds."""
    record = read("seeds")
    pairs, families = record["pairs"], record["families"]
    stability = {
        one["id"]: one["stability"]
        for run in runs
        if run["system"] == "Cu147"
        for one in run["major"]
    }
    between = table(
        ["chart", "and", "Procrustes", "ARI of the families", "major families"],
        [
            [
                one["a"],
                one["b"],
                f"{one['procrustes']:.2f}",
                f"{one['adjusted_rand_index']:.2f}",
                " and ".join(str(n) for n in one["major_families"]),
            ]
            for one in pairs
        ],
    )
    again = table(
        ["family", "name", "structures", "in bootstrap samples", "on the other charts"],
        [
            [
                one["id"],
                one["name"],
                f"{one['size']:,}",
                f"{stability[one['id']]:.2f}",
                " and ".join(f"{value:.2f}" for value in one["found_again"]),
            ]
            for one in families
            if one["id"] in stability
        ],
    )
    return (
        "## Over seeds of the network\n\n"
        f"```bash\n{record['command']}\n```\n\n"
        "Bootstrap samples say what of a chart is the sample's, other seeds what is the network's. "
        f"{record['note']}\n\n{between}\n"
        "How well each family is found again, by the Jaccard coefficient with its best match:\n\n"
        f"{again}"
    )


def speed() -> str:
    """Return what mean shift costs."""
    record, million = read("mean_shift"), read("mean_shift_million")
    rows = []
    for cloud, found in record["results"].items():
        for title, one in found.items():
            if not title.startswith("bandwidth"):
                continue
            seconds = one["seconds"]
            two, single = (seconds[f"ours, every point a seed, {n} thread(s)"] for n in (2, 1))
            binned = seconds["scikit-learn, bin seeding, 1 job(s)"]
            (name,) = (key for key in seconds if key.startswith("scikit-learn, every point"))
            extrapolated = " (extrapolated)" if "EXTRAPOLATED" in name else ""
            rows.append(
                [
                    f"{found['points']:,}, {cloud}",
                    title.removeprefix("bandwidth "),
                    f"{two:.2f} s",
                    f"{single:.2f} s",
                    f"{binned:.1f} s",
                    f"{binned / single:.0f}",
                    f"{seconds[name]:,.0f} s{extrapolated}",
                    f"{seconds[name] / single:.0f}",
                ]
            )
    head = ["points", "bandwidth", "ours, 2 threads", "ours, 1 thread", "theirs, bin seeding"]
    head += ["ratio", "theirs, every point", "ratio"]
    scans = [
        f"{found['points']:,} points {found['scan of bandwidths, seconds']:.0f} s"
        for found in record["results"].values()
    ]
    worst = max(
        told.get("largest difference of centres", 0.0)
        for found in record["results"].values()
        for title, one in found.items()
        if title.startswith("bandwidth")
        for told in one["agreement"].values()
    )
    result = million["result"]
    return (
        f"## Speed\n\n```bash\n{record['command']}\n{million['command']}\n```\n\n"
        "Ours takes every point as a seed and follows each to the end. Theirs is scikit-learn's "
        "`MeanShift` in one process, ratios to ours on one thread; without bin seeding it climbs "
        "from 1,000 random points, from which the time of all is extrapolated. From the same seeds "
        f"the centres differ by at most {worst:.0e} and all labels agree. Bandwidths are in "
        "standard deviations. The 49,016 points are "
        f"{record['source']['smoothed bootstrap'].replace('drawn from', 'drawn from')}. One call "
        f"each; tests ran beside a part of it. {record['cpu']}, {record['cores']} cores.\n\n"
        + table(head, rows)
        + f"\nA scan of 40 bandwidths, the numbers alone, 2 cores: {', '.join(scans)}.\n\n"
        f"{result['points']:,} points, one bandwidth (0.3 standard deviations), 2 threads: "
        f"{result['seconds']:.0f} s, peak memory {result['peak, MB']:,.0f} MB.\n"
    )


if __name__ == "__main__":
    Path(ROOT / "docs" / "families.md").write_text(page(), encoding="utf-8")
