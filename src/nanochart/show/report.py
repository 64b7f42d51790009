"""The report: one self-contained HTML page that tells what a run did and what it found.

Scripts, styles and figures are inlined: the page asks no network. Its text stands in report.html,
and every string that enters it from outside is escaped.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Callable, Iterable, Sequence
from importlib import resources
from pathlib import Path
from string import Template

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from nanochart.chart.bandwidth import plateaus
from nanochart.files import write_text
from nanochart.show import figures
from nanochart.show.content import (
    FamilyRow,
    Floats,
    Integers,
    ReportContent,
    check_content,
)
from nanochart.show.family_figures import scan_figure, tree_figure
from nanochart.show.palette import NO_FAMILY, family_colours, on_dark
from nanochart.show.paper import PAPER
from nanochart.show.population_figures import draw_populations
from nanochart.show.style import NARROW, WIDE
from nanochart.show.svg import to_svg
from nanochart.structure.classes import CLASS_COLOURS, CLASS_NAMES

MAX_POINTS = 200_000  #: points in the page; above, they are thinned evenly and the page says so
CLASS_SHADES = [f"var(--class-{code})" for code in range(len(CLASS_NAMES))]  #: on the page


def write_report(path: str | Path, content: ReportContent) -> Path:
    """Write the page, whole or not at all.

    Parameters
    ----------
    path
        The HTML file. Its folder must exist.
    content
        What to show. The same content gives the same bytes.

    Returns
    -------
    ``path``.

    Raises
    ------
    NanochartError
        Arrays of ``content`` do not fit together, or the file cannot be written.
    """
    check_content(content)
    target = Path(path)
    write_text(target, _page(content))
    return target


class Markup(str):
    """HTML made here; every other string is escaped before it enters the page."""


def _text(value: object) -> str:
    """Escape anything that is not ``Markup``."""
    return value if isinstance(value, Markup) else html.escape(str(value))


def _absent(reason: str) -> Markup:
    return Markup(f'<p class="absent">{_text(reason)}</p>')


def _list(items: Iterable[str]) -> Markup:
    return Markup("<ul>" + "".join(f"<li>{_text(item)}</li>" for item in items) + "</ul>")


def _table(head: Sequence[object], rows: Iterable[Sequence[object]], total: bool = False) -> Markup:
    """A table whose first column names the rows; ``total`` sets the last row apart."""
    lines = [
        [f'<th scope="row">{_text(row[0])}</th>', *(f"<td>{_text(c)}</td>" for c in row[1:])]
        for row in rows
    ]
    last = len(lines) - 1 if total else -1
    body = "".join(
        f"<tr{' class=total' if i == last else ''}>{''.join(cells)}</tr>"
        for i, cells in enumerate(lines)
    )
    columns = "".join(f'<th scope="col">{_text(name)}</th>' for name in head)
    return Markup(
        f'<div class="scroll" tabindex="0"><table><thead><tr>{columns}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _figure(name: str, draw: Callable[[float], Figure], caption: str, description: str) -> Markup:
    """One figure twice: at the width of a desktop column, and at that of a phone."""
    drawings = "".join(
        f'<div class="{kind}">{to_svg(draw(width), f"{name}-{kind}", description)}</div>'
        for kind, width in (("wide", WIDE), ("narrow", NARROW))
    )
    return Markup(f"<figure>{drawings}<figcaption>{_text(caption)}</figcaption></figure>")


def _percent(part: float, whole: float) -> str:
    """A share with as many digits as it needs to differ from nothing."""
    if whole == 0 or part == 0:
        return "0 %"
    share = 100 * part / whole
    return f"{share:.0f} %" if share >= 9.95 else f"{share:.1f} %" if share >= 0.1 else "< 0.1 %"


def _count(part: int, whole: int) -> Markup:
    return Markup(f"{part:,}<small>{_text(_percent(part, whole))}</small>")


def _counts(codes: ArrayLike) -> Integers:
    return np.bincount(np.asarray(codes, dtype=np.int64), minlength=len(CLASS_NAMES))


def _swatch(colour: str, label: str) -> Markup:
    return Markup(f'<span class="swatch" style="background:{colour}"></span>{_text(label)}')


def _page(content: ReportContent) -> str:
    """Fill the template; its placeholders are the keys below."""
    package = resources.files("nanochart.show")
    template, css, script = (
        package.joinpath(name).read_text(encoding="utf-8")
        for name in ("report.html", "report.css", "chart3d.js")
    )
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    values: dict[str, str] = {
        "title": content.title,
        "system": f"{content.species}{content.n_atoms}",
        "command": content.command,
        "run_file": content.run_file,
        "script_hash": f"sha256-{digest}",
        "css": Markup(css + _class_colours()),
        "script": Markup(script),
        "lead": _lead(content),
        "keys": _keys(content),
        "cautions": _list(content.cautions) if content.cautions else _absent("None were given."),
        "warning": Markup(""),
        "provenance": _table(("", ""), content.provenance.items()),
        "timings": _timings(content),
        **_sampled(content),
        **_learned(content),
        **_charted(content),
        **_found(content),
        **_populated(content),
    }
    if content.cautions:
        more = ' <a href="#care">What to be careful about</a>'
        values["warning"] = Markup(f'<p class="warning">{_text(content.cautions[0])}{more}</p>')
    return Template(template).substitute({key: _text(value) for key, value in values.items()})


def _class_colours() -> str:
    """The class colours as CSS variables, lightened where the page is dark."""
    shades = [CLASS_COLOURS[name] for name in CLASS_NAMES]
    light, dark = (
        ":root { " + " ".join(f"--class-{k}: {c};" for k, c in enumerate(colours)) + " }"
        for colours in (shades, [on_dark(shade) for shade in shades])
    )
    return f"{light}\n@media screen and (prefers-color-scheme: dark) {{ {dark} }}"


def _lead(content: ReportContent) -> str:
    """The run in two sentences."""
    t, n = content.temperatures, len(content.snapshot_classes)
    where = f"{t[0]:.0f} K" if len(t) == 1 else f"{len(t)} temperatures, {t[0]:.0f}–{t[-1]:.0f} K"
    unique = len(content.unique_classes)
    families = len(content.families)
    ending = f" and {families} {'family' if families == 1 else 'families'}" if families else ""
    return (
        f"{n:,} snapshots of {content.species}{content.n_atoms} at {where}, each quenched to its "
        f"local minimum, hold {unique:,} distinct structures. A neural network lays them out on "
        f"a chart of three dimensions, with {_present(content.unique_classes)}{ending}."
    )


def _present(codes: ArrayLike) -> str:
    n = int((_counts(codes) > 0).sum())
    return f"{n} structural class{'' if n == 1 else 'es'}"


def _keys(content: ReportContent) -> Markup:
    """The numbers at the head of the page."""
    keys: list[tuple[str, str]] = [
        ("snapshots quenched", f"{len(content.snapshot_classes):,}"),
        ("distinct structures", f"{len(content.unique_classes):,}"),
    ]
    if content.families:
        keys.append(("families", f"{len(content.families)}"))
    if content.loss and content.loss.r2 is not None:
        keys.append(("R² on held-out structures", f"{content.loss.r2:.3f}"))
    if content.time_per_replica_ns is not None:
        keys.append(("ns a replica", f"{content.time_per_replica_ns:,.4g}"))
    if len(content.energies):
        keys.append(("eV, the lowest energy", f"{content.energies.min():.3f}".replace("-", "−")))
    cells = (f"<div><dt>{_text(name)}</dt><dd>{_text(value)}</dd></div>" for name, value in keys)
    return Markup("".join(cells))


def _timings(content: ReportContent) -> Markup:
    """What each stage took."""
    if not content.timings:
        return _absent("No stage was timed.")
    rows: list[Sequence[object]] = [
        (t.name, _duration(t.seconds), "–" if t.peak_mb is None else f"{t.peak_mb:,.0f}")
        for t in content.timings
    ]
    rows.append(("All", _duration(sum(t.seconds for t in content.timings)), ""))
    return _table(("stage", "time", "peak memory, MB"), rows, total=True)


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, hours = int(seconds / 60), seconds / 3600
    return f"{minutes} min {seconds % 60:.0f} s" if minutes < 60 else f"{hours:.1f} h"


def _sampled(content: ReportContent) -> dict[str, str]:
    """The first section: composition beside the paper's, RDFs by class, swaps."""
    every, unique = _counts(content.snapshot_classes), _counts(content.unique_classes)
    paper = PAPER.get((content.species, content.n_atoms))
    columns: list[tuple[str, Sequence[int]]] = [
        ("all snapshots", every.tolist()),
        ("distinct", unique.tolist()),
    ]
    if paper:
        columns += [("paper, all", paper.all_snapshots), ("paper, distinct", paper.filtered)]
    rows: list[Sequence[object]] = [
        (_swatch(CLASS_SHADES[k], name), *(_count(int(c[k]), int(sum(c))) for _, c in columns))
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
    sampling.append(f"{content.n_failed:,} quenches failed and are left out everywhere.")
    largest = CLASS_NAMES[int(np.argmax(every))]
    title = f"{largest} leads, with {_percent(every.max(), every.sum())} of all snapshots"
    return {
        "sampling": " ".join(sampling),
        "composition_title": title if every.sum() else "No snapshots",
        "composition": _table(("class", *(name for name, _ in columns)), rows, total=True),
        "paper_note": f" {paper.correction}" if paper else "",
        "rdf_figure": _rdf_figure(content),
        "swap_figure": _swap_figure(content),
    }


def _rdf_figure(content: ReportContent) -> Markup:
    counts = _counts(content.unique_classes)
    if not counts.sum() or not len(content.rdf_grid):
        return _absent("There are no structures whose RDF could be shown.")
    bands = figures.rdf_bands(content.rdf, content.unique_classes)
    return _figure(
        "rdf",
        lambda width: figures.draw_rdf_bands(content.rdf_grid, bands, counts.tolist(), width),
        "Median over the distinct structures of a class; the shaded band holds 90 % of them (5 to "
        "95 % quantile). Grey: the medians of the other classes. Right: number of structures.",
        "Radial distribution functions by structural class",
    )


def _swap_figure(content: ReportContent) -> Markup:
    attempted, accepted = content.swaps_attempted, content.swaps_accepted
    if attempted is None or accepted is None or not np.any(attempted > 0):
        return _absent("No swaps were attempted: every replica stayed at its temperature.")
    share = accepted[attempted > 0] / attempted[attempted > 0]
    return _figure(
        "swaps",
        lambda width: figures.draw_swaps(content.temperatures, attempted, accepted, width),
        f"Share of accepted swaps for each pair of neighbours, {int(attempted.sum()):,} attempts; "
        f"the lowest is {_percent(share.min(), 1)}. Below 20 % replicas hardly mix.",
        "Swap acceptance against temperature",
    )


def _learned(content: ReportContent) -> dict[str, str]:
    """The second section: the loss, beside linear PCA and the paper's number."""
    loss, paper = content.loss, PAPER.get((content.species, content.n_atoms))
    if loss is None or not len(loss.validation):
        reason = "This run has no training history."
        return {"learning": "", "loss_figure": _absent(reason)}
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
    figure = _figure(
        "loss",
        lambda width: figures.draw_loss(
            loss.train,
            loss.validation,
            loss.best_epoch,
            pca_mse=loss.pca_mse,
            halvings=loss.halvings,
            width=width,
        ),
        "Mean squared error on inputs scaled to [0, 1], bin by bin; the scale is logarithmic. "
        "The dot marks the model that was kept.",
        "Training and validation error against epoch",
    )
    return {"learning": " ".join(words), "loss_figure": figure}


def _r2(value: float | None) -> str:
    return "" if value is None else f" (R² {value:.3f})"


def _charted(content: ReportContent) -> dict[str, str]:
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
        "classColours": [CLASS_COLOURS[name] for name in CLASS_NAMES],
        "classColoursOnDark": [on_dark(CLASS_COLOURS[name]) for name in CLASS_NAMES],
        "families": _base64(groups, "<u2"),
        "familyLabels": [*(_label(family) for family in content.families), "no family"],
        "familyColours": [*family_colours(none), NO_FAMILY],
    }
    # "<" is all that could end the script element early.
    payload = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
    label = f"Three-dimensional chart of {total:,} structures; turn it with the arrow keys"
    return {"chart_text": text, "chart_label": label, "chart_data": Markup(payload)}


