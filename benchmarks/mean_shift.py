"""Time of our mean shift, every point a seed, beside scikit-learn's, with and without bin seeding.

    python benchmarks/mean_shift.py RUN_FOLDER [--whole]
    python benchmarks/mean_shift.py RUN_FOLDER --million

The points are the chart coordinates of the unique structures of a run, as they are, and 49,016
(the number of structures of the paper's Au90 chart) made from them by a smoothed bootstrap: drawn
with replacement, moved by Gaussian noise of 0.05 of their standard deviation (the root of the mean
variance of the coordinates). All ways run in one process. Without bin seeding scikit-learn climbs
from every point where there are at most 10,000, and else from a random sample of them, from whose
time that of all is extrapolated; --whole runs it wholly. Centres are compared where both began at
the same seeds. A scan of 40 bandwidths is timed too. Prints a table and writes
benchmarks/results/mean_shift.json.

With --million 1,000,000 points of the smoothed bootstrap, in a process of its own that reports its
time and peak memory; writes benchmarks/results/mean_shift_million.json. --quick: few points and
seeds, nothing written.
"""

from __future__ import annotations

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"))

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from machine import cpu_model

from nanochart.chart.mean_shift import MERGE, Modes, mean_shift

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("numpy", "scipy", "numba", "scikit-learn")
PAPER_POINTS = 49_016
MILLION = 1_000_000
NOISE = 0.05  # of the smoothed bootstrap, in standard deviations
BANDWIDTHS = (0.2, 0.3, 0.45)  # in standard deviations
SCAN = np.geomspace(0.1, 1.0, 40)  # in standard deviations
SMALLEST_SHARE = 1e-3  # of the points in a major family, as the families of a chart have it
WHOLE_BELOW = 10_000  # points of which scikit-learn takes every one as a seed
SAMPLED_SEEDS = 1000
THREADS = 2
BLOCK = 1024
OURS = "ours, every point a seed, {} thread(s)"

Result = TypeVar("Result")


def chart_points(folder: Path) -> np.ndarray:
    """Return the chart coordinates of a run's unique structures, (n_structures, n_cvs)."""
    # Here, not above: they load torch, which the process that measures memory does without.
    from nanochart.chart.chart import load_chart
    from nanochart.landscape import open_landscape

    chart, unique = load_chart(folder / "chart.safetensors"), open_landscape(folder)["unique"]
    parts = [
        chart.encode_rdf(unique.read("rdf", start, stop).astype(np.float64))
        for start, stop in unique.blocks(BLOCK)
    ]
    return np.concatenate(parts).astype(np.float64)


def deviation(points: np.ndarray) -> float:
    """Return the root of the mean variance of the coordinates."""
    return float(np.sqrt(points.var(axis=0).mean()))


def smoothed_bootstrap(points: np.ndarray, n: int) -> np.ndarray:
    """Return ``n`` points drawn with replacement and moved a little, (n, n_cvs)."""
    rng = np.random.default_rng(0)
    drawn = points[rng.integers(len(points), size=n)]
    return drawn + rng.normal(0, NOISE * deviation(points), drawn.shape)


def timed(work: Callable[[], Result]) -> tuple[float, Result]:
    """Return how long one call takes, in seconds, and what it returns."""
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def compare(ours: Modes, theirs: Any, *, same_seeds: bool) -> dict[str, Any]:
    """Return how far two results agree; of centres only the same seeds must give the same."""
    from scipy.spatial import cKDTree
    from sklearn.metrics import adjusted_rand_score

    agreement = {
        "centres, ours and scikit-learn's": [len(ours.centres), len(theirs.cluster_centers_)],
        "ARI of labels": float(adjusted_rand_score(theirs.labels_, ours.labels)),
    }
    if same_seeds:
        there = cKDTree(ours.centres).query(theirs.cluster_centers_)[0].max()
        back = cKDTree(theirs.cluster_centers_).query(ours.centres)[0].max()
        agreement["largest difference of centres"] = float(max(there, back))
    return agreement


