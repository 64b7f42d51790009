"""What a bias costs: MD of Au147 with and without, side by side, and where the time goes.

    python benchmarks/bias.py [--steps 2000] [--rounds 5] [--chart au147-thermal]

One icosahedron at 350 K: unbiased; with an empty Python callback in every step, which is LAMMPS'
own share; steered in three CVs by impulses every 1, 2 and 5 steps; metadynamics in two CVs with
500 hills. Ways take turns; of each the smallest of the rounds, in wall time and in processor time,
which other programs disturb less. Prints a table and writes benchmarks/results/bias.json.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
from machine import cpu_model

from nanochart.bias.force import BiasForce, BiasPlan
from nanochart.bias.metadynamics import Metadynamics
from nanochart.bias.restraints import Restraint, Wall
from nanochart.bias.variables import ChartVariables, extent
from nanochart.chart.chart import load_chart
from nanochart.sampling.lammps import Engine, ExternalForce
from nanochart.sampling.rgl import rgl
from nanochart.sampling.seeds import seed_clusters

RESULTS = Path(__file__).parent / "results" / "bias.json"
KELVIN, TIMESTEP, STEPS_PER_FRAME = 350.0, 5.0, 200
WALLS = (Wall("upper", "rg", 7.0, 100.0),)
STRIDES = (1, 2, 5)


def steered(stride: int) -> BiasPlan:
    """Return the plan of a steered run in three CVs."""
    pull = Restraint(
        "steer", ("cv1", "cv2", "cv3"), (2.0, 16.0, 11.0), (0.1,) * 3, (8.0, 9.0, -11.0), 0.0, 1e4
    )
    return BiasPlan(KELVIN, TIMESTEP, stride, 40, (pull,), WALLS)


def metadynamics(stride: int) -> BiasPlan:
    """Return the plan of metadynamics in two CVs."""
    metad = Metadynamics(("cv1", "cv2"), (0.75, 0.75), 0.03, 200, 20.0, (-40.0,) * 2, (60.0,) * 2)
    return BiasPlan(KELVIN, TIMESTEP, stride, 40, (), WALLS, metad)


def nothing(positions: np.ndarray) -> tuple[float, np.ndarray]:
    """Return no force: what the callback itself costs."""
    return 0.0, np.zeros_like(positions)


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chart", default="au147-thermal")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    chart = load_chart(options.chart)
    engine = Engine(rgl(chart.species), chart.n_atoms, timestep=TIMESTEP)
    start = seed_clusters(engine, motifs=("Ih",))[0].positions
    velocities = engine.thermal_velocities(KELVIN, np.random.default_rng(0))
    gradient = chart.gradient()
    variables = ChartVariables(gradient)
    grid = metadynamics(1).metadynamics.empty_grid()
    rng = np.random.default_rng(1)
    for centre in rng.normal((2.0, 16.0), 3.0, (500, 2)):
        grid.add(centre, np.array([0.75, 0.75]), 0.01)

    def run(force: Callable[[], ExternalForce] | None, stride: int) -> tuple[float, float]:
        external = None if force is None else force()
        wall, cpu = time.perf_counter(), time.process_time()
        engine.trajectory(
            start,
            velocities,
            temperature=KELVIN,
            n_frames=options.steps // STEPS_PER_FRAME,
            steps_per_frame=STEPS_PER_FRAME,
            damping=1.0,
            seed=1,
            external=external,
            stride=stride,
        )
        per_step = 1e3 / options.steps
        return (time.perf_counter() - wall) * per_step, (time.process_time() - cpu) * per_step

    ways: dict[str, tuple[Callable[[], ExternalForce] | None, int]] = {
        "unbiased": (None, 1),
        "empty callback, every step": (lambda: nothing, 1),
    }
    for k in STRIDES:
        plan, hills = steered(k), metadynamics(k)
        ways[f"steered, every {k} steps"] = (lambda p=plan: BiasForce(variables, p, None), k)
        ways[f"metadynamics, every {k} steps"] = (
            lambda p=hills: BiasForce(variables, p, grid.copy()),
            k,
        )
    for force, k in ways.values():
        run(force, k)  # compiles, loads
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(options.rounds):
        for name, (force, k) in ways.items():
            times[name].append(run(force, k))
    results = {
        name: {
            "ms a step, wall": min(wall for wall, _ in rounds),
            "ms a step, processor": min(cpu for _, cpu in rounds),
            "all rounds, wall": [round(wall, 5) for wall, _ in rounds],
        }
        for name, rounds in times.items()
    }
    for one in results.values():
        one["times unbiased, wall"] = (
            one["ms a step, wall"] / results["unbiased"]["ms a step, wall"]
        )
        one["times unbiased, processor"] = (
            one["ms a step, processor"] / results["unbiased"]["ms a step, processor"]
        )
    parts = {name: least(one) for name, one in pieces(gradient, variables, start, grid).items()}
    for name, one in results.items():
        print(
            f"{name:32} {one['ms a step, processor']:.4f} ms of the processor a step, "
            f"{one['times unbiased, processor']:.2f} times (wall {one['ms a step, wall']:.4f}, "
            f"{one['times unbiased, wall']:.2f})"
        )
    for name, ms in parts.items():
        print(f"  of a call: {name:30} {ms:.4f} ms")
    record = {
        "command": f"python benchmarks/bias.py --chart {options.chart} --steps {options.steps} "
        f"--rounds {options.rounds}",
        "atoms": chart.n_atoms,
        "network": chart.model.kind,
        "results": results,
        "parts of a call, ms of the processor": parts,
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "load average at the end": os.getloadavg()[0],
        "threads": 1,
        "python": sys.version.split()[0],
        "versions": {name: version(name) for name in ("numpy", "numba", "torch", "lammps")},
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")


def pieces(gradient, variables, start: np.ndarray, grid) -> dict[str, Callable[[], object]]:
    """Return what a call of the bias is made of, as calls."""
    weights = np.array([0.1, -0.2, 0.3])
    _, pull = gradient.at(start)
    force = BiasForce(variables, steered(1), None)
    return {
        "all of it (steered)": lambda: force(start),
        "RDF and encoder, there": lambda: gradient.at(start),
        "encoder and RDF, back": lambda: pull(weights),
        "size of the cluster": lambda: extent(start),
        "hills on their grid": lambda: grid.at(np.array([2.0, 16.0])),
    }


def least(call: Callable[[], object], n: int = 200, rounds: int = 7) -> float:
    """Return the smallest mean processor time of a call over some rounds, ms."""
    call()
    found = []
    for _ in range(rounds):
        began = time.process_time()
        for _ in range(n):
            call()
        found.append((time.process_time() - began) / n * 1e3)
    return min(found)


if __name__ == "__main__":
    main()