def _base64(values: ArrayLike, dtype: str) -> str:
    return base64.b64encode(np.asarray(values).astype(dtype).tobytes()).decode()


def _label(family: FamilyRow) -> str:
    return f"{family.id} {family.name}" if family.name else f"family {family.id}"


def _found(content: ReportContent) -> dict[str, str]:
    """The fourth section: the bandwidth scan and the families."""
    paper = PAPER.get((content.species, content.n_atoms))
    if not content.families:
        text = "No families were found on this chart."
    else:
        largest = max(content.families, key=lambda family: family.n_unique)
        share = _percent(largest.n_unique, len(content.unique_classes))
        kind = f"number {largest.id}" + (f" ({largest.name})" if largest.name else "")
        text = (
            "Mean shift climbs from every point to the nearest summit of the density of points; "
            f"points that share a summit are a family. The largest is {kind}, with "
            f"{share} of the distinct structures."
        )
        if paper:
            text += f" The paper names {paper.n_families} major families."
    return {
        "families_text": text,
        "scan_figure": _scan_figure(content),
        "families_table": _families_table(content),
        "tree_figure": _tree_figure(content),
    }


def _scan_figure(content: ReportContent) -> Markup:
    """The number of families against the bandwidth, and how far they are found again."""
    scan, chosen = content.scan, content.bandwidth
    if scan is None or chosen is None:
        return _absent("The bandwidth was not scanned.")
    candidates = plateaus(scan)
    return _figure(
        "scan",
        lambda width: scan_figure(scan, candidates, chosen, width=width),
        "Above: number of families against the one parameter of mean shift. Shaded: plateaus, "
        "where the number of families hardly depends on it. Below: how much of its family a "
        "structure finds again in bootstrap samples; the finest plateau above the line is taken.",
        "Number of families against the bandwidth",
    )


