"""Write docs/file-formats.md, its tables from the code: run it without arguments."""

# ruff: noqa: E501 - rows of Markdown tables are as long as they are

from __future__ import annotations

from pathlib import Path

from make_results_page import table

from nanochart import landscape
from nanochart.chart import chart
from nanochart.structure.classes import CLASS_NAMES
from nanochart.workflow import trajectory

PAGE = """\
# File formats

Every file is written so that a crash leaves the old one or the new one, and carries a format
version; a file of a version that is too new, or a damaged one, is refused in one line. Nothing is
ever unpickled. This page is made by `docs/make_formats_page.py`, its tables from the code.

## Structures

Read: XYZ, extended XYZ, LAMMPS dumps, `.traj`, POSCAR and what else ASE reads, and DCD. Frames of a
file are of one cluster: the same number of atoms, the same element at every place. Files that
hold types instead of elements want `--species`.

Written: extended XYZ (`quench`, `classify --extxyz`, `families --export`) with the energy in eV, and
DCD (`md`).

## The landscape

A run folder's `landscape/` is a Zarr store, format 3, version {landscape_version}. Any Zarr reader
opens it, and `nanochart.open_landscape(run)["quenched"].read("positions")`, or
`.dataset("quenched")` for an `xarray.Dataset`. One group a stage, one row a structure; `units` stand
on every array. What counts is the group's attribute `committed`: rows beyond it are not finished.
Classes are codes: {classes}, −1 where a quench failed.

{groups}
The store's attributes say `species`, `n_atoms`, potential and versions, a group's the settings it
was made with. Of an alloy `species` is its formula, the atoms of every structure stand in its order,
and the attribute `symbols` names each.

## The chart

`chart.safetensors`, version {chart_version}: a safetensors file with the network's weights
(`model.…`), the scaling (`scaling.minimum`, `scaling.maximum`, one number a bin) and perhaps a
distilled encoder (`distilled.…`). The header's `nanochart.chart` is JSON with a SHA-256 over all of
it, and, as text, the metadata: `format_version`, `mode` ("quenched" or "thermal"), `network`, `rdf`
(grid, bandwidth, window), `species`, `n_atoms`, `domain`, `error_quantiles`, `families` (centres,
sizes, names, words, stability) and `provenance`. The same chart gives the same bytes.
`nanochart.load_chart(path)` reads it. A training under way keeps its state in a file of the same
kind, `checkpoint-….safetensors` in a run folder and `OUTPUT.checkpoint` beside a chart.

## A run folder

`run.toml` (as given), `stages.json` (what is finished, and its fingerprint), `landscape/`,
`training.csv` and `training.json` (the losses), `chart.safetensors`, `report.html`.

## A trajectory

`nanochart md -o X.dcd` writes three files:

- `X.dcd`: positions in Å, float32, CHARMM's DCD as OVITO, VMD and MDAnalysis read it. It holds no
  elements.
- `X.dcd.csv`: `{trajectory_header}`, a row a frame.
- `X.dcd.json`: the record, version {trajectory_version}: settings, the number of frames that count,
  who computed them (versions, CPU), and the exact state to go on from. Frames beyond that number
  are of a block that was cut off; the next run writes them again, the same.

## Tables

CSV in UTF-8 with one header line.

| written by | columns |
| --- | --- |
| `classify --csv` | file, frame, class, name, sentence, and what was measured ([structures](structures.md)) |
| `project -o` | file, frame, cv1, cv2, …, family (−1 outside the domain), inside, error, converged, and what else `nanochart project --help` offers |
| `families --export` | `families.csv`, `classes.csv`, `neighbours.csv`, `populations.csv` ([families](families.md)) |
| `figures` | beside every figure, the numbers it shows |
| `train --csv` | epoch, losses, learning rate, seconds |
"""


def page() -> str:
    """Return the page."""
    parts = []
    for name, variables in landscape.SCHEMA.items():
        rows = [
            [
                f"`{key}`",
                "structure" + "".join(f" × {dim}" for dim in one.dims),
                one.dtype,
                one.units,
                one.description,
            ]
            for key, one in variables.items()
        ]
        head = ["array", "shape", "type", "units", "what it is"]
        parts.append(f"### `{name}`\n\n{table(head, rows)}")
    return PAGE.format(
        landscape_version=landscape.FORMAT_VERSION,
        chart_version=chart.FORMAT_VERSION,
        trajectory_version=trajectory.FORMAT_VERSION,
        trajectory_header=trajectory._HEADER.decode().strip(),
        classes=", ".join(f"{code} {name}" for code, name in enumerate(CLASS_NAMES)),
        groups="\n".join(parts),
    )


if __name__ == "__main__":
    (Path(__file__).parent / "file-formats.md").write_text(page(), encoding="utf-8")
