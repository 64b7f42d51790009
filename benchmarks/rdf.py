"""Time, error and memory of our RDF beside scikit-learn, a dense sum, and the distances alone.

    python benchmarks/rdf.py [STRUCTURES.npz ...]
    python benchmarks/rdf.py --memory

A file holds positions (n, n_atoms, 3) of gold clusters, in Å after multiplication by its scale if
there is one; without files, balls of shaken fcc of 90 and 147 atoms. All ways run in one process,
in turns, on one thread if not said otherwise; the smallest of several times counts. The error
against scikit-learn is in scaled units: of the range of each bin over the structures. Prints a
table and writes benchmarks/results/rdf.json.

With --memory a set of 147-atom clusters goes through the RDF again and again, in blocks whose
results are dropped, up to 100,000 and 1,000,000 frames, each in a process of its own that reports
its peak memory. Writes benchmarks/results/rdf_memory.json. --quick: few rounds, nothing written.
"""

from __future__ import annotations

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"))

import argparse
import json
import math
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numba
import numpy as np
import torch
from machine import cpu_model
from scipy.spatial.distance import pdist
from sklearn.neighbors import KernelDensity

from nanochart.descriptor.rdf import (
    BANDWIDTH,
    PAPER_GRID,
    WINDOWS,
    RadialBasis,
    rdf,
    rdf_of_positions,
)
from nanochart.descriptor.rdf_torch import TorchRdf, rdf_on_device
from nanochart.descriptor.scaling import MinMaxScaling

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("numpy", "scipy", "numba", "scikit-learn", "torch")
STRUCTURES = 200  # timed
SAMPLE = 1000  # whose range of each bin is the unit of the error
COMPARED = 25  # with scikit-learn
ROUNDS, ROUNDS_OF_PEER = 15, 3
THREADS = 2
FRAMES = (100_000, 1_000_000)
BLOCK = 4096  # frames at a time, and distinct ones, of --memory
OURS = "rdf, positions checked before"
PEER = "sklearn KernelDensity"
FLOOR = "distances alone (compiled loop)"


def shaken_fcc(n_atoms: int, n_structures: int) -> np.ndarray:
    """Return balls of fcc gold, shaken: (n_structures, n_atoms, 3), Å."""
    rng = np.random.default_rng(0)
    steps = np.arange(-6, 7)
    sites = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    sites = sites[sites.sum(axis=1) % 2 == 0] * 4.07 / 2
    ball = sites[np.argsort(np.linalg.norm(sites - 0.3, axis=1))[:n_atoms]]
    return ball + rng.uniform(-0.15, 0.15, (n_structures, n_atoms, 3))


