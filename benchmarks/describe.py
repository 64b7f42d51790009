"""How fast structures are put into words, and how steady the words are.

    python benchmarks/describe.py FOLDER

FOLDER holds au90.npz, au147.npz, ag147.npz and cu147.npz, each with positions (n, n_atoms, 3) times
scale in Å. Prints what it finds and writes results/describe.json beside this script. A structure
is quenched; its name is compared with that at a cutoff 3 % shorter and longer, and after a shake of
0.03 Å (normal, every coordinate).
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections import Counter
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from class_rule import SYSTEMS, cpu_name

from nanochart.parallel import available_cores
from nanochart.sampling.rgl import nearest_neighbour_distance
from nanochart.structure.classes import CLASS_NAMES, cluster_class
from nanochart.structure.cna import (
    environments_of,
    five_fold_axes,
    neighbour_cutoff,
    signatures,
)
from nanochart.structure.defects import find_defects
from nanochart.structure.description import Classification, describe_positions
from nanochart.structure.words import MACRO_FAMILIES, describe

#: Structures drawn from each file for the steadiness of names.
SAMPLE = 4000
#: Structures of the whole-job timing: those of the largest system, again and again.
WHOLE_JOB = 100_000
#: Structures and repeats of the timing of single steps.
STEP_SAMPLE, STEP_REPEATS = 1000, 5
SHAKE = 0.03  # Å


def read(path: Path, rows: np.ndarray | None = None) -> np.ndarray:
    """Return positions (n, n_atoms, 3) in Å."""
    with np.load(path) as data:
        positions = data["positions"] if rows is None else data["positions"][rows]
        return positions * float(data["scale"])


def draw(path: Path, n: int) -> np.ndarray:
    """Return n structures drawn at random."""
    with np.load(path) as data:
        total = len(data["energy"])
    rows = np.random.default_rng(0).choice(total, min(n, total), replace=False)
    return read(path, np.sort(rows))


def steadiness(positions: np.ndarray, cutoff: float) -> dict[str, Any]:
    """Return what the names are, and the share of them that small changes leave as they are."""
    threads = available_cores()
    found = describe_positions(positions, cutoff, threads=threads)
    shaken = positions + np.random.default_rng(1).normal(0.0, SHAKE, positions.shape)
    others = {
        "cutoff_minus_3_percent": describe_positions(positions, 0.97 * cutoff, threads=threads),
        "cutoff_plus_3_percent": describe_positions(positions, 1.03 * cutoff, threads=threads),
        "shaken_0.03_angstrom": describe_positions(shaken, cutoff, threads=threads),
    }
    return {
        "structures": len(positions),
        "macro_families": {
            name: int(np.sum(found.macro_families == name)) for name in MACRO_FAMILIES
        },
        "different_names": len(set(found.names.tolist())),
        "commonest_names": dict(Counter(found.names.tolist()).most_common(12)),
        "unchanged": {name: unchanged(found, other) for name, other in others.items()},
    }


def unchanged(found: Classification, other: Classification) -> dict[str, float]:
    """Return the share of equal names, by class, and of equal macro-families."""
    same = found.names == other.names
    by_class = {
        name: round(float(same[found.codes == code].mean()), 4)
        for code, name in enumerate(CLASS_NAMES)
        if (found.codes == code).any()
    }
    groups = float(np.mean(found.macro_families == other.macro_families))
    return {"all": round(float(same.mean()), 4), **by_class, "macro_family": round(groups, 4)}


def step_times(positions: np.ndarray, cutoff: float) -> dict[str, float]:
    """Return the best time of each step on one thread, in µs a structure."""
    times: dict[str, list[float]] = {}

    def timed(name: str, work: Callable[..., Any], *arguments: Any) -> Any:
        begun = time.perf_counter()
        result = work(*arguments)
        times.setdefault(name, []).append(1e6 * (time.perf_counter() - begun) / len(positions))
        return result

    for _ in range(STEP_REPEATS):
        bonds = timed("signatures", signatures, positions, cutoff)
        codes = timed("environments", environments_of, bonds)
        n_axes = timed("five-fold axes", five_fold_axes, bonds, codes)
        classes = timed("class", cluster_class, codes, n_axes)
        defects = timed("defects", find_defects, positions, bonds, codes)
        timed("words", describe, defects, classes, positions.shape[1])
        timed("**all, as users call it**", describe_positions, positions, cutoff)
    return {name: round(min(taken), 2) for name, taken in times.items()}


def whole_job(positions: np.ndarray, cutoff: float) -> dict[str, Any]:
    """Return how long 100,000 structures take on all cores."""
    repeated = np.resize(positions, (WHOLE_JOB, *positions.shape[1:]))
    begun = time.perf_counter()
    describe_positions(repeated, cutoff, threads=available_cores())
    seconds = time.perf_counter() - begun
    return {
        "structures": WHOLE_JOB,
        "distinct": len(positions),
        "threads": available_cores(),
        "seconds": round(seconds, 2),
    }


def main() -> None:
    """Measure, print and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the .npz files are")
    folder = parser.parse_args().folder
    samples: dict[str, Any] = {}
    for name, (species, _) in SYSTEMS.items():
        cutoff = neighbour_cutoff(nearest_neighbour_distance(species))
        samples[name] = steadiness(draw(folder / f"{name}.npz", SAMPLE), cutoff)
        print(f"{name}: {json.dumps(samples[name], indent=1)}")
    cutoff = neighbour_cutoff(nearest_neighbour_distance("Au"))
    steps = step_times(draw(folder / "au147.npz", STEP_SAMPLE), cutoff)
    job = whole_job(read(folder / "au147.npz"), cutoff)
    print(f"µs a 147-atom structure, one thread: {steps}\n{job}")
    result = {
        "command": "python benchmarks/describe.py FOLDER",
        "cpu": cpu_name(),
        "versions": {
            "python": platform.python_version(),
            **{package: version(package) for package in ("nanochart", "numpy", "numba")},
        },
        "microseconds_of_147_atoms_one_thread": {"structures": STEP_SAMPLE, **steps},
        "whole_job": job,
        "samples": samples,
    }
    target = Path(__file__).parent / "results" / "describe.json"
    target.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
