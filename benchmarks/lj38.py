"""LJ38's double funnel: what two PTMD runs from its two ends say, and what harmonic wells say.

    python benchmarks/lj38.py FCC_RUN IH_RUN

Every snapshot of both runs is quenched and told in words; a structure belongs to the fcc funnel or
to the icosahedral one by its macro-family. Written to benchmarks/results/lj38.json: heat capacity,
populations with errors, halves and round trips of each run, how far the two runs agree, and the
harmonic superposition of the minima that were seen (an independent estimate of the free-energy
difference of the funnels, which needs no run to cross between them).
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
from nanochart.progress import silent
from nanochart.sampling.lammps import BOLTZMANN, Engine
from nanochart.sampling.potentials import reduced_temperature
from nanochart.sampling.statistics import halves_differ, populations
from nanochart.structure.cutoffs import neighbour_cutoff
from nanochart.structure.description import describe_positions
from nanochart.workflow.config import parse_run_file, read_run_file
from nanochart.workflow.provenance import cpu_name, versions
from nanochart.workflow.run import open_run
from nanochart.workflow.stages import STAGES
from nanochart.workflow.statistics import run_statistics

Array = NDArray[np.float64]
RESULTS = Path(__file__).parent / "results" / "lj38.json"
#: Macro-families of each funnel; whatever else a quench finds is "other", the liquid's minima.
FUNNELS = {"fcc": ("fcc", "faulted fcc", "faulted hcp"), "icosahedral": ("Ih",)}
NAMES = (*FUNNELS, "other")
#: Minima whose energies differ by less are one, in epsilon.
SAME = 1e-4
#: Minima above this energy (in epsilon) have no weight where the funnels compete.
HIGHEST = -171.0


def read(folder: Path) -> dict[str, Any]:
    """Return what a run holds: quenched and told in words, which is done where it is lacking."""
    text = read_run_file(folder / "run.toml")
    file = parse_run_file(text, where=str(folder))
    with open_run(folder, file, text, STAGES) as run:
        for name in ("quench", "classify"):
            if not run.is_finished(name):
                run.do(name, silent)
    potential = file.make_potential()
    quenched = open_landscape(folder)["quenched"]
    positions = quenched.read("positions").astype(np.float64)
    told = describe_positions(positions, neighbour_cutoff(potential.r0))
    funnel = np.full(len(positions), len(FUNNELS))
    for i, words in enumerate(FUNNELS.values()):
        funnel[np.isin(told.macro_families, words)] = i
    epsilon = float(file.potential.epsilon or 0.0)
    return {
        "folder": folder,
        "file": file,
        "potential": potential,
        "epsilon": epsilon,
        "funnel": funnel,
        "classes": told.cluster_class,
        "positions": positions,
        "energies": quenched.read("energy") / epsilon,
    }


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
    walkers = open_landscape(run["folder"])["snapshots"].read("walker").reshape(-1, n_rungs)
    funnel = run["funnel"].reshape(-1, n_rungs)
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


def minima_of(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the low minima of both runs, each once, with what harmonic wells need."""
    energies = np.concatenate([run["energies"] for run in runs])
    positions = np.concatenate([run["positions"] for run in runs])
    funnel = np.concatenate([run["funnel"] for run in runs])
    engine = Engine(runs[0]["potential"], positions.shape[1])
    found: list[dict[str, Any]] = []
    last = -np.inf
    for i in np.argsort(energies):
        if energies[i] > HIGHEST:
            break
        if energies[i] - last < 10 * SAME:
            continue
        minimum = engine.quench(positions[i], force_tolerance=1e-9)
        energy = minimum.energy / runs[0]["epsilon"]
        if found and abs(energy - found[-1]["energy"]) < SAME:
            continue
        last = energies[i]
        eigenvalues = np.linalg.eigvalsh(_hessian(engine, minimum.positions))
        if (eigenvalues[6:] <= 1e-6).any():
            continue  # a saddle, or a flat valley
        inertia = np.linalg.eigvalsh(_inertia(minimum.positions))
        found.append(
            {
                "energy": energy,
                "funnel": NAMES[funnel[i]],
                "order": point_group_order(minimum.positions),
                "log_vibrations": float(0.5 * np.log(eigenvalues[6:]).sum()),
                "log_rotation": float(0.5 * np.log(inertia).sum()),
            }
        )
    return found


