"""The report: one self-contained HTML page that tells what a run did and what it found.

Scripts, styles and figures are inlined: the page asks no network. Its text stands in report.html,
and every string that enters it from outside is escaped.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from string import Template

from numpy.typing import ArrayLike

from nanochart.composition import cluster_name
from nanochart.files import write_text
from nanochart.show.content import ReportContent, check_content
from nanochart.show.markup import (
    Markup,
    absent_line,
    bullets,
    class_counts,
    escaped,
    table,
)
from nanochart.show.palette import CLASS_PALETTE, on_dark
from nanochart.show.plates import Absent, Plate
from nanochart.show.report_families import found
from nanochart.show.report_sections import charted, learned, populated, sampled
from nanochart.show.run_plates import run_plates


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


def _page(content: ReportContent) -> str:
    """Fill the template; its placeholders are the keys below."""
    package = resources.files("nanochart.show")
    template, css, script = (
        package.joinpath(name).read_text(encoding="utf-8")
        for name in ("report.html", "report.css", "chart3d.js")
    )
    plates: dict[str, Plate | Absent] = {plate.name: plate for plate in run_plates(content)}
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    values: dict[str, str] = {
        "title": content.title,
        "system": cluster_name(content.species, content.n_atoms),
        "command": content.command,
        "run_file": content.run_file,
        "script_hash": f"sha256-{digest}",
        "css": Markup(css + _class_colours()),
        "script": Markup(script),
        "lead": _lead(content),
        "keys": _keys(content),
        "cautions": bullets(content.cautions)
        if content.cautions
        else absent_line("None were given."),
        "warning": Markup(""),
        "provenance": table(("", ""), content.provenance.items()),
        "timings": _timings(content),
        **sampled(content, plates),
        **learned(content, plates),
        **charted(content),
        **found(content, plates),
        **populated(content, plates),
    }
    if content.cautions:
        more = ' <a href="#care">What to be careful about</a>'
        values["warning"] = Markup(f'<p class="warning">{escaped(content.cautions[0])}{more}</p>')
    return Template(template).substitute({key: escaped(value) for key, value in values.items()})


def _class_colours() -> str:
    """The class colours as CSS variables, lightened where the page is dark."""
    light, dark = (
        ":root { " + " ".join(f"--class-{k}: {c};" for k, c in enumerate(colours)) + " }"
        for colours in (CLASS_PALETTE, [on_dark(shade) for shade in CLASS_PALETTE])
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
        f"{n:,} snapshots of {cluster_name(content.species, content.n_atoms)} at {where}, each "
        "quenched to its "
        f"local minimum, hold {unique:,} distinct structures. A neural network lays them out on "
        f"a chart of three dimensions, with {_present(content.unique_classes)}{ending}."
    )


def _present(codes: ArrayLike) -> str:
    n = int((class_counts(codes) > 0).sum())
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
    cells = (
        f"<div><dt>{escaped(name)}</dt><dd>{escaped(value)}</dd></div>" for name, value in keys
    )
    return Markup("".join(cells))


def _timings(content: ReportContent) -> Markup:
    """What each stage took."""
    if not content.timings:
        return absent_line("No stage was timed.")
    rows: list[Sequence[object]] = [
        (t.name, _duration(t.seconds), "–" if t.peak_mb is None else f"{t.peak_mb:,.0f}")
        for t in content.timings
    ]
    rows.append(("All", _duration(sum(t.seconds for t in content.timings)), ""))
    return table(("stage", "time", "peak memory, MB"), rows, total=True)


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, hours = int(seconds / 60), seconds / 3600
    return f"{minutes} min {seconds % 60:.0f} s" if minutes < 60 else f"{hours:.1f} h"
