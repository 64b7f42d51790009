"""Heat capacities and melting temperatures of PTMD: of runs of ours, and of data from other starts.

    python benchmarks/melting.py --runs RUN... --data DATA.npz...

RUN is a run folder of the paper's ladder, also one at work; quenched and classified, it has
classes, too. DATA has hot configurations of a system from a run that began otherwise:
``temperature``, ``snapshot``, ``hot_positions`` times ``scale`` in Å, ``hot_index``; their energies
are computed here. What both say of one temperature is compared. Adds a record per system to
results/melting.json beside this script, and keeps the other half of a record that is there.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from machine import cpu_model

from nanochart.files import write_text
from nanochart.landscape import open_landscape
from nanochart.sampling.rgl import PARAMETER_SETS
from nanochart.sampling.rgl_energies import rgl_energies
from nanochart.sampling.statistics import blocks_of, thermodynamics
from nanochart.workflow.config import RunFile, parse_run_file, read_run_file
from nanochart.workflow.provenance import versions
from nanochart.workflow.statistics import run_statistics

RESULT = Path(__file__).parent / "results" / "melting.json"
#: Published melting temperatures, K (Settem et al., J. Chem. Phys. 159, 094303 (2023)).
PUBLISHED = {"Au90": 420, "Au147": 505, "Ag147": 651, "Cu147": 779}
#: Of the data, the share of their time that is discarded at the beginning.
DISCARDED = 0.25


def of_run(folder: Path) -> dict[str, Any]:
    """Return what `nanochart statistics` says of a run, and how it was made."""
    where = str(folder / "run.toml")
    file = parse_run_file(read_run_file(folder / "run.toml"), where=where)
    found = run_statistics(folder)
    sampling = file.sampling
    return {
        "starts": sampling.starts,
        "seed": sampling.seed,
        "steps_per_cycle": sampling.steps_per_cycle,
        "burn_in_cycles": sampling.burn_in,
        **found,
        "highest_heat_capacity_of_halves": peaks_of_halves(folder, file),
        **made_by(),
    }


def energies_of(folder: Path, n_temperatures: int) -> np.ndarray:
    """Return the energies of a run's snapshots, (n_cycles, n_temperatures)."""
    snapshots = open_landscape(folder)["snapshots"]
    n_cycles = snapshots.committed // n_temperatures
    energies = snapshots.read("energy", 0, n_cycles * n_temperatures).astype(np.float64)
    return np.asarray(energies.reshape(n_cycles, n_temperatures))


def peaks_of_halves(folder: Path, file: RunFile) -> list[float | None]:
    """Return where the heat capacity is highest by either half of a run alone, K.

    None: at an end of the ladder.
    """
    ladder = np.asarray(file.sampling.temperatures, dtype=np.float64)
    peaks = [
        thermodynamics(half, ladder, file.system.n_atoms, n_samples=0).melting_temperature
        for half in np.array_split(energies_of(folder, len(ladder)), 2)
    ]
    return [one if np.isfinite(one) else None for one in peaks]


def of_data(path: Path) -> dict[str, Any]:
    """Return mean energies and the heat capacity of hot configurations in a file."""
    with np.load(path) as data:
        rows = data["hot_index"]
        temperatures, snapshots = data["temperature"][rows], data["snapshot"][rows]
        positions = data["hot_positions"] * float(data["scale"])
    species = system_of(path).rstrip("0123456789")
    ladder, places = np.unique(temperatures, return_inverse=True)
    cycles, times = np.unique(snapshots, return_inverse=True)
    table = np.full((len(cycles), len(ladder)), np.nan)
    table[times, places] = rgl_energies(positions, PARAMETER_SETS[species])
    table = table[int(DISCARDED * len(cycles)) :]
    found = thermodynamics(table, ladder.astype(np.float64), positions.shape[1])
    return {
        "file": path.name,
        "starts": "motifs",
        "snapshots_per_temperature": len(table),
        "temperatures": ladder.tolist(),
        "mean_energy": table.mean(axis=0).tolist(),
        "mean_energy_error": block_errors(table).tolist(),
        "melting_temperature": found.melting_temperature,
        "melting_error": found.melting_error,
        "reweighted": {
            "temperatures": found.heat_capacity.temperatures.tolist(),
            "heat_capacity": found.heat_capacity.values.tolist(),
            "heat_capacity_error": found.heat_capacity.errors.tolist(),
        },
        **made_by(),
    }


def made_by() -> dict[str, Any]:
    """Return on what a record was made: records of other calls are kept."""
    return {"cpu": cpu_model(), "versions": versions()}


def system_of(path: Path) -> str:
    """Return the system that a file or folder is named after, such as Au147."""
    return path.stem.split("-")[0].capitalize()


def block_errors(table: np.ndarray, n_blocks: int = 10) -> np.ndarray:
    """Return the standard errors of the columns' means, from blocks of time."""
    means = np.array([table[block].mean(axis=0) for block in blocks_of(len(table), n_blocks)])
    return np.asarray(means.std(axis=0, ddof=1) / np.sqrt(len(means)))


def compared(folder: Path, data: dict[str, Any]) -> list[dict[str, float]]:
    """Return both mean energies at each temperature, and their difference in joint errors."""
    ladder = np.array(data["temperatures"])
    ours = parse_run_file(read_run_file(folder / "run.toml"), where=str(folder)).sampling
    if not np.array_equal(ladder, ours.temperatures):
        raise SystemExit(f"{folder} has another ladder than {data['file']}")
    energies = energies_of(folder, len(ladder))
    columns = {
        "temperature_K": ladder,
        "run_eV": energies.mean(axis=0),
        "run_error_eV": block_errors(energies),
        "data_eV": np.array(data["mean_energy"]),
        "data_error_eV": np.array(data["mean_energy_error"]),
    }
    joint = np.hypot(columns["run_error_eV"], columns["data_error_eV"])
    columns["difference_in_errors"] = (columns["run_eV"] - columns["data_eV"]) / joint
    return [
        {name: float(column[i]) for name, column in columns.items()} for i in range(len(ladder))
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, nargs="*", default=[])
    parser.add_argument("--data", type=Path, nargs="*", default=[])
    given = parser.parse_args()
    systems = json.loads(RESULT.read_text())["systems"] if RESULT.exists() else {}
    for path in given.data:
        one = systems.setdefault(system_of(path), {})
        one["data"] = of_data(path)
    for folder in given.runs:
        one = systems.setdefault(system_of(folder), {})
        one["run"] = of_run(folder)
        if "data" in one:
            one["mean_energies"] = compared(folder, one["data"])
    for system, one in systems.items():
        one["published_melting_K"] = PUBLISHED.get(system)
        told = {
            kind: (one[kind].get("melting_temperature"), one[kind].get("melting_error"))
            for kind in ("run", "data")
            if kind in one
        }
        print(system, one["published_melting_K"], told, flush=True)
    record = {
        "command": "python benchmarks/melting.py --runs RUN... --data DATA.npz...",
        "systems": systems,
    }
    write_text(RESULT, json.dumps(record, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
