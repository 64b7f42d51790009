"""Time per structure of our RDF, of scikit-learn's KernelDensity, and of the distances alone.

    python benchmarks/rdf.py

All on one thread in one process, in turns; the smallest of several times counts. Prints a table
and writes benchmarks/results/rdf.json.
"""

from __future__ import annotations

import json
import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"))

import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
from scipy.spatial.distance import pdist
from sklearn.neighbors import KernelDensity

from nanochart.descriptor.rdf import BANDWIDTH, PAPER_GRID, RadialBasis, rdf, rdf_of_positions

RESULTS = Path(__file__).parent / "results" / "rdf.json"
STRUCTURES = 200
ROUNDS = 15
ROUNDS_OF_PEER = 3


def shaken_fcc(n_atoms: int, n_structures: int) -> np.ndarray:
    """Return balls of fcc gold, shaken: (n_structures, n_atoms, 3), Å."""
    rng = np.random.default_rng(0)
    steps = np.arange(-6, 7)
    sites = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    sites = sites[sites.sum(axis=1) % 2 == 0] * 4.07 / 2
    ball = sites[np.argsort(np.linalg.norm(sites - 0.3, axis=1))[:n_atoms]]
    return ball + rng.uniform(-0.15, 0.15, (n_structures, n_atoms, 3))


def seconds(work: Callable[[], object]) -> float:
    """Return how long one call takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def measure(n_atoms: int) -> dict[str, float]:
    """Return microseconds per structure of each way, and the largest difference to the peer."""
    positions = shaken_fcc(n_atoms, STRUCTURES)
    basis, points = RadialBasis(), PAPER_GRID.points[:, None]

    def peer() -> np.ndarray:
        density = KernelDensity(bandwidth=BANDWIDTH).fit(pdist(positions[0])[:, None])
        return np.exp(density.score_samples(points))

    ways: dict[str, Callable[[], object]] = {
        "rdf, positions checked before": lambda: rdf_of_positions(positions, basis),
        "rdf, with its checks": lambda: rdf(positions),
        "distances alone (scipy pdist)": lambda: [pdist(one) for one in positions],
    }
    difference = float(np.abs(rdf_of_positions(positions, basis)[0] - peer()).max())
    best = dict.fromkeys(ways, np.inf)
    for _ in range(ROUNDS):
        for name, work in ways.items():
            best[name] = min(best[name], seconds(work) / STRUCTURES * 1e6)
    best["sklearn KernelDensity"] = min(seconds(peer) for _ in range(ROUNDS_OF_PEER)) * 1e6
    best["largest difference to sklearn, 1/Å"] = difference
    return best


def cpu_model() -> str:
    """Return the name of this machine's processor."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def main() -> None:
    """Measure, print, write."""
    results = {f"{n_atoms} atoms": measure(n_atoms) for n_atoms in (90, 147)}
    for size, best in results.items():
        ours = best["rdf, positions checked before"]
        print(f"{size}: per structure, 500 bins")
        for name, value in best.items():
            if not name.startswith("largest"):
                print(f"  {name:32s} {value:12.1f} µs   {value / ours:10.2f} × ours")
        print(
            f"  largest difference to sklearn: {best['largest difference to sklearn, 1/Å']:.1e} /Å"
        )
    packages = ("numpy", "scipy", "numba", "scikit-learn")
    RESULTS.parent.mkdir(exist_ok=True)
    record = {
        "command": "python benchmarks/rdf.py",
        "unit": "microseconds per structure, smallest of several",
        "structures": STRUCTURES,
        "rounds": {"ours and pdist": ROUNDS, "sklearn (one structure)": ROUNDS_OF_PEER},
        "threads": 1,
        "cpu": cpu_model(),
        "python": sys.version.split()[0],
        "versions": {name: version(name) for name in packages},
        "results": results,
    }
    RESULTS.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
