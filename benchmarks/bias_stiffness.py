"""How stiff a spring on a CV may be: ω Δt of a harmonic spring on hot configurations of a cluster.

    python benchmarks/bias_stiffness.py au147-hot.npz [--chart au147-thermal]

A spring κ on a CV q has ω² = κ Σ |∇q|²/m; impulses Δt apart need ω Δt < 2. The file
holds minima (``positions``, ``scale``, ``temperature``), hot configurations (``hot_positions``) and
which minimum each was quenched to (``hot_index``), whose class is told. The quantiles of ω Δt for
κ = 1 eV and Δt = 25 fs go to benchmarks/results/bias_stiffness.json.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from ase.data import atomic_masses, atomic_numbers

import nanochart as nc
from nanochart.structure.classes import CLASS_NAMES
from nanochart.workflow.provenance import cpu_name, versions

RESULTS = Path(__file__).parent / "results" / "bias_stiffness.json"
#: eV in amu Å²/ps²; the time between impulses, ps.
EV, IMPULSE = 9648.533, 0.025
COLDEST, HOTTEST, MOST = 430.0, 460.0, 40


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--chart", default="au147-thermal")
    options = parser.parse_args()
    chart = nc.load_chart(options.chart)
    mass = float(atomic_masses[atomic_numbers[chart.species]])
    data = np.load(options.data)
    rows = data["hot_index"]
    kelvin = data["temperature"][rows]
    warm = np.flatnonzero((kelvin > COLDEST) & (kelvin < HOTTEST))
    minima = data["positions"][rows[warm]] * float(data["scale"])
    classes = nc.classify(minima, species=chart.species).cluster_class
    found = {}
    for name in CLASS_NAMES:
        own = warm[classes == name][:MOST]
        if not len(own):
            continue
        _, slopes = chart.jacobian(data["hot_positions"][own] * float(data["scale"]))
        steps = np.sqrt((slopes**2).sum(axis=(2, 3)) * EV / mass) * IMPULSE
        found[name] = {
            "configurations": len(own),
            **{f"{q:.0%}": np.quantile(steps, q, axis=0).round(3).tolist() for q in (0.5, 0.95)},
        }
        print(name, found[name])
    content = {
        "command": f"python {Path(__file__).name} {options.data.name} --chart {options.chart}",
        "temperature, K": [COLDEST, HOTTEST],
        "omega dt of each CV, for 1 eV and 25 fs": found,
        "cpu": cpu_name(),
        "versions": versions(),
    }
    RESULTS.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