def structures_of(path: Path) -> np.ndarray:
    """Return structures spread over a file: (SAMPLE, n_atoms, 3), Å."""
    with np.load(path) as data:
        positions, scale = data["positions"], float(data.get("scale", 1.0))
    return positions[np.arange(SAMPLE) * len(positions) // SAMPLE] * scale


@numba.njit(nogil=True, error_model="numpy")
def fill_distances(positions: np.ndarray, distances: np.ndarray) -> None:
    """Fill in the distances, (n_pairs,), of one structure after the other: the floor."""
    n_structures, n_atoms, _ = positions.shape
    x = np.empty((3, n_atoms))
    for s in range(n_structures):
        for i in range(n_atoms):
            x[0, i], x[1, i], x[2, i] = positions[s, i, 0], positions[s, i, 1], positions[s, i, 2]
        place = 0
        for i in range(1, n_atoms):
            row = distances[place : place + i]
            for j in range(i):
                dx, dy, dz = x[0, i] - x[0, j], x[1, i] - x[1, j], x[2, i] - x[2, j]
                row[j] = math.sqrt(dx * dx + dy * dy + dz * dz)
            place += i


def distances_alone(positions: np.ndarray, threads: int) -> None:
    """Compute all distances in some threads and forget them."""
    n_atoms = positions.shape[1]

    def fill(part: np.ndarray) -> None:
        fill_distances(part, np.empty(n_atoms * (n_atoms - 1) // 2))

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fill, np.array_split(positions, threads)))


def dense_sum(positions: torch.Tensor) -> torch.Tensor:
    """Return the RDF of one structure, (n_atoms, 3), as all pairs times all bins."""
    points = torch.from_numpy(PAPER_GRID.points).to(positions)
    distances = torch.pdist(positions)
    kernels = torch.exp(-0.5 * ((points[:, None] - distances) / BANDWIDTH) ** 2)
    return kernels.mean(dim=1) / (BANDWIDTH * math.sqrt(2.0 * math.pi))


def kernel_density(positions: np.ndarray) -> np.ndarray:
    """Return the RDF of one structure, (n_atoms, 3), as scikit-learn has it."""
    density = KernelDensity(bandwidth=BANDWIDTH).fit(pdist(positions)[:, None])
    return np.exp(density.score_samples(PAPER_GRID.points[:, None]))


def seconds(work: Callable[[], object]) -> float:
    """Return how long one call takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def measure(sample: np.ndarray, quick: bool) -> dict[str, float | None]:
    """Return microseconds per structure of each way, and our errors against scikit-learn."""
    positions = np.ascontiguousarray(sample[:STRUCTURES])
    tensor = torch.from_numpy(positions)
    basis = RadialBasis()
    module = TorchRdf(basis)
    ways: dict[str, tuple[int, Callable[[], object]]] = {
        OURS: (len(positions), lambda: rdf_of_positions(positions, basis)),
        "rdf, with its checks": (len(positions), lambda: rdf(positions)),
        f"rdf, {THREADS} threads": (
            len(positions),
            lambda: rdf_of_positions(positions, basis, threads=THREADS),
        ),
        FLOOR: (len(positions), lambda: distances_alone(positions, 1)),
        f"{FLOOR}, {THREADS} threads": (
            len(positions),
            lambda: distances_alone(positions, THREADS),
        ),
        "distances alone (scipy pdist)": (len(positions), lambda: [pdist(p) for p in positions]),
        "rdf in torch, CPU": (len(positions), lambda: module(tensor)),
    }
    cuda = "rdf in torch, CUDA (with transfers)"
    if torch.cuda.is_available():
        ways[cuda] = (len(sample), lambda: rdf_on_device(sample, basis, "cuda"))
    peers: dict[str, tuple[int, Callable[[], object]]] = {
        "dense sum in torch": (1, lambda: dense_sum(tensor[0].float())),
        PEER: (1, lambda: kernel_density(positions[0])),
    }
    best: dict[str, float | None] = {cuda: None}  # not measured
    for some, rounds in ((ways, ROUNDS), (peers, ROUNDS_OF_PEER)):
        times: dict[str, list[float]] = {name: [] for name in some}
        for _ in range(2 if quick else rounds + 1):
            for name, (number, work) in some.items():
                times[name].append(seconds(work) / number * 1e6)
        best.update({name: min(found[1:]) for name, found in times.items()})  # first: compilation
    return best | errors(sample, basis, 3 if quick else COMPARED)


def errors(sample: np.ndarray, basis: RadialBasis, compared: int) -> dict[str, float | None]:
    """Return our largest differences to scikit-learn, in 1/Å and of the range of each bin."""
    ours = rdf_of_positions(sample, basis)
    scaling = MinMaxScaling.fit(ours)
    rows = np.arange(compared) * len(sample) // compared
    theirs = np.stack([kernel_density(sample[row]) for row in rows])
    scaled = np.abs(scaling.transform(ours[rows]) - scaling.transform(theirs))
    window = WINDOWS.get(f"Au{sample.shape[1]}", (0, PAPER_GRID.n_bins))
    return {
        "largest difference to sklearn, 1/Å": float(np.abs(ours[rows] - theirs).max()),
        "largest difference to sklearn, scaled, window": float(scaled[:, slice(*window)].max()),
        "largest difference to sklearn, scaled, whole grid": float(scaled.max()),
    }


def print_table(size: str, best: dict[str, float | None]) -> None:
    """Print what was measured for clusters of one size."""
    ours = best[OURS]
    assert ours is not None
    print(f"{size}: per structure, 500 bins")
    for name, value in best.items():
        if name.startswith("largest"):
            print(f"  {name}: {value:.1e}")
        elif value is None:
            print(f"  {name:44s}   not measured")
        else:
            print(f"  {name:44s} {value:12.1f} µs   {value / ours:10.2f} × ours")


def stream(n_frames: int) -> dict[str, float]:
    """Send frames through the RDF, block by block; return time and this process's peak memory."""
    positions = shaken_fcc(147, BLOCK)
    basis = RadialBasis()
    rdf_of_positions(positions, basis, threads=THREADS)  # compiled, and the first block's memory
    before = peak_megabytes()
    started = time.perf_counter()
    for start in range(0, n_frames, BLOCK):
        rdf_of_positions(positions[: n_frames - start], basis, threads=THREADS)
    taken = time.perf_counter() - started
    return {
        "frames": n_frames,
        "frames per second": n_frames / taken,
        "peak after one block, MB": before,
        "peak, MB": peak_megabytes(),
    }


def peak_megabytes() -> float:
    """Return the most memory (resident, MB) that this process and its threads have held."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def write(name: str, record: dict[str, Any]) -> None:
    """Write a record and what it was measured on."""
    machine = {
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": sys.version.split()[0],
        "versions": {package: version(package) for package in PACKAGES},
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(record | machine, indent=1) + "\n")


def measure_memory(quick: bool) -> None:
    """Stream frames in a process for each number, print, write."""
    results = []
    for n_frames in (10_000, 20_000) if quick else FRAMES:
        command = [sys.executable, __file__, "--stream", str(n_frames)]
        results.append(json.loads(subprocess.check_output(command)))
        print("  ".join(f"{name}: {value:,.0f}" for name, value in results[-1].items()))
    if not quick:
        record = {
            "command": "python benchmarks/rdf.py --memory",
            "atoms": 147,
            "threads": THREADS,
            "source": f"{BLOCK} balls of shaken fcc, repeated; each block's result is dropped",
            "memory": "VmHWM of the process, which starts no other",
            "results": results,
        }
        write("rdf_memory", record)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("structures", nargs="*", type=Path)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--stream", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stream:
        print(json.dumps(stream(options.stream)))
        return
    if options.memory:
        measure_memory(options.quick)
        return
    torch.set_num_threads(1)
    samples = [structures_of(path) for path in options.structures] or [
        shaken_fcc(n_atoms, SAMPLE) for n_atoms in (90, 147)
    ]
    results = {}
    for sample in samples:
        size = f"{sample.shape[1]} atoms"
        results[size] = measure(sample, options.quick)
        print_table(size, results[size])
    names = [path.name for path in options.structures]
    record = {
        "command": " ".join(["python benchmarks/rdf.py", *names]),
        "unit": "microseconds per structure, smallest of several",
        "source": ", ".join(names) or "balls of shaken fcc",
        "structures": {"timed": STRUCTURES, "scaled over": SAMPLE, "compared": COMPARED},
        "rounds": {"ours and distances": ROUNDS, "peers (one structure)": ROUNDS_OF_PEER},
        "threads": "1, or 2 where the name says so",
        "results": results,
    }
    if not options.quick:
        write("rdf", record)


if __name__ == "__main__":
    main()
