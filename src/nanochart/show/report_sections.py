"""The sections of the report but the families: sampled, learned, charted, populated."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from nanochart.show.content import Floats, Integers, ReportContent
from nanochart.show.markup import (
    CLASS_SHADES,
    Markup,
    class_counts,
    count_cell,
    figure,
    percent,
    swatch,
    table,
)
from nanochart.show.palette import CLASS_PALETTE, NO_FAMILY, family_colour, on_dark
from nanochart.show.paper import PAPER
from nanochart.show.plates import Absent, Plate
from nanochart.structure.classes import CLASS_NAMES

MAX_POINTS = 200_000  #: points in the page; above, they are thinned evenly and the page says so
Plates = Mapping[str, Plate | Absent]


def sampled(content: ReportContent, plates: Plates) -> dict[str, str]:
    """The first section: composition beside the paper's, RDFs by class, swaps."""
    every, unique = class_counts(content.snapshot_classes), class_counts(content.unique_classes)
    paper = PAPER.get((content.species, content.n_atoms))
    columns: list[tuple[str, Sequence[int]]] = [
        ("all snapshots", every.tolist()),
        ("distinct", unique.tolist()),
    ]
    if paper:
        columns += [("paper, all", paper.all_snapshots), ("paper, distinct", paper.filtered)]
    rows: list[Sequence[object]] = [
        (swatch(CLASS_SHADES[k], name), *(count_cell(int(c[k]), int(sum(c))) for _, c in columns))
        for k, name in enumerate(CLASS_NAMES)
    ]
    rows.append(("All", *(f"{int(sum(c)):,}" for _, c in columns)))
    sampling = [f"{len(content.temperatures)} replicas, one a temperature, by parallel tempering."]
    if content.time_per_replica_ns is not None:
        sampling.append(f"Each was simulated for {content.time_per_replica_ns:,.4g} ns")
        if content.burn_in_ns is not None:
            sampling[-1] += f", of which the first {content.burn_in_ns:,.4g} ns were discarded"
        sampling[-1] += "."
    if content.snapshot_interval_ps is not None:
        sampling.append(f"A snapshot was taken every {content.snapshot_interval_ps:,.4g} ps.")
    if (told := _species_swaps(content)) is not None:
        sampling.append(told)
    sampling.append(f"{content.n_failed:,} quenches failed and are left out everywhere.")
    largest = CLASS_NAMES[int(np.argmax(every))]
    title = f"{largest} leads, with {percent(every.max(), every.sum())} of all snapshots"
    return {
        "sampling": " ".join(sampling),
        "composition_title": title if every.sum() else "No snapshots",
        "composition": table(("class", *(name for name, _ in columns)), rows, total=True),
        "paper_note": f" {paper.correction}" if paper else "",
        "rdf_figure": figure(plates["fig2"]),
        "swap_figure": figure(plates["swaps"]),
    }


def _species_swaps(content: ReportContent) -> str | None:
    """Return what became of the species swaps of an alloy, in a sentence."""
    attempted, accepted = content.species_swaps_attempted, content.species_swaps_accepted
    if attempted is None or accepted is None or not np.any(attempted > 0):
        return None
    share = 100.0 * accepted / np.maximum(attempted, 1)
    coldest, hottest = content.temperatures[0], content.temperatures[-1]
    return (
        f"Of {int(attempted.sum()):,} attempts to exchange two unlike atoms, "
        f"{share[0]:.2g} % were accepted at {coldest:g} K and {share[-1]:.2g} % at {hottest:g} K."
    )


def learned(content: ReportContent, plates: Plates) -> dict[str, str]:
    """The second section: the loss, beside linear PCA and the paper's number."""
    loss, paper = content.loss, PAPER.get((content.species, content.n_atoms))
    drawings = {
        "network_figure": figure(plates["fig1"]),
        "loss_figure": figure(plates["loss"]),
        "dimensions_figure": figure(plates["figS2"]),
    }
    if loss is None or not len(loss.validation):
        return {"learning": "", **drawings}
    best = float(np.asarray(loss.validation)[np.clip(loss.best_epoch, 1, len(loss.validation)) - 1])
    words = [
        f"The autoencoder learned from {loss.n_training:,} structures and was judged on "
        f"{loss.n_validation:,} others. The model of epoch {loss.best_epoch} was kept: mean "
        f"squared error {best:.4f}{_r2(loss.r2)}."
    ]
    if loss.pca_mse is not None:
        words.append(
            f"Linear PCA with three components reaches {loss.pca_mse:.4f}{_r2(loss.pca_r2)} on "
            f"the same split{'' if best < loss.pca_mse else ': the network does no better'}."
        )
    if paper:
        words.append(
            f"The paper reports {paper.best_loss} for {content.species}{content.n_atoms}; the "
            "size of a scaled error depends on the sample, so compare R² before the error."
        )
    return {"learning": " ".join(words), **drawings}


