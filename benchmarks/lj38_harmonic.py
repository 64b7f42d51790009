"""LJ38's two funnels as harmonic wells: an estimate that needs no run to cross between them.

    python benchmarks/lj38_harmonic.py RUN [RUN ...]

The low minima that runs were quenched to (as benchmarks/lj38.py reads them), each once, with
vibrations, rotation and the order of the point group: the classical harmonic superposition (Wales,
Mol. Phys. 78, 151 (1993)). Written to benchmarks/results/lj38_harmonic.json. Minima that no run saw
are missing, so the wider funnel is underrated.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from lj38 import NAMES, Array, read

from nanochart.sampling.lammps import Engine
from nanochart.workflow.provenance import cpu_name, versions

RESULTS = Path(__file__).parent / "results" / "lj38_harmonic.json"
#: Minima whose energies differ by less are one, in epsilon.
SAME = 1e-4
#: Minima above this energy (in epsilon) have no weight where the funnels compete.
HIGHEST = -171.0


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
    """Read the runs, superpose, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+")
    runs = [read(folder) for folder in parser.parse_args().runs]
    found = {
        "command": "python benchmarks/lj38_harmonic.py lj38-fcc lj38-ih",
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "threads": 1,
        "versions": versions(),
        "snapshots": sum(len(run["energies"]) for run in runs),
        **superposition(minima_of(runs)),
    }
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    print(f"{found['minima']}, F vanishes at T* = {found['vanishes_at_T*']}")


if __name__ == "__main__":
    main()
