"""Is energy conserved under a bias on a CV? Through the distilled encoder, and through the paper's.

    python benchmarks/nve.py CHART STRUCTURES.npz [--ps 50] [--timestep 5] [--precision ...]

MD at constant energy of one gold cluster: RGL forces by LAMMPS and a harmonic bias on the first CV
by ``fix external``, one spread of the CV away from where the run starts. The same start without a
bias, and with the bias through each encoder that the chart has. The file holds quenched positions
(n, n_atoms, 3), Å after multiplication by its scale. Prints a table and writes
benchmarks/results/nve.json.

Drift is the slope of a straight line through the total energy after the first tenth, per atom;
the spread is the standard deviation about that line, of the whole cluster.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from machine import cpu_model

from nanochart.chart.chart import Chart, load_chart
from nanochart.sampling.lammps import Engine, ExternalForce
from nanochart.sampling.rgl import rgl
from nanochart.units import BOLTZMANN

RESULTS = Path(__file__).parent / "results" / "nve.json"
HEAT = 600.0  # K, of the first velocities: half of it stays
DEPTH = 0.5  # eV, the bias at the start
STEPS_PER_FRAME = 10
RUNS = {
    "no bias": None,
    "distilled, float32": ("distilled", "float32"),
    "trained, float32": ("trained", "float32"),
    "distilled, float64": ("distilled", "float64"),
    "trained, float64": ("trained", "float64"),
}


def bias(chart: Chart, encoder: str, precision: str, centre: float, stiffness: float):
    """Return energy and forces of ½ k (CV₁ − centre)², and the list of CVs it has seen."""
    gradient = chart.gradient(encoder=encoder, precision=precision)
    first = np.eye(chart.model.n_cvs)[0]
    seen: list[float] = []

    def force(positions: np.ndarray) -> tuple[float, np.ndarray]:
        cvs, slope = gradient.vjp(positions, first)
        away = cvs[0] - centre
        seen.append(float(cvs[0]))
        return 0.5 * stiffness * away**2, -stiffness * away * slope

    return force, seen


def conserve(
    engine: Engine, start: np.ndarray, force: ExternalForce | None, steps: int, timestep: float
) -> dict[str, float]:
    """Run, and return drift, spread and seconds."""
    velocities = engine.thermal_velocities(HEAT, np.random.default_rng(0))
    began = time.perf_counter()
    run = engine.trajectory(
        start,
        velocities,
        temperature=HEAT,
        n_frames=steps // STEPS_PER_FRAME,
        steps_per_frame=STEPS_PER_FRAME,
        damping=None,
        seed=1,
        external=force,
    )
    seconds = time.perf_counter() - began
    total = run.energies + run.external + 1.5 * len(start) * BOLTZMANN * run.temperatures
    times = np.arange(1, len(total) + 1) * STEPS_PER_FRAME * timestep * 1e-3  # ps
    total, times = total[len(total) // 10 :], times[len(times) // 10 :]
    slope, offset = np.polyfit(times, total, 1)
    return {
        "drift, meV/atom/ns": slope * 1e6 / len(start),
        "spread, meV": float(np.std(total - slope * times - offset)) * 1e3,
        "mean temperature, K": float(run.temperatures.mean()),
        "ms a step": seconds / steps * 1e3,
    }


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("chart", type=Path)
    parser.add_argument("structures", type=Path)
    parser.add_argument("--ps", type=float, default=50.0)
    parser.add_argument("--timestep", type=float, default=5.0)
    parser.add_argument("--precision", nargs="+", default=["float32", "float64"])
    options = parser.parse_args()
    chart = load_chart(options.chart)
    with np.load(options.structures) as data:
        scale = float(data.get("scale", 1.0))
        lowest = int(data["energy"].argmin())
        start = data["positions"][lowest] * scale
        some = data["positions"][:: max(1, len(data["positions"]) // 500)] * scale
    cvs = chart.transform(some)[:, 0]
    spread = float(cvs.std())
    stiffness = 2.0 * DEPTH / spread**2
    steps = round(options.ps * 1e3 / options.timestep)
    engine = Engine(rgl(chart.species), chart.n_atoms, timestep=options.timestep)
    results = {}
    for name, way in RUNS.items():
        force, seen = None, []
        if way is not None and (
            way[1] not in options.precision or (way[0] == "distilled" and chart.distilled is None)
        ):
            continue
        if way is not None:
            here = chart.gradient(encoder=way[0], precision=way[1]).jacobian(start)[0][0]
            force, seen = bias(chart, *way, here + spread, stiffness)
        results[name] = conserve(engine, start, force, steps, options.timestep)
        if seen:
            results[name] |= {"CV at first": seen[0], "CV, mean": float(np.mean(seen))}
        print(name, *(f"{key} {value:.4g}" for key, value in results[name].items()), sep="   ")
    record = {
        "command": f"python benchmarks/nve.py {options.chart.name} {options.structures.name} "
        f"--ps {options.ps:g} --timestep {options.timestep:g} "
        f"--precision {' '.join(options.precision)}",
        "atoms": chart.n_atoms,
        "start": f"row {lowest} of {options.structures.name}, its lowest in energy",
        "timestep, fs": options.timestep,
        "length, ps": options.ps,
        "first velocities, K": HEAT,
        "bias": {"stiffness, eV per CV²": stiffness, "CV away at the start": spread},
        "network": chart.model.kind,
        "distilled": None if chart.distilled is None else chart.distilled.as_json(),
        "results": results,
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "threads": 1,
        "python": sys.version.split()[0],
        "versions": {name: version(name) for name in ("numpy", "numba", "torch", "lammps")},
    }
    RESULTS.parent.mkdir(exist_ok=True)
    old = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    name = f"{chart.species}{chart.n_atoms}, {chart.model.kind} network, {options.timestep:g} fs"
    old[name] = record
    RESULTS.write_text(json.dumps(old, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