def _r2(value: float | None) -> str:
    return "" if value is None else f" (R² {value:.3f})"


def charted(content: ReportContent) -> dict[str, str]:
    """The third section: the data of the chart that chart3d.js draws."""
    total = len(content.cvs)
    n = min(total, MAX_POINTS)
    rows = np.arange(n) * total // max(n, 1)  # chart3d.js computes the same row numbers
    text = f"Each of the {total:,} points is one distinct structure; close points look alike."
    if n < total:
        text = (
            f"Of {total:,} distinct structures {n:,} are shown, evenly thinned; close points "
            "look alike."
        )
    cvs = np.asarray(content.cvs, dtype=np.float64)[rows]
    low, high = (cvs.min(axis=0), cvs.max(axis=0)) if n else (np.zeros(3), np.ones(3))
    scaled = np.rint(65535 * (cvs - low) / np.where(high > low, high - low, 1))
    energies = np.asarray(content.energies, dtype=np.float64)[rows]
    lowest = float(energies.min()) if n else 0.0
    position = {family.id: i for i, family in enumerate(content.families)}
    none = len(content.families)
    groups = [position.get(int(i), none) for i in content.family_ids[rows]]
    data = {
        "total": total,
        "low": low.tolist(),
        "high": high.tolist(),
        "cvs": _base64(scaled, "<u2"),
        "energies": _base64(energies - lowest, "<f4"),
        "lowestEnergy": lowest,
        "classes": _base64(content.unique_classes[rows], "u1"),
        "classLabels": CLASS_NAMES,
        "classColours": CLASS_PALETTE,
        "classColoursOnDark": [on_dark(colour) for colour in CLASS_PALETTE],
        "families": _base64(groups, "<u2"),
        "familyLabels": [*(family.label for family in content.families), "no family"],
        "familyColours": [*(family_colour(one.id) for one in content.families), NO_FAMILY],
        "familyIds": [family.id for family in content.families],
    }
    # "<" is all that could end the script element early.
    payload = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
    label = f"Three-dimensional chart of {total:,} structures; turn it with the arrow keys"
    return {"chart_text": text, "chart_label": label, "chart_data": Markup(payload)}


def _base64(values: ArrayLike, dtype: str) -> str:
    return base64.b64encode(np.asarray(values).astype(dtype).tobytes()).decode()


def populated(content: ReportContent, plates: Plates) -> dict[str, str]:
    """The fifth section: fractions of all snapshots against temperature."""
    text = (
        "Every snapshot counts here, duplicates included. Each temperature rests on "
        f"{_span(_temperature_counts(content))} snapshots."
    )
    if content.class_errors is not None and len(content.class_errors):
        worst = float(np.nanmax(content.class_errors, initial=0.0))
        text += (
            " How far the first half of the run disagrees with the second says how much to trust "
            f"a fraction: at worst, {100 * worst:.0f} percentage points."
        )
    shares = content.class_fractions
    return {
        "populations_text": text,
        "class_figure": figure(plates["fig4d"]),
        "family_figure": figure(plates["fig4c"]),
        "heat_figure": figure(plates["heat-capacity"]),
        "population_table": Markup("") if shares is None else _population_table(content, shares),
    }


def _temperature_counts(content: ReportContent) -> Integers:
    if content.temperature_counts is not None:
        return content.temperature_counts
    return np.bincount(content.snapshot_temperatures, minlength=len(content.temperatures))


def _span(counts: Integers) -> str:
    low, high = int(counts.min()), int(counts.max())
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _population_table(content: ReportContent, fractions: Floats) -> Markup:
    """The numbers behind the stacked areas."""
    errors, counts = content.class_errors, _temperature_counts(content)
    rows = []
    for t, temperature in enumerate(content.temperatures):
        row: list[object] = [f"{temperature:.0f} K", f"{counts[t]:,}"]
        for k in range(len(CLASS_NAMES)):
            half = "" if errors is None else f"<small>± {100 * errors[t, k]:.1f}</small>"
            row.append(Markup(f"{100 * fractions[t, k]:.1f}{half}"))
        rows.append(row)
    numbers = table(("temperature", "snapshots", *CLASS_NAMES), rows)
    summary = "The numbers behind the first figure, in %; ± is the difference of the two halves"
    return Markup(f"<details><summary>{summary}</summary>{numbers}</details>")