def _hessian(engine: Engine, positions: Array, step: float = 1e-4) -> Array:
    """Return second derivatives (3n, 3n), eV/Å², by central differences of the forces."""
    n = positions.size
    found = np.empty((n, n))
    for k in range(n):
        moved = np.array([positions, positions])
        moved.reshape(2, n)[:, k] += [step, -step]
        ahead, behind = (engine.energy_and_forces(one)[1].ravel() for one in moved)
        found[k] = (behind - ahead) / (2 * step)
    symmetric: Array = 0.5 * (found + found.T)
    return symmetric


def _inertia(positions: Array) -> Array:
    x = positions - positions.mean(axis=0)
    tensor: Array = (x**2).sum() * np.eye(3) - x.T @ x
    return tensor


def point_group_order(positions: Array, tolerance: float = 0.02) -> int:
    """Return how many rotations and reflections map a structure (n, 3) Å onto itself."""
    x = positions - positions.mean(axis=0)
    radii = np.linalg.norm(x, axis=1)
    # Three atoms that span space, of the shells with the fewest members.
    rare = np.argsort([(np.abs(radii - r) < tolerance).sum() for r in radii], kind="stable")
    rare = rare[radii[rare] > 0.5]
    basis = next(
        [rare[0], j, k] for j in rare for k in rare if abs(np.linalg.det(x[[rare[0], j, k]])) > 1.0
    )
    inverse = np.linalg.inv(x[basis])
    gram = x[basis] @ x[basis].T
    images = [np.flatnonzero(np.abs(radii - radii[b]) < tolerance) for b in basis]
    order = 0
    for a in images[0]:
        for b in images[1]:
            if abs(x[a] @ x[b] - gram[0, 1]) > 10 * tolerance:
                continue
            for c in images[2]:
                turned = inverse @ x[[a, b, c]]
                if np.abs(turned @ turned.T - np.eye(3)).max() > 0.05:
                    continue
                apart = np.linalg.norm((x @ turned)[:, None] - x[None], axis=2).min(axis=1)
                order += bool(apart.max() < 10 * tolerance)
    return order


def superposition(minima: list[dict[str, Any]]) -> dict[str, Any]:
    """Return F(fcc) − F(icosahedral) of harmonic wells against T*, and where it vanishes."""
    grid = np.linspace(0.05, 0.20, 151)

    def log_weight(name: str, reduced: float) -> float:
        logs = [
            np.log(2 / one["order"])
            - (one["energy"] - minima[0]["energy"]) / reduced
            - one["log_vibrations"]
            + one["log_rotation"]
            for one in minima
            if one["funnel"] == name
        ]
        return float(np.logaddexp.reduce(logs))

    difference = np.array(
        [-t * (log_weight("fcc", t) - log_weight("icosahedral", t)) for t in grid]
    )
    change = np.flatnonzero(np.diff(np.sign(difference)))
    return {
        "minima": {name: sum(one["funnel"] == name for one in minima) for name in NAMES},
        "below_epsilon": HIGHEST,
        "lowest": [one for one in minima if one["funnel"] != "other"][:12],
        "T*": grid.tolist(),
        "F_fcc_less_F_icosahedral_epsilon": difference.tolist(),
        "vanishes_at_T*": [float(grid[i]) for i in change],
    }


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
        "harmonic": superposition(minima_of(runs)),
    }
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    harmonic = found["harmonic"]
    print(f"harmonic: {harmonic['minima']}, F vanishes at T* = {harmonic['vanishes_at_T*']}")
    for run in told:
        print(run["starts"], run["cycles"], run["maxima"], run["crossings"])


if __name__ == "__main__":
    main()