def measure(points: np.ndarray, share: float, whole: bool, sampled: int) -> dict[str, Any]:
    """Return seconds and agreement of all ways at one bandwidth."""
    from sklearn import cluster

    bandwidth = share * deviation(points)
    seconds: dict[str, float] = {}
    agreement: dict[str, Any] = {}

    def theirs(way: str, **options: Any) -> Any:
        model = cluster.MeanShift(bandwidth=bandwidth, **options)
        seconds[f"scikit-learn, {way}"], fitted = timed(lambda: model.fit(points))
        return fitted

    for threads in (THREADS, 1):
        seconds[OURS.format(threads)], every = timed(
            lambda threads=threads: mean_shift(points, bandwidth, threads=threads)
        )
    seconds[f"ours, seeds that met as one, {THREADS} thread(s)"], _ = timed(
        lambda: mean_shift(points, bandwidth, merge=MERGE, threads=THREADS)
    )
    binned = theirs("bin seeding, 1 job(s)", bin_seeding=True)
    theirs(f"bin seeding, {THREADS} job(s)", bin_seeding=True, n_jobs=THREADS)
    agreement["every point, against their bin seeding"] = compare(every, binned, same_seeds=False)
    cells = cluster.get_bin_seeds(points, bandwidth)
    agreement["both from their bin seeds"] = compare(
        mean_shift(points, bandwidth, seeds=cells), binned, same_seeds=True
    )
    if whole or len(points) <= WHOLE_BELOW:
        all_of_them = theirs("every point a seed, 1 job(s)")
        agreement["both from every point"] = compare(every, all_of_them, same_seeds=True)
    else:
        seeds = points[np.random.default_rng(1).choice(len(points), sampled, replace=False)]
        few = theirs(f"{sampled} random points as seeds, 1 job(s)", seeds=seeds)
        agreement[f"both from {sampled} random points"] = compare(
            mean_shift(points, bandwidth, seeds=seeds), few, same_seeds=True
        )
        # What one seed takes is spent once: the tree, and the labels of all points.
        once = timed(lambda: cluster.MeanShift(bandwidth=bandwidth, seeds=seeds[:1]).fit(points))[0]
        climbed = seconds[f"scikit-learn, {sampled} random points as seeds, 1 job(s)"] - once
        seconds["scikit-learn, every point a seed, 1 job(s), EXTRAPOLATED from the sample"] = (
            once + climbed * len(points) / sampled
        )
    return {
        "bandwidth": bandwidth,
        "moves of the last of our seeds": every.n_moves,
        "seconds": seconds,
        "agreement": agreement,
    }


def scan_seconds(points: np.ndarray) -> float:
    """Return how long a scan of all bandwidths takes, the numbers of families alone."""
    from nanochart.chart.bandwidth import bandwidth_scan

    bandwidths = SCAN * deviation(points)
    return timed(
        lambda: bandwidth_scan(points, bandwidths, smallest_share=SMALLEST_SHARE, resamples=0)
    )[0]


def print_table(title: str, found: dict[str, Any]) -> None:
    """Print what was measured at one bandwidth; ratios to ours with as many threads."""
    print(f"{title}: bandwidth {found['bandwidth']:.4g}")
    seconds = found["seconds"]
    for name, value in seconds.items():
        threads = THREADS if f", {THREADS} " in name else 1
        ratio = value / seconds[OURS.format(threads)]
        print(f"  {name:72s} {value:10.2f} s {ratio:9.2f} × ours, {threads} thread(s)")
    for name, told in found["agreement"].items():
        print(f"  {name}: " + ", ".join(f"{what} {value}" for what, value in told.items()))
    sys.stdout.flush()  # the next ones take minutes


