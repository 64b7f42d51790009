"""Write docs/file-formats.md, its tables from the code: run it without arguments."""

# ruff: noqa: E501 - rows of Markdown tables are as long as they are

from __future__ import annotations

from pathlib import Path

from make_results_page import table

from nanochart import landscape
from nanochart.bias.force import BiasPlan
from nanochart.bias.metadynamics import Metadynamics
from nanochart.bias.restraints import Restraint, Wall
from nanochart.bias.tables import header, hills_header
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

## COLVAR and HILLS

`nanochart bias -o X.dcd` writes, beside the trajectory and its table and record, two tables in
PLUMED's format: a line `#! FIELDS` names the columns, `#! SET key value` a constant, other lines
that begin with # are comments, every other line is a row of numbers with 17 digits, so that they
come back to the same bits. Units are ps, Å and eV: in PLUMED, `UNITS LENGTH=A TIME=ps ENERGY=eV`.
Only rows of whole blocks count, as many as `X.dcd.json` says; a resumed run cuts off the others.

`X.dcd.COLVAR` has a row every `log` (0.2 ps). Of a run with a restraint at rest, one that moves, a
wall and metadynamics it begins

```text
{colvar_header}
```

{colvar}
`X.dcd.HILLS` has a row a hill, of metadynamics in cv1 and cv2:

```text
{hills_header}
```

{hills}
`nanochart free-energy X.dcd` reads both; how they are used stands in [biased MD](bias.md).

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


#: A bias with one of everything, to name the columns by.
PLAN = BiasPlan(
    temperature=300.0,
    timestep=5.0,
    restraints=(
        Restraint("restrain", ("cv3",), (0.0,), (1.0,)),
        Restraint("steer", ("rg",), (6.4,), (1.0,), to=(6.5,), end=1.0),
    ),
    walls=(Wall("upper", "cv1", 1.0, 1.0),),
    metadynamics=Metadynamics(("cv1", "cv2"), (1.0, 1.0), 0.02, 100, 10.0, (-9, -9), (9, 9)),
)
COLVAR = [
    ["`time`", "ps", "since the run began"],
    [
        "`cv1` …, `rg`, `s`, `z`",
        "",
        "the variables: CVs, gyration radius (Å), place along and squared distance from a line",
    ],
    ["`NAME.bias`", "eV", "energy of a restraint"],
    ["`NAME.…_cntr`", "", "of a restraint that moves: where its centre stands"],
    ["`NAME.work`", "eV", "the work that moving it has cost so far"],
    ["`walls.bias`", "eV", "energy of all walls"],
    ["`metad.bias`", "eV", "energy of the hills so far, at this place"],
    ["`metad.rct`", "eV", "c(t), which reweighting subtracts (Tiwary and Parrinello)"],
    ["`family`", "", "the family with the nearest centre"],
]
HILLS = [
    ["`time`", "ps", "when the hill was put down"],
    ["the variables", "", "its centre"],
    ["`sigma_…`", "", "its widths"],
    ["`height`", "eV", "times γ/(γ−1), as PLUMED writes it: the sum of all hills is −F"],
    ["`biasf`", "", "the bias factor γ"],
]


def bias_tables() -> dict[str, str]:
    """Return how COLVAR and HILLS begin, and what their columns are."""
    colvar = (*PLAN.columns(("cv1", "cv2", "cv3", "rg")), "family")
    assert PLAN.metadynamics is not None
    head = ["column", "units", "what it is"]
    comment = "nanochart: chart 0123456789abcdef, 300 K; ps, eV, Angstrom"
    return {
        "colvar_header": header(colvar).decode().strip(),
        "colvar": table(head, COLVAR),
        "hills_header": hills_header(PLAN.metadynamics.variables, comment).decode().strip(),
        "hills": table(head, HILLS),
    }


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
        **bias_tables(),
    )


if __name__ == "__main__":
    (Path(__file__).parent / "file-formats.md").write_text(page(), encoding="utf-8")
