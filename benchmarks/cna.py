"""Time per structure of our common neighbour analysis, and of OVITO's, called from Python.

    python benchmarks/cna.py [STRUCTURES.npz]

The file holds positions (n, n_atoms, 3) of gold clusters, in Å after multiplication by its scale if
there is one. Without it the quenched structures of the small landscape that ships are taken, again
and again. All ways take the same 1,000 structures, in turns in one process, on one thread if not
said otherwise; the smallest and the median of several times are kept. Then the growth with the
number of atoms, on balls of shaken fcc. Prints tables and writes benchmarks/results/cna.json.
"""

from __future__ import annotations

import json
import os

os.environ["OVITO_THREAD_COUNT"] = "1"

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from machine import cpu_model
from ovito.data import DataCollection
from ovito.modifiers import CommonNeighborAnalysisModifier

from nanochart.landscape import open_landscape
from nanochart.sampling.rgl import nearest_neighbour_distance
from nanochart.structure.classes import cluster_class
from nanochart.structure.cna import (
    Environment,
    PairCutoffs,
    adaptive_cutoff,
    environments_and_axes,
    environments_of,
    five_fold_axes,
    neighbour_cutoff,
    signatures,
)
from nanochart.structure.neighbours import CELLS_FROM

RESULTS = Path(__file__).parent / "results" / "cna.json"
STRUCTURES = 1000
ROUNDS = 60
ROUNDS_OF_PEER = 6
THREADS = 2
SIZES = (147, 500, CELLS_FROM - 1, CELLS_FROM, 2000, 5000, 20000)  # atoms
LATTICE = nearest_neighbour_distance("Au") * np.sqrt(2.0)  # Å
OURS = "environments, axes and class"
PEER = "OVITO, fixed cutoff"


def structures_of(path: Path | None) -> np.ndarray:
    """Return 1,000 structures spread over the file or the landscape that ships, Å."""
    if path is None:
        group = open_landscape("au90-small")["quenched"]
        positions = group.read("positions").astype(np.float64)
    else:
        with np.load(path) as data:
            positions = data["positions"] * float(data.get("scale", 1.0))
    rows = np.arange(STRUCTURES) * len(positions) // STRUCTURES
    return np.ascontiguousarray(positions[rows])


def ball(n_atoms: int, n_structures: int) -> np.ndarray:
    """Return balls of fcc gold, shaken and shuffled: (n_structures, n_atoms, 3), Å."""
    rng = np.random.default_rng(0)
    steps = np.arange(-25, 26)
    sites = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    sites = sites[sites.sum(axis=1) % 2 == 0] * LATTICE / 2.0
    nearest = np.argsort(np.linalg.norm(sites - 0.3, axis=1), kind="stable")[:n_atoms]
    shaken = sites[rng.permutation(nearest)] + rng.normal(0.0, 0.1, (n_structures, n_atoms, 3))
    return shaken


def ovito_types(positions: np.ndarray, cutoff: float) -> np.ndarray:
    """Return OVITO's structure type of every atom: (n_structures, n_atoms)."""
    modifier = CommonNeighborAnalysisModifier(
        mode=CommonNeighborAnalysisModifier.Mode.FixedCutoff, cutoff=cutoff
    )
    cell = np.zeros((3, 4))
    np.fill_diagonal(cell, 2.0 * np.abs(positions).max() + 10.0)
    found = np.empty(positions.shape[:2], dtype=np.int64)
    for one, types in zip(positions, found, strict=True):
        collection = DataCollection()
        collection.create_particles(count=len(one))
        collection.particles_.create_property("Position", data=one)
        collection.create_cell(cell, pbc=(False, False, False))
        collection.apply(modifier)
        types[:] = collection.particles["Structure Type"]
    return found


