"""The catalogue of a run's families: a folder of tables, structures and figures.

What each family is and how far to trust it, its nearest structures to look at, how it hangs
together with its neighbours and what tells them apart, and its share at every temperature.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from nanochart.chart.bandwidth import plateaus
from nanochart.chart.chart import Chart, load_chart
from nanochart.chart.families import Families, Family
from nanochart.chart.hierarchy import FamilyTree, Relief
from nanochart.chart.stability import second_opinion
from nanochart.descriptor.difference import rdf_difference
from nanochart.errors import NanochartError
from nanochart.files import write_text
from nanochart.formats import write_csv, write_extxyz
from nanochart.progress import Progress
from nanochart.show.content import ReportContent
from nanochart.show.family_figures import rdf_difference_figure, scan_figure, tree_figure
from nanochart.show.palette import family_colours
from nanochart.show.plates import save
from nanochart.structure.classes import CLASS_NAMES
from nanochart.workflow.run import Run
from nanochart.workflow.tell import relief_of, report_content

#: Structures written for each family: the paper's number (section 4.3).
NEAREST = 50
#: Differences between neighbouring families that are drawn, the pairs with most structures first.
_DRAWN = 12


@dataclass(frozen=True, eq=False)
class _Catalogue:
    """What the tables are made of; ``cvs`` (n_unique, n_cvs) and ``labels`` (n_unique,)."""

    run: Run
    chart: Chart
    families: Families
    content: ReportContent
    cvs: NDArray[np.float64]
    labels: NDArray[np.int64]
    relief: Relief
    tree: FamilyTree

    @property
    def groups(self) -> NDArray[np.int64]:
        return self.tree.groups()


def write_catalogue(run: Run, folder: Path, *, opinion: bool, progress: Progress) -> dict[str, Any]:
    """Write the catalogue of a run's families and return what is said about all of them.

    Parameters
    ----------
    run
        With every snapshot on the chart.
    folder
        Made if it is not there; what it holds under the same names is replaced.
    opinion
        Whether to ask HDBSCAN too (needs scikit-learn).
    progress
        Called after every family.
    """
    made = _gathered(run)
    families = made.families
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NanochartError(f"{folder}: cannot be made ({error.strerror})") from None
    summary: dict[str, Any] = {
        "structures": len(made.cvs),
        "bandwidth": families.bandwidth,
        "families": len(families),
        "major": len(families.major),
        "minimum_size": families.minimum_size,
        "groups": int(made.groups.max()) + 1,
    }
    if opinion:
        second = second_opinion(made.cvs, made.labels, minimum_size=families.minimum_size)
        summary |= {
            "hdbscan_clusters": second.n_clusters,
            "hdbscan_noise": second.noise,
            "hdbscan_agreement": second.agreement,
        }
    write_csv(folder / "families.csv", *_family_table(made))
    write_csv(folder / "classes.csv", *_class_table(made))
    write_csv(folder / "populations.csv", *_population_table(made))
    pairs = list(_neighbours(made))
    header = ["first", "second", "saddle", "barrier", "difference"]
    write_csv(folder / "neighbours.csv", header, [pair.row for pair in pairs])
    for done, family in enumerate(families.major):
        _write_nearest(made, family, folder / f"family-{family.id:02d}.extxyz")
        progress(done + 1, len(families.major))
    _write_figures(made, pairs, folder)
    write_text(folder / "summary.json", json.dumps(summary, indent=1) + "\n")
    return summary | {"output": str(folder)}


def _gathered(run: Run) -> _Catalogue:
    """Read what is needed of a run."""
    chart = load_chart(run.chart_path)
    families = chart.families
    assert families is not None  # the stage saw to it
    rows = run.landscape["unique"].read("snapshot")
    cvs = run.landscape["chart"].read_rows("cvs", rows).astype(np.float64)
    labels = families.nearest(cvs).astype(np.int64)
    content = report_content(run)
    assert content.tree is not None
    found = relief_of(families, cvs)
    return _Catalogue(run, chart, families, content, cvs, labels, found, content.tree)


def _label(family: Family) -> str:
    return f"{family.id} {family.name}" if family.words else f"family {family.id}"


def _family_table(made: _Catalogue) -> tuple[list[str], list[list[Any]]]:
    """Return the header and a row for each family."""
    header = ["family", "name", "macro_family", "group", "major", "structures", "snapshots"]
    header += ["stability", "agreement", "lowest_energy_eV"]
    header += [f"cv{k + 1}" for k in range(made.cvs.shape[1])] + ["words"]
    told = {row.id: row for row in made.content.families}
    groups, rows = made.groups, []
    for one in made.families:
        row = told.get(one.id)
        rows.append(
            [
                *(one.id, one.name, one.macro_family),
                int(groups[one.id]) if one.id < len(groups) else "",  # a minor one is in none
                int(one.size >= made.families.minimum_size),
                one.size,
                row.n_snapshots if row else 0,
                "" if one.stability is None else f"{one.stability:.3f}",
                f"{one.agreement:.3f}",
                f"{row.lowest_energy:.4f}" if row else "",
                *(f"{value:.5f}" for value in one.centre),
                one.words,
            ]
        )
    return header, rows


def _class_table(made: _Catalogue) -> tuple[list[str], list[list[Any]]]:
    """Return the header and the unique structures of each class in each family."""
    rows: list[list[Any]] = [
        [row.id, row.name, *row.composition.tolist()] for row in made.content.families
    ]
    return ["family", "name", *CLASS_NAMES], rows


def _population_table(made: _Catalogue) -> tuple[list[str], Iterator[list[Any]]]:
    """Return the header and the share of every family at every temperature, with its error.

    The error is half against half of the run, as on the report page.
    """
    content = made.content
    shares, errors = content.family_fractions, content.family_errors
    assert shares is not None
    assert errors is not None
    rows = (
        [f"{temperature:g}", family.id, f"{shares[t, f]:.5f}", f"{errors[t, f]:.5f}"]
        for t, temperature in enumerate(content.temperatures)
        for f, family in enumerate(content.families)
    )
    return ["temperature_K", "family", "fraction", "error"], rows


@dataclass(frozen=True, eq=False)
class _Pair:
    """Two neighbouring families: the row of the table, and what their RDFs are made of."""

    row: list[Any]
    first: NDArray[np.int64]  # members, places among the unique structures
    second: NDArray[np.int64]
    marked: NDArray[np.float64]


def _neighbours(made: _Catalogue) -> Iterator[_Pair]:
    """Yield the pairs of major families that touch, the lowest barrier first."""
    peaks = made.relief.peaks
    barriers = np.log(peaks[made.relief.pairs].min(axis=1) / made.relief.saddles)
    for k in np.argsort(barriers, kind="stable"):
        a, b = made.relief.pairs[k].tolist()
        members = [np.flatnonzero(made.labels == label) for label in (a, b)]
        if min(map(len, members)) < 2:
            continue
        rdf = [made.content.rdf[rows] for rows in members]
        difference = rdf_difference(rdf[0], rdf[1], made.chart.basis.points)
        yield _Pair(
            row=[a, b, f"{made.relief.saddles[k]:.1f}", f"{barriers[k]:.3f}", difference.sentence],
            first=members[0],
            second=members[1],
            marked=difference.told,
        )


def _write_nearest(made: _Catalogue, family: Family, path: Path) -> None:
    """Write the structures of a family that lie nearest to its centre, the nearest first."""
    unique, quenched = made.run.landscape["unique"], made.run.landscape["quenched"]
    members = np.flatnonzero(made.labels == family.id)
    away = np.linalg.norm(made.cvs[members] - family.centre, axis=1)
    nearest = members[np.argsort(away, kind="stable")][:NEAREST]
    snapshots = unique.read("snapshot")[nearest]
    positions = quenched.read_rows("positions", snapshots).astype(np.float64)
    energies = quenched.read_rows("energy", snapshots)

    def frames() -> Iterator[tuple[NDArray[np.float64], Mapping[str, Any]]]:
        for place, snapshot, own, energy in zip(
            nearest, snapshots, positions, energies, strict=True
        ):
            information = {
                "family": family.id,
                "name": family.name,
                "class": CLASS_NAMES[int(made.content.unique_classes[place])],
                "energy": float(energy),
                "cvs": made.cvs[place],
                "distance_on_chart": float(np.linalg.norm(made.cvs[place] - family.centre)),
                "snapshot": int(snapshot),
            }
            yield own, information

    write_extxyz(path, frames(), made.run.landscape.symbols)


def _write_figures(made: _Catalogue, pairs: list[_Pair], folder: Path) -> None:
    """Write the scan, the tree, and what tells neighbours apart, as PNG and PDF."""
    families = made.families
    if families.scan is not None:
        figure = scan_figure(families.scan, plateaus(families.scan), families.bandwidth)
        _save(figure, folder / "bandwidths")
    _save(
        tree_figure(made.tree, [_label(one) for one in families][: made.tree.n_families]),
        folder / "tree",
    )
    colours = family_colours(len(families))
    largest = sorted(pairs, key=lambda pair: -min(len(pair.first), len(pair.second)))
    for pair in largest[:_DRAWN]:
        a, b = pair.row[:2]
        rdf = [made.content.rdf[rows] for rows in (pair.first, pair.second)]
        figure = rdf_difference_figure(
            made.chart.basis.points,
            rdf[0].mean(axis=0),
            rdf[1].mean(axis=0),
            np.quantile(rdf[0], (0.05, 0.95), axis=0),
            np.quantile(rdf[1], (0.05, 0.95), axis=0),
            _label(families[a]),
            _label(families[b]),
            marked=pair.marked,
            colours=(colours[a], colours[b]),
        )
        _save(figure, folder / f"difference-{a:02d}-{b:02d}")


def _save(figure: Figure, stem: Path) -> None:
    for ending in (".png", ".pdf"):
        save(figure, stem.with_name(stem.name + ending), dpi=200)
