"""The plates of what was sampled: RDFs, populations, heat capacity, swaps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nanochart.show import figures
from nanochart.show.content import ReportContent
from nanochart.show.curve_figures import draw_heat_capacity
from nanochart.show.palette import CLASS_PALETTE, NO_FAMILY, family_colour
from nanochart.show.plates import Absent, Plate, absent
from nanochart.show.population_figures import draw_populations
from nanochart.show.style import Floats
from nanochart.structure.classes import CLASS_NAMES

#: Families in the stacked figure; of more, those that never reach a share worth seeing are one.
_MOST_BANDS = 40
_SEEN_FROM = 0.01


def rdf_plate(content: ReportContent) -> Plate | Absent:
    """Return the RDFs of the distinct structures by class (Fig. 2, S1)."""
    name, title = "fig2", "RDFs by class"
    counts = np.bincount(content.unique_classes, minlength=len(CLASS_NAMES))
    if not counts.sum() or not len(content.rdf_grid):
        return absent(content, name, title, "There are no structures whose RDF could be shown.")
    bands = figures.rdf_bands(content.rdf, content.unique_classes)
    return Plate(
        name,
        title,
        "Median over the distinct structures of a class; the shaded band holds 90 % of them (5 to "
        "95 % quantile). Grey: the medians of the other classes. Right: number of structures.",
        lambda width: figures.draw_rdf_bands(content.rdf_grid, bands, counts.tolist(), width),
        ("class", "distance_A", "q05", "median", "q95"),
        lambda: (
            (CLASS_NAMES[k], f"{r:.4f}", *(f"{v:.6g}" for v in bands[k, :, j]))
            for k in np.flatnonzero(counts)
            for j, r in enumerate(content.rdf_grid)
        ),
    )


def swap_plate(content: ReportContent) -> Plate | Absent:
    """Return the share of accepted swaps."""
    name, title = "swaps", "swaps accepted"
    attempted, accepted = content.swaps_attempted, content.swaps_accepted
    if attempted is None or accepted is None or not np.any(attempted > 0):
        return absent(
            content,
            name,
            title,
            "No swaps were attempted: every replica stayed at its temperature."
            if attempted is not None
            else "The snapshots were sampled elsewhere: their swaps are not known.",
        )
    share = accepted[attempted > 0] / attempted[attempted > 0]
    return Plate(
        name,
        title,
        f"Share of accepted swaps for each pair of neighbours, {int(attempted.sum()):,} attempts; "
        f"the lowest is {100 * share.min():.1f} %. Below 20 % replicas hardly mix.",
        lambda width: figures.draw_swaps(content.temperatures, attempted, accepted, width),
        ("lower_temperature_K", "attempted", "accepted"),
        lambda: (
            (f"{t:g}", int(a), int(b))
            for t, a, b in zip(content.temperatures[:-1], attempted, accepted, strict=True)
        ),
    )


def heat_capacity_plate(content: ReportContent) -> Plate | Absent:
    """Return C_v(T), where it was sampled."""
    name, title = "heat-capacity", "heat capacity"
    heat = content.heat
    if heat is None or not np.isfinite(heat.values).any():
        return absent(content, name, title, "The energies of the snapshots are not known.")
    curve = content.heat_curve
    line = (
        "the band is one standard error (jackknife over ten blocks of time)"
        if curve is None
        else "the line is MBAR's, of all temperatures together, its band one standard error (block "
        "bootstrap)"
    )
    return Plate(
        name,
        title,
        "Heat capacity at constant volume from the fluctuations of the potential energy, with the "
        f"kinetic part of 3/2 k_B an atom; {line}. The dashed line marks the highest value.",
        lambda width: draw_heat_capacity(
            heat.temperatures,
            heat.values,
            heat.errors,
            curve=None if curve is None else (curve.temperatures, curve.values, curve.errors),
            width=width,
        ),
        ("temperature_K", "heat_capacity_kB_per_atom", "error", "method"),
        lambda: (
            (f"{t:g}", f"{c:.5f}", "" if np.isnan(e) else f"{e:.5f}", method)
            for method, one in (("sampled", heat), ("MBAR", curve))
            if one is not None
            for t, c, e in zip(one.temperatures, one.values, one.errors, strict=True)
        ),
    )


def class_population_plate(content: ReportContent) -> Plate | Absent:
    """Return the populations by class (Fig. 4D)."""
    name, title = "fig4d", "populations by class"
    if content.class_fractions is None or not len(content.temperatures):
        return absent(content, name, title, "Populations by class were not computed.")
    return _population_plate(
        content, name, title, content.class_fractions, content.class_errors, CLASS_NAMES,
        CLASS_NAMES, CLASS_PALETTE,
    )  # fmt: skip


def family_population_plate(content: ReportContent) -> Plate | Absent:
    """Families stacked by their main class, so that kin lie together."""
    name, title = "fig4c", "populations by family"
    shares = content.family_fractions
    if shares is None or not content.families or not len(content.temperatures):
        return absent(content, name, title, "Populations by family were not computed.")
    families = content.families
    main = [int(np.argmax(family.composition)) for family in families]
    order = sorted(range(len(families)), key=lambda i: (main[i], -families[i].n_snapshots))
    small: list[int] = []
    if len(families) > _MOST_BANDS:
        small = [i for i in order if shares[:, i].max() < _SEEN_FROM]
        order = [i for i in order if i not in small]
    errors = content.family_errors
    columns = [shares[:, order]]
    error_columns = [] if errors is None else [errors[:, order]]
    labels = [families[i].short_label for i in order]
    told = [families[i].label for i in order]
    colours = [family_colour(families[i].id) for i in order]
    for label, values in (
        (f"{len(small)} small families", shares[:, small].sum(axis=1, keepdims=True)),
        ("no family", np.clip(1 - shares.sum(axis=1, keepdims=True), 0, None)),
    ):
        if label == "no family" or small:
            columns.append(values)
            error_columns.append(np.full_like(values, np.nan))
            labels.append(label)
            told.append(label)
            colours.append(NO_FAMILY)
    return _population_plate(
        content,
        name,
        title,
        np.hstack(columns),
        None if errors is None else np.hstack(error_columns),
        told,
        labels,
        colours,
    )


def _population_plate(
    content: ReportContent,
    name: str,
    title: str,
    fractions: Floats,
    errors: Floats | None,
    columns: Sequence[str],
    labels: Sequence[str],
    colours: Sequence[str],
) -> Plate:
    below = (
        ""
        if errors is None
        else " Below: how far the two halves of the run disagree, the error of a fraction."
    )
    return Plate(
        name,
        title,
        f"Share of all snapshots at each temperature, stacked; duplicates count.{below}",
        lambda width: draw_populations(
            content.temperatures, fractions, labels, colours, errors=errors, width=width
        ),
        ("temperature_K", "group", "fraction", "error"),
        lambda: (
            (
                f"{t:g}",
                columns[k],
                f"{fractions[i, k]:.6f}",
                "" if errors is None or np.isnan(errors[i, k]) else f"{errors[i, k]:.6f}",
            )
            for i, t in enumerate(content.temperatures)
            for k in range(len(columns))
        ),
    )