def _tree_figure(content: ReportContent) -> Markup:
    """How the families hang together."""
    tree = content.tree
    if tree is None or tree.n_families < 2:
        return _absent("One family alone has no tree.")
    named = {family.id: _label(family) for family in content.families}
    names = [named.get(i, f"family {i}") for i in range(tree.n_families)]
    return _figure(
        "tree",
        lambda width: tree_figure(tree, names, width=width),
        "How the major families hang together: two merge where the density of structures falls "
        "least between them. Across: the logarithm of the lower peak over the saddle; groups of "
        "one colour are parted by saddles of less than half the lower peak.",
        "Tree of the families",
    )


def _families_table(content: ReportContent, at_once: int = 30) -> Markup:
    """Families by size; those after the first ``at_once`` are folded away."""
    if not content.families:
        return Markup("")
    named = any(family.name or family.words for family in content.families)
    stable = any(family.stability is not None for family in content.families)
    colours = family_colours(len(content.families))
    ground = min(family.lowest_energy for family in content.families)
    n_unique, n_snapshots = len(content.unique_classes), len(content.snapshot_classes)
    head = ["family", "distinct", "snapshots", "classes", "lowest, eV", "centre (CV1, CV2, CV3)"]
    rows: list[list[object]] = []
    order = sorted(range(len(colours)), key=lambda i: -content.families[i].n_unique)
    for family, colour in ((content.families[i], colours[i]) for i in order):
        rows.append(
            [
                _swatch(colour, str(family.id)),
                _count(family.n_unique, n_unique),
                _count(family.n_snapshots, n_snapshots),
                _class_bar(family.composition),
                f"+{family.lowest_energy - ground:.3f}",
                ", ".join(f"{value:.2f}" for value in family.centre).replace("-", "−"),
            ]
        )
        if named:
            name, words = _text(family.name), _text(family.words)
            rows[-1].insert(1, Markup(f'<div class="words">{name}<small>{words}</small></div>'))
            rows[-1].insert(2, family.macro_family)
        if stable:
            told = family.stability
            rows[-1].append("" if told is None else f"{100 * told:.0f} %")
    note = "Lowest: energy of its lowest structure above that of the lowest family."
    if named:
        head[1:1] = [Markup('<div class="words">what it is</div>'), "group"]
    if stable:
        head.append("stable")
        note += (
            " Stable: how much of it is found again in bootstrap samples of the chart; from 75 % "
            "on it is there, below 60 % do not rely on it."
        )
    folded = _table(head, rows[at_once:]) if len(rows) > at_once else ""
    rest = f"<details><summary>{len(rows) - at_once} smaller families</summary>{folded}</details>"
    tables = f"{_table(head, rows[:at_once])}{rest if folded else ''}"
    return Markup(f'<div>{tables}<p class="note">{note}</p></div>')