def seconds(work: Callable[[], object]) -> float:
    """Return how long one call takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def spread(work: Callable[[np.ndarray], object], positions: np.ndarray) -> None:
    """Do the work on equal parts of the structures, one thread each."""
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, np.array_split(positions, THREADS)))


def classes(positions: np.ndarray, cutoff: float) -> np.ndarray:
    """Return class codes."""
    return cluster_class(*environments_and_axes(positions, cutoff))


def by_bonds(positions: np.ndarray, cutoff: float) -> np.ndarray:
    """Return class codes, with the list of all bonds on the way."""
    bonds = signatures(positions, cutoff)
    codes = environments_of(bonds)
    return cluster_class(codes, five_fold_axes(bonds, codes))


def ways(positions: np.ndarray, cutoff: float) -> dict[str, Callable[[], object]]:
    """Return what is timed, by name."""
    of_two = PairCutoffs(np.arange(positions.shape[1]) % 2, np.full((2, 2), cutoff))
    return {
        OURS: lambda: classes(positions, cutoff),
        "environments and axes": lambda: environments_and_axes(positions, cutoff),
        "signatures": lambda: signatures(positions, cutoff),
        "signatures, environments, axes and class": lambda: by_bonds(positions, cutoff),
        "adaptive cutoff": lambda: adaptive_cutoff(positions),
        "environments and axes, cutoffs of 2 elements": lambda: environments_and_axes(
            positions, of_two
        ),
        f"{OURS}, {THREADS} threads": lambda: spread(lambda p: classes(p, cutoff), positions),
        f"signatures, {THREADS} threads": lambda: spread(
            lambda p: signatures(p, cutoff), positions
        ),
        PEER: lambda: ovito_types(positions, cutoff),
    }


def agreement(positions: np.ndarray, cutoff: float) -> dict[str, int]:
    """Return how many atoms there are, and at how many of them the two disagree."""
    codes, types = environments_and_axes(positions, cutoff)[0], ovito_types(positions, cutoff)
    kinds = CommonNeighborAnalysisModifier.Type
    pairs = (
        (Environment.FCC, kinds.FCC),
        (Environment.HCP, kinds.HCP),
        (Environment.ICOSAHEDRON_CENTRE, kinds.ICO),
    )
    differ = sum(int(np.sum((codes == ours) != (types == int(theirs)))) for ours, theirs in pairs)
    return {
        "atoms": int(codes.size),
        **{ours.label: int(np.sum(codes == ours)) for ours, _ in pairs},
        "differences": differ,
    }


def compare(positions: np.ndarray, cutoff: float) -> dict[str, dict[str, float]]:
    """Return microseconds per structure of each way, and how much longer than ours it takes."""
    times: dict[str, list[float]] = {}
    all_ways = ways(positions, cutoff)
    for work in all_ways.values():  # compiled, and the threads warm, before the clock starts
        work()
    for turn in range(ROUNDS):
        for name, work in all_ways.items():
            if name != PEER or turn < ROUNDS_OF_PEER:
                taken = seconds(work) / len(positions) * 1e6
                times.setdefault(name, []).append(taken)
    return {
        name: {
            "smallest": round(min(taken), 2),
            "median": round(statistics.median(taken), 2),
            "times_ours": round(min(taken) / min(times[OURS]), 2),
        }
        for name, taken in times.items()
    }


def growth(cutoff: float) -> dict[str, dict[str, float]]:
    """Return nanoseconds per atom of balls of different sizes, the smallest of several."""
    works = {"environments and axes": environments_and_axes, "signatures": signatures}
    balls = [ball(n_atoms, max(2, 40000 // n_atoms)) for n_atoms in SIZES]
    found = {str(n_atoms): dict.fromkeys(works, np.inf) for n_atoms in SIZES}
    for _ in range(ROUNDS):
        for positions, row in zip(balls, found.values(), strict=True):
            for name, work in works.items():
                taken = seconds(partial(work, positions, cutoff)) / positions[..., 0].size * 1e9
                row[name] = min(row[name], round(taken, 1))
    return found


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, nargs="?", help="an .npz file of gold clusters")
    path = parser.parse_args().file
    positions = structures_of(path)
    cutoff = neighbour_cutoff(nearest_neighbour_distance("Au"))
    n_atoms = positions.shape[1]
    result: dict[str, Any] = {
        "per_structure": compare(positions, cutoff),
        "compared_with_ovito": agreement(positions, cutoff),
        "nanoseconds_per_atom": growth(cutoff),
    }
    print(f"{STRUCTURES} structures of {n_atoms} atoms: µs per structure, smallest (median)")
    for name, row in result["per_structure"].items():
        print(
            f"  {name:46s} {row['smallest']:9.2f} ({row['median']:9.2f})"
            f"  {row['times_ours']:7.2f} × ours"
        )
    print(f"  {result['compared_with_ovito']}")
    for size, times in result["nanoseconds_per_atom"].items():
        print(f"  {size:>6s} atoms: ns per atom {times}")
    RESULTS.parent.mkdir(exist_ok=True)
    record = {
        "command": "python benchmarks/cna.py" + (" STRUCTURES.npz" if path else ""),
        "unit": "microseconds per structure",
        "structures": STRUCTURES,
        "atoms": n_atoms,
        "source": f"{path.name}, quenched snapshots" if path else "au90-small, as it ships",
        "rounds": {"ours": ROUNDS, "OVITO": ROUNDS_OF_PEER},
        "threads": f"1, or {THREADS} where the name says so",
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "python": sys.version.split()[0],
        "versions": {name: version(name) for name in ("numpy", "numba", "llvmlite", "ovito")},
        "results": result,
    }
    RESULTS.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
