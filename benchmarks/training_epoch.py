"""Time of a training epoch, and what is learnt in it: the plain loop, and ours.

    python benchmarks/training_epoch.py RUN_FOLDER [--structures N] [--epochs E] [--threads T]
                                        [--device cpu|cuda]

The data are the first N unique minima of a run. The plain loop sends each batch through the paper's
Conv1d modules one by one, with torch's Adam and mean squared error; ours is `train_autoencoder`.
Both take the same structures, split, initial weights, order of batches and learning rates, and both
judge the validation structures after every epoch: that is timed, too. On a CPU they take turns, an
epoch each; on a GPU ours goes last, in one go, with its data and its graph on the device. Seconds
are the median over the epochs. Prints a table and writes benchmarks/results/training_epoch.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import cpu_model
from numpy.typing import NDArray
from torch.nn import functional
from training_step import layer_by_layer

from nanochart.chart.autoencoder import Autoencoder
from nanochart.chart.judgement import EVALUATION_BATCH
from nanochart.chart.protocol import TrainingSettings, batches, order_of_epoch, split
from nanochart.chart.training import History, train_autoencoder
from nanochart.descriptor.scaling import MinMaxScaling
from nanochart.landscape import open_landscape

RESULTS = Path(__file__).parent / "results" / "training_epoch.json"


class PlainLoop:
    """The protocol as one would write it down, on Conv1d modules."""

    def __init__(
        self, inputs: NDArray[np.float32], settings: TrainingSettings, device: str
    ) -> None:
        torch.manual_seed(settings.seed)
        self.model = Autoencoder(inputs.shape[1], settings.n_cvs).to(device)
        self.optimizer = torch.optim.Adam(self.model.parameters())
        self.data = torch.from_numpy(inputs).to(device)
        self.settings = settings
        self.train, self.validation = split(len(inputs), settings)

    def epoch(self, number: int) -> dict[str, float]:
        """Train for an epoch, counted from 0, and return its losses and seconds."""
        started = time.perf_counter()
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.learning_rate_at(number)
        order = torch.from_numpy(order_of_epoch(self.train, self.settings, number))
        order = order.to(self.data.device)
        self.model.train()
        train_loss = 0.0
        for place in batches(len(order), self.settings.batch_size):
            batch = self.data[order[place]]
            self.optimizer.zero_grad()
            loss = functional.mse_loss(layer_by_layer(self.model, batch), batch)
            loss.backward()
            self.optimizer.step()
            train_loss += loss.item() * len(batch) / len(order)
        self.model.eval()
        validation_loss = 0.0
        with torch.no_grad():
            rows = torch.from_numpy(self.validation).to(self.data.device)
            for part in rows.split(EVALUATION_BATCH):
                batch = self.data[part]
                loss = functional.mse_loss(layer_by_layer(self.model, batch), batch)
                validation_loss += loss.item() * len(batch) / len(self.validation)
        return {
            "train_loss": train_loss,
            "validation_loss": validation_loss,
            "learning_rate": self.settings.learning_rate_at(number),
            "seconds": time.perf_counter() - started,
        }


def scaled_rdfs(folder: Path, n_structures: int | None) -> NDArray[np.float32]:
    """Return the first unique minima of a run as the network sees them, (n_structures, n_bins)."""
    unique = open_landscape(folder / "landscape")["unique"]
    stop = min(n_structures or unique.committed, unique.committed)
    rdf = unique.read("rdf", 0, stop).astype(np.float64)
    return MinMaxScaling.fit(rdf).transform(rdf).astype(np.float32)


def both(
    inputs: NDArray[np.float32], settings: TrainingSettings, threads: int, device: str
) -> dict[str, History]:
    """Train both ways and return what happened."""
    plain, loop = History(), PlainLoop(inputs, settings, device)
    with tempfile.TemporaryDirectory() as folder:
        for epoch in range(settings.epochs):
            plain = plain.appended(**loop.epoch(epoch))
            if device != "cpu" and epoch + 1 < settings.epochs:
                continue  # a graph is captured once, not in every epoch
            # Continued from its checkpoint: the same bits as in one go, and the same times.
            ours = train_autoencoder(
                inputs,
                replace(settings, epochs=epoch + 1),
                checkpoint=Path(folder) / "checkpoint",
                threads=threads,
                device=device,
            ).history
            print(
                f"epoch {epoch + 1:3d}: plain {plain.validation_loss[-1]:.5f} in "
                f"{plain.seconds[-1]:.2f} s, nanochart {ours.validation_loss[-1]:.5f} in "
                f"{ours.seconds[-1]:.2f} s",
                flush=True,
            )
    return {"plain loop (Conv1d)": plain, "nanochart": ours}


def figures(history: History) -> dict[str, Any]:
    """Return what is kept of a training."""
    return {
        "seconds_per_epoch": float(np.median(history.seconds)),
        "seconds_in_all": float(history.seconds.sum()),
        "best_validation_loss": float(history.validation_loss.min()),
        "last_validation_loss": float(history.validation_loss[-1]),
        "validation_loss": history.validation_loss.tolist(),
        "seconds": history.seconds.tolist(),
    }


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="run folder")
    parser.add_argument("--structures", type=int, help="the first so many; default: all")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=Path, default=RESULTS, help="JSON to write")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    inputs = scaled_rdfs(asked.folder, asked.structures)
    settings = TrainingSettings(epochs=asked.epochs, batch_size=asked.batch_size, seed=asked.seed)
    histories = both(inputs, settings, asked.threads, asked.device)
    results = {name: figures(history) for name, history in histories.items()}
    plain, ours = results.values()
    ratio = plain["seconds_per_epoch"] / ours["seconds_per_epoch"]
    differences = {
        which: 100 * (ours[which] / plain[which] - 1)
        for which in ("best_validation_loss", "last_validation_loss")
    }
    for name, one in results.items():
        print(
            f"{name:20s} {one['seconds_per_epoch']:8.2f} s an epoch   validation loss "
            f"{one['best_validation_loss']:.5f} at best, {one['last_validation_loss']:.5f} at last"
        )
    best, last = differences.values()
    print(
        f"{ratio:.2f} times as fast; validation loss {best:+.2f} % at best, {last:+.2f} % at last"
    )
    record = {
        "command": " ".join(
            [
                *("python benchmarks/training_epoch.py", asked.folder.name),
                *("--structures", str(len(inputs)), "--epochs", str(asked.epochs)),
                *("--threads", str(asked.threads), "--device", asked.device),
            ]
        ),
        "unit": "seconds per epoch with its judgement, median over the epochs",
        "structures": len(inputs),
        "n_bins": inputs.shape[1],
        "epochs": asked.epochs,
        "batch": asked.batch_size,
        "seed": asked.seed,
        "threads": asked.threads,
        "device": torch.cuda.get_device_name() if asked.device != "cpu" else "cpu",
        "cpu": cpu_model(),
        "python": sys.version.split()[0],
        "versions": {name: version(name) for name in ("torch", "numpy")},
        "results": results,
        "plain_over_ours": ratio,
        "loss_difference_percent": differences,
    }
    asked.results.parent.mkdir(exist_ok=True)
    asked.results.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
