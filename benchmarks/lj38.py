"""LJ38's double funnel: what two PTMD runs from its two ends say.

    python benchmarks/lj38.py FCC_RUN IH_RUN

Quenched snapshots are told in words, and a structure belongs to the fcc funnel or to the
icosahedral one by its macro-family. Only what is committed is read, so the runs, or their quenches,
may be at work. Written to benchmarks/results/lj38.json: heat capacity, populations with errors,
halves, round trips and crossings of each run, and how far the two runs agree.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanochart.landscape import open_landscape
from nanochart.sampling.potentials import reduced_temperature
from nanochart.sampling.statistics import halves_differ, populations
from nanochart.structure.cutoffs import neighbour_cutoff
from nanochart.structure.description import describe_positions
from nanochart.units import BOLTZMANN
from nanochart.workflow.config import parse_run_file, read_run_file
from nanochart.workflow.provenance import cpu_name, versions
from nanochart.workflow.statistics import run_statistics

Array = NDArray[np.float64]
RESULTS = Path(__file__).parent / "results" / "lj38.json"
#: Macro-families of each funnel; whatever else a quench finds is "other", the liquid's minima.
FUNNELS = {"fcc": ("fcc", "faulted fcc", "faulted hcp"), "icosahedral": ("Ih",)}
NAMES = (*FUNNELS, "other")


def read(folder: Path) -> dict[str, Any]:
    """Return what a run holds so far: whole cycles of quenched snapshots, told in words."""
    text = read_run_file(folder / "run.toml")
    file = parse_run_file(text, where=str(folder))
    potential = file.make_potential()
    quenched = open_landscape(folder)["quenched"]
    n_rungs = len(file.sampling.temperatures)
    rows = quenched.committed // n_rungs * n_rungs
    positions = quenched.read("positions", 0, rows).astype(np.float64)
    told = describe_positions(positions, neighbour_cutoff(potential.r0))
    funnel = funnels_of(told.macro_families)
    epsilon = float(file.potential.epsilon or 0.0)
    return {
        "folder": folder,
        "file": file,
        "potential": potential,
        "epsilon": epsilon,
        "funnel": funnel,
        "classes": told.cluster_class,
        "positions": positions,
        "energies": quenched.read("energy", 0, rows) / epsilon,
    }


def funnels_of(macro_families: NDArray[np.str_]) -> NDArray[np.int64]:
    """Return the place in `NAMES` of each structure, by its macro-family."""
    funnel = np.full(len(macro_families), len(FUNNELS))
    for i, words in enumerate(FUNNELS.values()):
        funnel[np.isin(macro_families, words)] = i
    return funnel


def statistics_of(run: dict[str, Any]) -> dict[str, Any]:
    """Return the statistics of a run, with the populations of the funnels."""
    ladder = np.asarray(run["file"].sampling.temperatures)
    by_cycle = run["funnel"].reshape(-1, len(ladder))
    shares = populations(by_cycle, ladder, len(NAMES))
    halves = halves_differ(by_cycle, len(NAMES))
    told = run_statistics(run["folder"])
    heat = told["reweighted"]
    kelvin, values = np.array(heat["temperatures"]), np.array(heat["heat_capacity"])
    inner = np.flatnonzero((values[1:-1] > values[:-2]) & (values[1:-1] >= values[2:])) + 1
    sampled = told["sampled"]
    return {
        "starts": run["file"].sampling.starts,
        "seed": run["file"].sampling.seed,
        "cycles": told["cycles"],
        "ns_per_replica": told["ns_per_replica"],
        "cycles_quenched": len(by_cycle),
        "exchange": told["exchange"],
        "mean_energy_epsilon": (np.array(sampled["mean_energy"]) / run["epsilon"]).tolist(),
        "inefficiency_cycles": sampled["inefficiency"],
        "energies_half_against_half_epsilon": _halves_of_energy(run).tolist(),
        "heat_capacity": {
            "T*": _reduced(kelvin, run).tolist(),
            "k_B an atom": values.tolist(),
            "error": heat["heat_capacity_error"],
        },
        "maxima": [
            {
                "T*": float(_reduced(kelvin[i : i + 1], run)[0]),
                "k_B an atom": float(values[i]),
                "error": heat["heat_capacity_error"][i],
            }
            for i in inner
        ],
        "highest_T*": _reduced_or_none(told.get("melting_temperature"), run),
        "highest_T*_error": _reduced_or_none(told.get("melting_error"), run),
        "funnels": {
            name: {
                "share": shares.values[:, i].tolist(),
                "error": shares.errors[:, i].tolist(),
                "halves_differ": halves[:, i].tolist(),
            }
            for i, name in enumerate(NAMES)
        },
        "classes_in_funnels": {
            name: _counts(run["classes"][run["funnel"] == i]) for i, name in enumerate(NAMES)
        },
        "crossings": _crossings(run),
    }


def _reduced(kelvin: Array, run: dict[str, Any]) -> Array:
    return np.array([reduced_temperature(float(one), run["epsilon"]) for one in kelvin])


def _reduced_or_none(kelvin: float | None, run: dict[str, Any]) -> float | None:
    return None if kelvin is None else reduced_temperature(kelvin, run["epsilon"])


def _halves_of_energy(run: dict[str, Any]) -> Array:
    """Return the mean potential energy of the second half less that of the first, epsilon."""
    n_rungs = len(run["file"].sampling.temperatures)
    hot = open_landscape(run["folder"])["snapshots"].read("energy").reshape(-1, n_rungs)
    half = (len(hot) + 1) // 2
    found: Array = (hot[half:].mean(axis=0) - hot[:half].mean(axis=0)) / run["epsilon"]
    return found


def _counts(names: NDArray[np.str_]) -> dict[str, int]:
    found, counts = np.unique(names, return_counts=True)
    return {str(name): int(n) for name, n in zip(found, counts, strict=True)}


def _crossings(run: dict[str, Any]) -> dict[str, int]:
    """Return how often replicas went from one funnel to the other, through whatever is between."""
    n_rungs = len(run["file"].sampling.temperatures)
    funnel = run["funnel"].reshape(-1, n_rungs)
    walkers = open_landscape(run["folder"])["snapshots"].read("walker", 0, funnel.size)
    walkers = walkers.reshape(-1, n_rungs)
    found = {"fcc to icosahedral": 0, "icosahedral to fcc": 0, "replicas melted": 0}
    for walker in range(n_rungs):
        path = funnel[walkers == walker]  # one row a cycle
        solid = path[path < len(FUNNELS)]
        found["fcc to icosahedral"] += int(((solid[:-1] == 0) & (solid[1:] == 1)).sum())
        found["icosahedral to fcc"] += int(((solid[:-1] == 1) & (solid[1:] == 0)).sum())
        found["replicas melted"] += int((path == len(FUNNELS)).any())
    return found


def agreement(one: dict[str, Any], other: dict[str, Any], runs: list[dict[str, Any]]) -> Any:
    """Return the differences of the runs at each temperature, in joint errors."""
    told = []
    ladder = _reduced(np.asarray(runs[0]["file"].sampling.temperatures), runs[0])
    for i, reduced in enumerate(ladder):
        row: dict[str, Any] = {"T*": float(reduced)}
        for name in NAMES:
            a, b = (run["funnels"][name] for run in (one, other))
            error = float(np.hypot(a["error"][i], b["error"][i]))
            row[name] = {"difference": a["share"][i] - b["share"][i], "joint_error": error}
        row["energy_difference_epsilon"] = (
            one["mean_energy_epsilon"][i] - other["mean_energy_epsilon"][i]
        )
        told.append(row)
    return told


def main() -> None:
    """Read both runs, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs=2)
    runs = [read(folder) for folder in parser.parse_args().runs]
    told = [statistics_of(run) for run in runs]
    ladder = np.asarray(runs[0]["file"].sampling.temperatures)
    found = {
        "command": "nanochart sample benchmarks/lj38.toml -o lj38-fcc; the same with starts = "
        '"Ih", seed = 2 -o lj38-ih; python benchmarks/lj38.py lj38-fcc lj38-ih',
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "threads": 1,
        "versions": versions(),
        "epsilon_eV": runs[0]["epsilon"],
        "kelvin_of_T*_1": runs[0]["epsilon"] / BOLTZMANN,
        "ladder_T*": _reduced(ladder, runs[0]).tolist(),
        "runs": {run["starts"]: run for run in told},
        "agreement": agreement(*told, runs),
    }
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    for run in told:
        print(run["starts"], run["cycles"], run["maxima"], run["crossings"])


if __name__ == "__main__":
    main()
