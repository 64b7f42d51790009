"""Train networks on the unique minima of runs, and keep what came out, attempt by attempt.

    python benchmarks/learning.py RUN [RUN ...] [--network paper|compact] [--seeds 0 1 2 3 4]
        [--dims 1 2 3 4 5 6 7 8] [--fractions 1 2 4 8 16] [--epochs 100]
        [--schedule halving|cosine] [--device cpu|cuda] [--threads 1]

For each run: the protocol of the network (or another schedule) with 3 CVs for every seed; with
seed 0, every number of CVs; and with seed 0 and 3 CVs, a half, a quarter … of the training
structures, judged by the same validation structures. Each attempt is appended to
benchmarks/results/learning.json as it ends, with the loss of as many principal components on the
same split; attempts that are there already are not repeated. `docs/make_learning_page.py` makes
docs/learning.md of it.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import cpu_model
from numpy.typing import NDArray

from nanochart.chart.judgement import linear_baseline
from nanochart.chart.protocol import TrainingSettings, split
from nanochart.chart.training import train_autoencoder
from nanochart.landscape import open_landscape
from nanochart.workflow.learn import inputs_of

RESULTS = Path(__file__).parent / "results" / "learning.json"
SAME = ("system", "network", "n_cvs", "seed", "fraction", "epochs", "schedule", "learning_rate")


def parts_of(
    n_structures: int, settings: TrainingSettings, fraction: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the split of a seed, with one in ``fraction`` of its training structures."""
    train, validation = split(n_structures, settings)
    some = np.random.default_rng(0).permutation(train)[: len(train) // fraction]
    return np.sort(some), validation


def attempts(asked: argparse.Namespace) -> list[tuple[TrainingSettings, int]]:
    """Return the settings and the fractions that were asked for."""
    wanted = [(seed, 3, 1) for seed in asked.seeds]
    wanted += [(0, n_cvs, 1) for n_cvs in asked.dims]
    wanted += [(0, 3, fraction) for fraction in asked.fractions]
    changed = {"epochs": asked.epochs} | ({"schedule": asked.schedule} if asked.schedule else {})
    return [
        (TrainingSettings.of(asked.network, seed=seed, n_cvs=n_cvs, **changed), fraction)
        for seed, n_cvs, fraction in dict.fromkeys(wanted)
    ]


def identity(system: str, settings: TrainingSettings, fraction: int) -> dict[str, Any]:
    """Return what tells attempts apart."""
    known = asdict(settings) | {"system": system, "fraction": fraction}
    return {name: known[name] for name in SAME}


def attempt(
    inputs: NDArray[np.float32],
    settings: TrainingSettings,
    fraction: int,
    device: str,
    threads: int,
) -> dict[str, Any]:
    """Train once and return what is kept."""
    parts = parts_of(len(inputs), settings, fraction)
    started = time.perf_counter()
    found = train_autoencoder(inputs, settings, parts=parts, device=device, threads=threads)
    return {
        "n_bins": inputs.shape[1],
        "n_training": len(parts[0]),
        "n_validation": len(parts[1]),
        "loss": found.best_loss,
        "r2": found.validation_r2,
        "pca_loss": linear_baseline(inputs, *parts, n_components=settings.n_cvs),
        "best_epoch": found.best_epoch + 1,
        "seconds": time.perf_counter() - started,
        "validation_loss": found.history.validation_loss.tolist(),
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "cpu": cpu_model(),
        "threads": threads,
        "versions": {"python": sys.version.split()[0], "torch": version("torch")},
    }


def main() -> None:
    """Train what is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path, help="run folders")
    parser.add_argument("--network", default="paper")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--schedule", help="default: the network's own")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    parser.add_argument("--dims", type=int, nargs="*", default=[])
    parser.add_argument("--fractions", type=int, nargs="*", default=[])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    record = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"attempts": []}
    done = {tuple(one[name] for name in SAME) for one in record["attempts"]}
    for folder, (settings, fraction) in itertools.product(asked.folders, attempts(asked)):
        landscape = open_landscape(folder)
        which = identity(f"{landscape.species}{landscape.n_atoms}", settings, fraction)
        if tuple(which.values()) in done:
            continue
        inputs, _ = inputs_of(landscape["unique"])
        one = which | attempt(inputs, settings, fraction, asked.device, asked.threads)
        record["attempts"].append(one)
        RESULTS.write_text(json.dumps(record) + "\n")
        print(*which.values(), f"loss {one['loss']:.5f} R² {one['r2']:.3f}", flush=True)


if __name__ == "__main__":
    main()
