"""What ``nanochart free-energy`` does: biased runs into free energies of families and surfaces.

All weights come from what the runs wrote down: COLVAR, HILLS, and the bias in the record.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nanochart.bias.force import BiasPlan, plan_from_json
from nanochart.bias.free_energy import (
    block_numbers,
    cells_of,
    crossings,
    difference,
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
from nanochart.structure.classes import CLASS_NAMES
from nanochart.units import BOLTZMANN
from nanochart.workflow.bias_start import COLVAR, HILLS
from nanochart.workflow.course import Course, read_courses
from nanochart.workflow.trajectory import beside

Array = NDArray[np.float64]
Way = Literal["time", "final"]

#: Times of a frame and of a row of COLVAR are one if they differ by less, ps.
_SAME_TIME = 1e-3


@dataclass(frozen=True)
class _Run:
    """A biased run as it was written: its bias, and columns after the transient.

    ``states`` (n_samples,) the family of each sample, or the code of its minimum's class.
    """

    path: Path
    plan: BiasPlan
    names: tuple[str, ...]
    columns: dict[str, Array]
    chart: str
    states: NDArray[np.int64]

    def values(self, names: Sequence[str]) -> Array:
        """Return variables (n_samples, n_variables)."""
        return np.column_stack([self.columns[name] for name in names])

    def __len__(self) -> int:
        return len(self.columns["time"])


@dataclass(frozen=True)
class FreeEnergies:
    """What is told: a summary; rows of states: name, share, its error, F and its error, eV.

    ``kind`` says what the states are: families, named by their numbers, or classes.
    """

    summary: dict[str, Any]
    kind: str
    states: list[tuple[str, float, float, float, float]]


def free_energies(
    runs: Sequence[Path],
    output: Path,
    *,
    discard: float = 0.2,
    until: float = 1.0,
    by: Way = "time",
    surface: Sequence[str] = (),
    bins: int = 40,
    n_blocks: int = 5,
    minima: Path | None = None,
    between: tuple[str, str] | None = None,
) -> FreeEnergies:
    """Return the free energies of families or classes, and write them, and a surface, as CSV.

    Parameters
    ----------
    runs
        Trajectories of ``nanochart bias``: one or several walkers of one metadynamics, or windows
        held by restraints at rest, which are joined by MBAR.
    output
        CSV of the states; the surface goes to ``NAME-surface.csv``.
    discard
        Share of each run at its beginning that is left out.
    until
        Share of each run at which it ends, for one half against the other.
    by
        Of metadynamics: ``"time"``, the bias of the moment less c(t), or ``"final"``, that of the
        end.
    surface
        One or two variables to make a surface in.
    bins
        Of each of them.
    n_blocks
        Of time, of each run, for the errors.
    minima
        Table of ``nanochart project`` with the runs' frames, quenched: the states are the classes
        of these minima, and no others of the samples count. Else they are the families whose
        centres are nearest to the hot samples.
    between
        Two states whose difference, and the crossings between them, are told.

    Raises
    ------
    NanochartError
        A run cannot be read, runs do not belong together, or nothing is left.
    """
    if not 0 <= discard < 1:
        raise NanochartError(f"discard: {discard:g} must be a share of the run, from 0 to below 1")
    if not discard < until <= 1:
        raise NanochartError(f"until: {until:g} must be a share of the run, above {discard:g} to 1")
    if len(surface) > 2 or bins < 2:
        raise NanochartError("surface: give one or two variables, and at least 2 bins")
    if not output.absolute().parent.is_dir():
        raise NanochartError(f"{output}: its folder does not exist; make it first")
    found = [_read(path, discard, until) for path in runs]
    _check(found)
    if minima is not None:
        courses = read_courses(minima)
        found = [_as_minima(run, courses, minima) for run in found]
    kind = "family" if minima is None else "class"
    kt = BOLTZMANN * found[0].plan.temperature
    exponents = _exponents(found, by, kt)
    weights = weights_of(exponents)
    blocks = block_numbers([len(run) for run in found], n_blocks)
    ids, cells = np.unique(np.concatenate([run.states for run in found]), return_inverse=True)
    names = [str(i) if minima is None else CLASS_NAMES[i] for i in ids.tolist()]
    told = estimate(cells, len(ids), weights, blocks, kt)
    rows = [
        (name, float(p), float(dp), float(f), float(df))
        for name, p, dp, f, df in zip(
            names, told.share, told.share_error, told.free_energy, told.error, strict=True
        )
    ]
    rows.sort(key=lambda row: row[3])
    _write(output, (kind, "share", "share_error", "free_energy_eV", "error_eV"), rows)
    summary: dict[str, Any] = {
        "samples": len(weights),
        "effective_samples": round(effective_number(weights), 1),
        "temperature_K": found[0].plan.temperature,
        "weights": _way(found, by),
        "discarded": f"{discard:.0%} of each run",
        **({"until": f"{until:.0%} of each run"} if until < 1 else {}),
        "blocks": f"{n_blocks} of each run",
        "output": str(output),
    }
    if between is not None:
        first, second = (_place(one, names, kind) for one in between)
        free, error = difference(first, second, told, kt)
        times = [crossings(run.states, int(ids[first]), int(ids[second])) for run in found]
        summary["difference"] = f"F({between[1]}) - F({between[0]})"
        summary["difference_eV"] = round(free, 4)
        summary["difference_error_eV"] = round(error, 4) if np.isfinite(error) else None
        summary["crossings"] = sum(times)
        summary["round_trips"] = sum(n // 2 for n in times)
    if surface:
        path = output.with_name(f"{output.stem}-surface.csv")
        _write_surface(path, found, surface, bins, weights, blocks, kt)
        summary["surface"] = str(path)
    return FreeEnergies(summary, kind, rows)


def _read(path: Path, discard: float, until: float) -> _Run:
    """Return what a run wrote, without its transient, up to a share of it."""
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
    first, last = (int(share * len(columns["time"])) for share in (discard, until))
    left = {name: column[first:last] for name, column in columns.items()}
    if not len(left["time"]):
        raise NanochartError(f"{path}: no samples are left; discard less, or run longer")
    return _Run(path, plan, names, left, chart, left["family"].astype(np.int64))


def _as_minima(run: _Run, courses: Sequence[Course], table: Path) -> _Run:
    """Return the samples of a run whose minima a table knows, with the classes of these."""
    own = [one for one in courses if Path(one.name).name == run.path.name]
    if len(own) != 1 or own[0].classes is None or not own[0].timed:
        raise NanochartError(
            f"{table}: knows no classes of {run.path.name}, or no times; make it with "
            f"`nanochart project CHART {run.path}`, of all runs and with a chart of minima"
        )
    times, classes = own[0].times, own[0].classes
    rows = np.searchsorted(run.columns["time"], times - _SAME_TIME)
    known = (rows < len(run)) & (classes >= 0)
    known[known] &= np.abs(run.columns["time"][rows[known]] - times[known]) < _SAME_TIME
    if not known.any():
        raise NanochartError(f"{table}: has no frame of {run.path.name} that is also in COLVAR")
    columns = {name: column[rows[known]] for name, column in run.columns.items()}
    return replace(run, columns=columns, states=classes[known])


def _place(state: str, names: Sequence[str], kind: str) -> int:
    """Return where a state is among those that were seen."""
    known = {name.lower(): i for i, name in enumerate(names)}
    if state.lower() not in known:
        raise NanochartError(
            f"between: there is no {kind} {state!r} in these runs; there are {', '.join(names)}"
        )
    return known[state.lower()]


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


def _write(path: Path, header: Sequence[str], rows: Sequence[Sequence[float | str]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([[f"{x:.6g}" if isinstance(x, float) else x for x in row] for row in rows])
    write_text(path, text.getvalue())