def _class_bar(composition: ArrayLike) -> Markup:
    """Shares of the classes as a small stacked bar, with the same in words for readers."""
    counts = np.asarray(composition)
    total = max(int(counts.sum()), 1)
    parts = [(k, int(c)) for k, c in enumerate(counts) if c]
    words = _text(", ".join(f"{CLASS_NAMES[k]} {_percent(c, total)}" for k, c in parts))
    pieces = "".join(
        f'<i style="width:{100 * c / total:.2f}%;background:{CLASS_SHADES[k]}"></i>'
        for k, c in parts
    )
    return Markup(
        f'<div class="bar" role="img" title="{words}" aria-label="{words}">{pieces}</div>'
    )


def _populated(content: ReportContent) -> dict[str, str]:
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
    values: dict[str, str] = {"populations_text": text, "population_table": Markup("")}
    if content.class_fractions is None or not len(content.temperatures):
        values["class_figure"] = _absent("Populations by class were not computed.")
    else:
        colours = [CLASS_COLOURS[name] for name in CLASS_NAMES]
        values["class_figure"] = _population_figure(
            "classes", content, content.class_fractions, content.class_errors, CLASS_NAMES, colours
        )
        values["population_table"] = _population_table(content, content.class_fractions)
    if content.family_fractions is None or not content.families:
        values["family_figure"] = _absent("Populations by family were not computed.")
    else:
        values["family_figure"] = _family_population_figure(content, content.family_fractions)
    return values


