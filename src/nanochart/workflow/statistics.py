"""What the snapshots of a run are worth, as tables: also of a run that is still going on."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanochart.errors import NanochartError
from nanochart.files import write_text
from nanochart.landscape import Group, Landscape, open_landscape
from nanochart.sampling.heat_capacity import heat_capacity
from nanochart.sampling.statistics import (
    N_SAMPLES,
    Curve,
    Thermodynamics,
    halves_differ,
    inefficiency,
    poor_pairs,
    populations,
    suggested_ladder,
    thermodynamics,
)
from nanochart.structure.classes import CLASS_NAMES
from nanochart.workflow.config import RunFile, parse_run_file, read_run_file
from nanochart.workflow.exchange import Exchange, exchange_of

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def run_statistics(
    folder: Path,
    *,
    temperatures: Sequence[float] = (),
    rungs: int | None = None,
    output: Path | None = None,
) -> dict[str, Any]:
    """Return the statistics of a run's snapshots, as JSON values, and write their tables.

    Parameters
    ----------
    folder
        Run folder; only what is committed is read, so it may be at work.
    temperatures
        K, where MBAR is asked; by default 100 along the ladder.
    rungs
        Temperatures of the suggested ladder; by default as many as there are.
    output
        Folder for CSV tables; none are written without.

    Raises
    ------
    NanochartError
        Not a run folder, or no snapshots yet.
    """
    text = read_run_file(folder / "run.toml")
    file = parse_run_file(text, where=str(folder / "run.toml"))
    landscape = open_landscape(folder)
    snapshots = landscape["snapshots"]
    ladder = np.asarray(file.sampling.temperatures, dtype=np.float64)
    n_cycles = snapshots.committed // len(ladder)
    if n_cycles < 2:
        raise NanochartError(f"{folder}: holds {n_cycles} cycles after the burn-in; sample first")
    energies = _by_cycle(snapshots, "energy", n_cycles, ladder)
    groups = _groups(landscape, n_cycles, ladder)
    result = {
        "system": file.name,
        "cycles": n_cycles,
        "ns_per_replica": n_cycles * _cycle_ns(file),
        "temperatures": ladder.tolist(),
    }
    exchange = exchange_of(snapshots, len(ladder))
    result["exchange"] = _exchange(exchange, ladder, _cycle_ns(file))
    result["cautions"] = [] if exchange.caution is None else [exchange.caution]
    if (swaps := _species_swaps(snapshots)) is not None:
        result["species_swaps"] = swaps
    result["populations"] = _sampled_populations(groups, ladder)
    if np.isfinite(energies).all():
        result |= _by_energy(energies, ladder, file, groups, temperatures, rungs)
        if result.get("bootstrap_samples", N_SAMPLES) < N_SAMPLES:
            result["cautions"].append(_few_samples(result["bootstrap_samples"]))
    else:
        result["missing"] = (
            "the energies of the hot snapshots are not known (an imported run): no heat capacity, "
            "no reweighting, no suggested ladder"
        )
    if output is not None:
        _write_tables(result, output)
        result["output"] = str(output)
    return result


def _by_energy(
    energies: Floats,
    ladder: Floats,
    file: RunFile,
    groups: dict[str, tuple[Integers, Sequence[str]]],
    temperatures: Sequence[float],
    rungs: int | None,
) -> dict[str, Any]:
    """Return everything that needs potential energies."""
    n_cycles, n_atoms = len(energies), file.system.n_atoms
    places = np.tile(np.arange(len(ladder)), n_cycles)
    sampled = heat_capacity(energies.ravel(), places, ladder, n_atoms)
    result: dict[str, Any] = {
        "sampled": {
            "mean_energy": energies.mean(axis=0).tolist(),
            "heat_capacity": sampled.values.tolist(),
            "heat_capacity_error": sampled.errors.tolist(),
            "inefficiency": [inefficiency(column) for column in energies.T],
        }
    }
    wanted = np.sort(np.asarray(temperatures, dtype=np.float64)) if temperatures else None
    try:
        found = thermodynamics(
            energies,
            ladder,
            n_atoms,
            temperatures=wanted,
            groups={kind: (codes, len(names)) for kind, (codes, names) in groups.items()},
        )
    except NanochartError as error:
        if temperatures:
            raise
        return {**result, "missing": str(error)}
    result["reweighted"] = _reweighted(found, {kind: names for kind, (_, names) in groups.items()})
    result["bootstrap_samples"] = found.n_samples
    if np.isfinite(found.melting_temperature):
        result["melting_temperature"] = found.melting_temperature
        result["melting_error"] = found.melting_error
    if len(ladder) > 1:
        better, share = suggested_ladder(
            found.solved, float(ladder[0]), float(ladder[-1]), n_temperatures=rungs or len(ladder)
        )
        result["suggested_ladder"] = {
            "temperatures": [round(float(t), 1) for t in better],
            "acceptance": share,
        }
    return result


def _few_samples(n: int) -> str:
    return (
        f"in {N_SAMPLES - n} of {N_SAMPLES} bootstrap samples nothing connects two neighbouring "
        "temperatures; errors are given where nine in ten are left. Sample longer, or put "
        "temperatures between"
    )


def _reweighted(found: Thermodynamics, names: dict[str, Sequence[str]]) -> dict[str, Any]:
    """Return the curves of MBAR as JSON values."""
    heat, mean = found.heat_capacity, found.mean_energy
    told: dict[str, Any] = {
        "temperatures": heat.temperatures.tolist(),
        "mean_energy": mean.values.tolist(),
        "mean_energy_error": mean.errors.tolist(),
        "heat_capacity": heat.values.tolist(),
        "heat_capacity_error": heat.errors.tolist(),
    }
    return told | {kind: _shares(curve, names[kind]) for kind, curve in found.populations.items()}


def _sampled_populations(
    groups: dict[str, tuple[Integers, Sequence[str]]], ladder: Floats
) -> dict[str, Any]:
    """Return the share of every class and family at the temperatures of the ladder."""
    told = {}
    for kind, (codes, names) in groups.items():
        found = populations(codes, ladder, len(names))
        halves = halves_differ(codes, len(names))
        told[kind] = {
            name: {**shares, "halves_differ": halves[:, i].tolist()}
            for i, (name, shares) in enumerate(_shares(found, names).items())
        }
    return told


def _shares(curve: Curve, names: Sequence[str]) -> dict[str, dict[str, list[float]]]:
    return {
        name: {"share": curve.values[:, i].tolist(), "error": curve.errors[:, i].tolist()}
        for i, name in enumerate(names)
    }


def _exchange(found: Exchange, ladder: Floats, cycle_ns: float) -> dict[str, Any]:
    """Return what swaps do: acceptance of every pair, round trips."""
    none = np.zeros(0, dtype=np.int64)
    attempted, accepted, trips = none, none, found.trips
    if found.attempted is not None and found.accepted is not None and trips is not None:
        attempted, accepted = found.attempted, found.accepted
    return {
        "attempted": attempted.tolist(),
        "accepted": accepted.tolist(),
        "acceptance": (accepted / np.maximum(attempted, 1)).tolist(),
        "round_trips": None if trips is None else trips.n_trips,
        "replicas_with_round_trips": 0 if trips is None else trips.walked,
        "round_trip_ns": trips.time * cycle_ns if trips is not None and trips.n_trips else None,
        "poor_pairs": poor_pairs(attempted, accepted, ladder),
    }


def _species_swaps(snapshots: Group) -> dict[str, Any] | None:
    """Return how many unlike atoms changed places at each temperature, if any were asked to."""
    attempted = np.asarray(snapshots.attributes.get("species_attempts", []), dtype=np.int64)
    if not attempted.any():
        return None
    accepted = np.asarray(snapshots.attributes["species_accepts"], dtype=np.int64)
    return {
        "attempted": attempted.tolist(),
        "accepted": accepted.tolist(),
        "acceptance": (accepted / np.maximum(attempted, 1)).tolist(),
    }


def _groups(
    landscape: Landscape, n_cycles: int, ladder: Floats
) -> dict[str, tuple[Integers, Sequence[str]]]:
    """Return classes and families of all snapshots, (n_cycles, n_temperatures), where known."""
    found: dict[str, tuple[Integers, Sequence[str]]] = {}
    rows = n_cycles * len(ladder)
    if "classes" in landscape and landscape["classes"].committed >= rows:
        codes = _by_cycle(landscape["classes"], "cluster_class", n_cycles, ladder)
        found["class"] = codes, CLASS_NAMES
    if "chart" in landscape and landscape["chart"].committed >= rows:
        codes = _by_cycle(landscape["chart"], "family", n_cycles, ladder)
        ids = np.unique(codes[codes >= 0])
        place = np.full(int(ids.max(initial=0)) + 2, -1)
        place[ids] = np.arange(len(ids))
        found["family"] = place[codes], [f"family {one}" for one in ids]
    return found


def _by_cycle(group: Group, name: str, n_cycles: int, ladder: Floats) -> NDArray[Any]:
    """Return a variable as (n_cycles, n_temperatures): rows are written cycle by cycle."""
    values = group.read(name, 0, n_cycles * len(ladder)).reshape(n_cycles, len(ladder))
    return values.astype(np.float64 if values.dtype.kind == "f" else np.int64)


def _cycle_ns(file: RunFile) -> float:
    return file.sampling.steps_per_cycle * file.sampling.timestep * 1e-6


def _write_tables(result: dict[str, Any], output: Path) -> None:
    """Write every table of the result as CSV."""
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NanochartError(f"{output}: cannot be made ({error.strerror})") from None
    ladder = result["temperatures"]
    for kind, told in result["populations"].items():
        _write_shares(output / f"populations-{kind}.csv", kind, ladder, told)
    exchange = result["exchange"]
    if exchange["attempted"]:
        pairs = zip(
            ladder[:-1], ladder[1:], exchange["attempted"], exchange["accepted"], strict=True
        )
        pair_header = ("colder_K", "hotter_K", "attempted", "accepted")
        _write_csv(output / "exchange.csv", pair_header, pairs)
    for name in ("sampled", "reweighted"):
        if name in result:
            columns = {k: v for k, v in result[name].items() if isinstance(v, list)}
            columns = {"temperatures": ladder, **columns}
            _write_csv(output / f"{name}.csv", tuple(columns), zip(*columns.values(), strict=True))
    curves = result.get("reweighted", {})
    for kind in result["populations"]:
        if kind in curves:
            _write_shares(
                output / f"reweighted-{kind}.csv", kind, curves["temperatures"], curves[kind]
            )


def _write_shares(
    path: Path, kind: str, temperatures: Sequence[float], told: dict[str, dict[str, list[float]]]
) -> None:
    """Write shares of groups and what goes with each, a row a temperature and group."""
    columns = list(next(iter(told.values()), {}))
    rows = (
        (t, name, *(one[column][i] for column in columns))
        for name, one in told.items()
        for i, t in enumerate(temperatures)
    )
    _write_csv(path, ("temperature_K", kind, *columns), rows)


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(
        [f"{cell:.8g}" if isinstance(cell, float) else cell for cell in row] for row in rows
    )
    write_text(path, text.getvalue())
