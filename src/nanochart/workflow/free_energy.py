"""What ``nanochart free-energy`` does: biased runs into free energies of families and surfaces.

All weights come from what the runs wrote down: COLVAR, HILLS, and the bias in the record.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nanochart.bias.force import BiasPlan, plan_from_json
from nanochart.bias.free_energy import (
    block_numbers,
    cells_of,
    effective_number,
    estimate,
    mbar,
    weights_of,
)
from nanochart.bias.metadynamics import Hills
from nanochart.bias.restraints import Springs
from nanochart.bias.tables import read_hills, read_table
from nanochart.errors import NanochartError
from nanochart.files import write_text
from nanochart.sampling.lammps import BOLTZMANN
from nanochart.workflow.bias_start import COLVAR, HILLS
from nanochart.workflow.trajectory import beside

Array = NDArray[np.float64]
Way = Literal["time", "final"]


@dataclass(frozen=True)
class _Run:
    """A biased run as it was written: its bias, and columns after the transient."""

    path: Path
    plan: BiasPlan
    names: tuple[str, ...]
    columns: dict[str, Array]
    chart: str

    def values(self, names: Sequence[str]) -> Array:
        """Return variables (n_samples, n_variables)."""
        return np.column_stack([self.columns[name] for name in names])

    def __len__(self) -> int:
        return len(self.columns["time"])


@dataclass(frozen=True)
class FreeEnergies:
    """What is told: a summary; rows of families: id, share, its error, F and its error, eV."""

    summary: dict[str, Any]
    families: list[tuple[int, float, float, float, float]]


def free_energies(
    runs: Sequence[Path],
    output: Path,
    *,
    discard: float = 0.2,
    by: Way = "time",
    surface: Sequence[str] = (),
    bins: int = 40,
    n_blocks: int = 5,
) -> FreeEnergies:
    """Return the free energies of families, and write them, and a surface, as CSV.

    Parameters
    ----------
    runs
        Trajectories of ``nanochart bias``: one or several walkers of one metadynamics, or windows
        held by restraints at rest, which are joined by MBAR.
    output
        CSV of the families; the surface goes to ``NAME-surface.csv``.
    discard
        Share of each run at its beginning that is left out.
    by
        Of metadynamics: ``"time"``, the bias of the moment less c(t), or ``"final"``, that of the
        end.
    surface
        One or two variables to make a surface in.
    bins
        Of each of them.
    n_blocks
        Of time, of each run, for the errors.

    Raises
    ------
    NanochartError
        A run cannot be read, runs do not belong together, or nothing is left.
    """
    if not 0 <= discard < 1:
        raise NanochartError(f"discard: {discard:g} must be a share of the run, from 0 to below 1")
    if len(surface) > 2 or bins < 2:
        raise NanochartError("surface: give one or two variables, and at least 2 bins")
    if not output.absolute().parent.is_dir():
        raise NanochartError(f"{output}: its folder does not exist; make it first")
    found = [_read(path, discard) for path in runs]
    _check(found)
    kt = BOLTZMANN * found[0].plan.temperature
    exponents = _exponents(found, by, kt)
    weights = weights_of(exponents)
    blocks = block_numbers([len(run) for run in found], n_blocks)
    numbers = np.concatenate([run.columns["family"] for run in found]).astype(np.int64)
    ids, cells = np.unique(numbers, return_inverse=True)
    told = estimate(cells, len(ids), weights, blocks, kt)
    rows = [
        (int(i), float(p), float(dp), float(f), float(df))
        for i, p, dp, f, df in zip(
            ids, told.share, told.share_error, told.free_energy, told.error, strict=True
        )
    ]
    rows.sort(key=lambda row: row[3])
    _write(output, ("family", "share", "share_error", "free_energy_eV", "error_eV"), rows)
    summary: dict[str, Any] = {
        "samples": len(weights),
        "effective_samples": round(effective_number(weights), 1),
        "temperature_K": found[0].plan.temperature,
        "weights": _way(found, by),
        "discarded": f"{discard:.0%} of each run",
        "blocks": f"{n_blocks} of each run",
        "output": str(output),
    }
    if surface:
        path = output.with_name(f"{output.stem}-surface.csv")
        _write_surface(path, found, surface, bins, weights, blocks, kt)
        summary["surface"] = str(path)
    return FreeEnergies(summary, rows)


def _read(path: Path, discard: float) -> _Run:
    """Return what a run wrote, without its transient."""
    record = beside(path, ".json")
    try:
        content = json.loads(record.read_text(encoding="utf-8"))
        plan = plan_from_json(content["more"]["plan"])
        names = tuple(content["more"]["begin"])
        chart = str(content["settings"]["chart"])
    except OSError as error:
        raise NanochartError(f"{record}: cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError):
        raise NanochartError(f"{record}: is no record of nanochart bias") from None
    columns, _ = read_table(beside(path, COLVAR))
    lacking = [name for name in (*plan.columns(names), "family") if name not in columns]
    if lacking:
        raise NanochartError(f"{beside(path, COLVAR)}: has no column {lacking[0]!r}")
    first = int(discard * len(columns["time"]))
    left = {name: column[first:] for name, column in columns.items()}
    if not len(left["time"]):
        raise NanochartError(f"{path}: no samples are left; discard less, or run longer")
    return _Run(path, plan, names, left, chart)


def _check(runs: Sequence[_Run]) -> None:
    """Refuse runs that do not belong together, or were never near equilibrium."""
    if not runs:
        raise NanochartError("free energy: give at least one trajectory of nanochart bias")
    first = runs[0]
    for run in runs:
        if (run.chart, run.plan.temperature, run.names) != (
            first.chart,
            first.plan.temperature,
            first.names,
        ):
            raise NanochartError(
                f"{run.path}: is of another chart or temperature than {first.path}"
            )
        if any(one.to is not None for one in run.plan.restraints):
            raise NanochartError(
                f"{run.path}: was steered, which is no equilibrium: its work bounds a free energy "
                "(OUTPUT.COLVAR), but there are no weights"
            )
        if run.plan.metadynamics != first.plan.metadynamics:
            raise NanochartError(f"{run.path}: has other hills than {first.path}")


def _way(runs: Sequence[_Run], by: Way) -> str:
    if runs[0].plan.metadynamics is None:
        return "MBAR" if len(runs) > 1 else "exp(V/kT)"
    return "exp((V - c(t))/kT)" if by == "time" else "exp(V_end/kT)"


def _exponents(runs: Sequence[_Run], by: Way, kt: float) -> Array:
    """Return the logarithms of the weights of all samples, run after run."""
    metad = runs[0].plan.metadynamics
    if metad is None:
        return _joined(runs, kt)
    parts = []
    if by == "final":
        hills = Hills.joined([read_hills(beside(run.path, HILLS), metad) for run in runs])
        grid = hills.onto(metad.empty_grid(), metad.bias_factor)
    for run in runs:
        springs = Springs(run.plan.restraints, run.plan.walls, run.names)
        at_rest = springs.energy_of(run.values(run.names))
        if by == "final":
            by_hills = grid.many(run.values(metad.variables))
        else:
            by_hills = run.columns["metad.bias"] - run.columns["metad.rct"]
        parts.append((at_rest + by_hills) / kt)
    return np.concatenate(parts)


def _joined(runs: Sequence[_Run], kt: float) -> Array:
    """Return the logarithms of the weights of windows joined by MBAR."""
    values = np.concatenate([run.values(run.names) for run in runs])
    reduced = np.stack(
        [
            Springs(run.plan.restraints, run.plan.walls, run.names).energy_of(values) / kt
            for run in runs
        ]
    )
    return mbar(reduced, np.array([len(run) for run in runs]))[1]


def _write_surface(
    path: Path,
    runs: Sequence[_Run],
    names: Sequence[str],
    bins: int,
    weights: Array,
    blocks: NDArray[np.int64],
    kt: float,
) -> None:
    """Write a surface as CSV: middles of the bins, F and its error; empty bins are left out."""
    unknown = [name for name in names if name not in runs[0].names]
    if unknown:
        raise NanochartError(
            f"surface: there is no variable {unknown[0]!r}; there are {', '.join(runs[0].names)}"
        )
    values = np.concatenate([run.values(names) for run in runs])
    edges = [np.linspace(column.min(), column.max(), bins + 1) for column in values.T]
    found = estimate(cells_of(values, edges), bins ** len(names), weights, blocks, kt)
    middles = np.meshgrid(*(0.5 * (own[1:] + own[:-1]) for own in edges), indexing="ij")
    rows = [
        (
            *(float(axis.flat[i]) for axis in middles),
            float(found.free_energy[i]),
            float(found.error[i]),
        )
        for i in np.flatnonzero(found.share > 0)
    ]
    _write(path, (*names, "free_energy_eV", "error_eV"), rows)


def _write(path: Path, header: Sequence[str], rows: Sequence[Sequence[float]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([[f"{x:.6g}" if isinstance(x, float) else x for x in row] for row in rows])
    write_text(path, text.getvalue())