def _temperature_counts(content: ReportContent) -> Integers:
    if content.temperature_counts is not None:
        return content.temperature_counts
    return np.bincount(content.snapshot_temperatures, minlength=len(content.temperatures))


def _span(counts: Integers) -> str:
    low, high = int(counts.min()), int(counts.max())
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _population_figure(
    name: str,
    content: ReportContent,
    fractions: Floats,
    errors: Floats | None,
    labels: Sequence[str],
    colours: Sequence[str],
) -> Markup:
    below = "" if errors is None else " Below: how far the two halves of the run disagree."
    return _figure(
        name,
        lambda width: draw_populations(
            content.temperatures, fractions, labels, colours, errors=errors, width=width
        ),
        f"Share of all snapshots at each temperature, stacked.{below}",
        f"Populations of {name} against temperature",
    )


def _family_population_figure(content: ReportContent, fractions: Floats) -> Markup:
    """Families stacked by their main class, so that kin lie together."""
    families = content.families
    main = [int(np.argmax(family.composition)) for family in families]
    order = sorted(range(len(families)), key=lambda i: (main[i], -families[i].n_snapshots))
    colours = family_colours(len(families))
    rest = np.clip(1 - fractions.sum(axis=1, keepdims=True), 0, None)
    columns = np.hstack([fractions[:, order], rest])
    errors = None if content.family_errors is None else content.family_errors[:, order]
    if errors is not None:
        errors = np.hstack([errors, np.full_like(rest, np.nan)])
    labels = [*(_label(families[i]) for i in order), "no family"]
    shades = [*(colours[i] for i in order), NO_FAMILY]
    return _population_figure("families", content, columns, errors, labels, shades)


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
    table = _table(("temperature", "snapshots", *CLASS_NAMES), rows)
    summary = "The numbers behind the first figure, in %; ± is the difference of the two halves"
    return Markup(f"<details><summary>{summary}</summary>{table}</details>")