def peak_megabytes() -> float:
    """Return the most memory (resident, MB) that this process and its threads have held."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def warm_up() -> np.ndarray:
    """Have the loops compiled, or loaded; return the points that it was done with."""
    points = np.random.default_rng(0).normal(size=(500, 3))
    mean_shift(points, 0.5)
    return points


def start_workers_of_peer(points: np.ndarray) -> None:
    """Have scikit-learn's processes started, which takes seconds and happens once."""
    from sklearn.cluster import MeanShift

    MeanShift(bandwidth=0.5, bin_seeding=True, n_jobs=THREADS).fit(points)


def climb_stored(path: Path) -> dict[str, float]:
    """Return time and this process's peak memory of mean shift on stored points."""
    warm_up()
    points = np.load(path)
    before = peak_megabytes()
    bandwidth = BANDWIDTHS[1] * deviation(points)
    seconds, modes = timed(lambda: mean_shift(points, bandwidth, threads=THREADS))
    return {
        "points": len(points),
        "bandwidth": bandwidth,
        "seconds": seconds,
        "centres": len(modes.centres),
        "moves of the last seed": modes.n_moves,
        "peak with the points alone, MB": before,
        "peak, MB": peak_megabytes(),
    }


def measure_many(points: np.ndarray, n: int) -> dict[str, float]:
    """Return what `climb_stored` does of a smoothed bootstrap, from a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "points.npy"
        np.save(path, smoothed_bootstrap(points, n))
        told = subprocess.check_output([sys.executable, __file__, str(path), "--climb"])
    return json.loads(told)


def write(name: str, record: dict[str, Any]) -> None:
    """Write a record and what it was measured on."""
    machine = {
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "python": sys.version.split()[0],
        "versions": {package: version(package) for package in PACKAGES},
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(record | machine, indent=1) + "\n")


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--million", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--climb", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.climb:
        print(json.dumps(climb_stored(options.folder)))
        return
    real = chart_points(options.folder)
    record: dict[str, Any] = {
        "command": f"python benchmarks/mean_shift.py {options.folder.name}",
        "source": {
            "run": options.folder.name,
            "real points": len(real),
            "smoothed bootstrap": f"drawn from the real points with replacement, Gaussian noise of "
            f"{NOISE} of their standard deviation",
        },
        "threads": f"1 or {THREADS}, as said",
    }
    if options.million:
        result = measure_many(real, 20_000 if options.quick else MILLION)
        print("  ".join(f"{name}: {value:,.4g}" for name, value in result.items()))
        record["command"] += " --million"
        record |= {
            "threads": THREADS,
            "memory": "VmHWM of a process that starts no other; numba and scipy are in it",
            "result": result,
        }
        if not options.quick:
            write("mean_shift_million", record)
        return
    some = warm_up()
    start_workers_of_peer(some)
    sampled = 50 if options.quick else SAMPLED_SEEDS
    clouds = {
        "real points": real[:500] if options.quick else real,
        "smoothed bootstrap": smoothed_bootstrap(real, 11_000 if options.quick else PAPER_POINTS),
    }
    results: dict[str, Any] = {}
    for name, points in clouds.items():
        found: dict[str, Any] = {"points": len(points)}
        for share in BANDWIDTHS:
            title = f"bandwidth {share} sd"
            found[title] = measure(points, share, options.whole, sampled)
            print_table(f"{name} ({len(points):,}), {share} sd", found[title])
        found["scan of bandwidths, seconds"] = scan_seconds(points)
        print(f"  scan of {len(SCAN)} bandwidths: {found['scan of bandwidths, seconds']:.1f} s")
        results[name] = found
    if options.whole:
        record["command"] += " --whole"
    record |= {
        "unit": "seconds, of one call each, after the loops were compiled",
        "scan": f"{len(SCAN)} bandwidths of {SCAN[0]:g} to {SCAN[-1]:g} sd, "
        "the numbers of families alone; all cores",
        "results": results,
    }
    if not options.quick:
        write("mean_shift", record)


if __name__ == "__main__":
    main()
