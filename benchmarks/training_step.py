"""Time of one training step of the paper's network: its layers one by one, and ours by tiles.

    python benchmarks/training_step.py [threads]

Forward pass, loss and gradient at batch 128, 280 bins, float32, the same weights both ways, in
turns in one process; the smallest of several times counts. Ours are the convolutions by tiles in
the frequency domain (chart/convolution.py). Prints a table and writes
benchmarks/results/training_step.json.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import torch
from machine import cpu_model
from torch import Tensor

from nanochart.chart.autoencoder import Autoencoder

RESULTS = Path(__file__).parent / "results" / "training_step.json"
BATCH, N_BINS, ROUNDS = 128, 280, 20
OURS = "nanochart (convolutions by tiles)"


def layer_by_layer(model: Autoencoder, inputs: Tensor) -> Tensor:
    """Return what Listing 1's modules give one after the other."""
    x = model.batchnorm(model.relu_1(model.input_layer(inputs[:, None])))
    cvs = model.embed_linear(model.flatten(model.encoder(x)))
    x = model.decode_linear(cvs).view(len(inputs), 16, -1)
    return model.output_layer(model.decoder(x))[:, 0]


def step(forward: Callable[[Tensor], Tensor], model: Autoencoder, inputs: Tensor) -> float:
    """Return the seconds of one forward and backward pass."""
    model.zero_grad(set_to_none=True)
    started = time.perf_counter()
    (forward(inputs) - inputs).square().mean().backward()
    return time.perf_counter() - started


def main() -> None:
    """Measure, print, write."""
    threads = int(sys.argv[1]) if len(sys.argv) > 1 else torch.get_num_threads()
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    model, inputs = Autoencoder(N_BINS), torch.rand(BATCH, N_BINS)
    ways: dict[str, Callable[[Tensor], Tensor]] = {
        "layer by layer (Conv1d)": lambda x: layer_by_layer(model, x),
        OURS: model,
    }
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(ROUNDS):
        for name, forward in ways.items():
            best[name] = min(best[name], step(forward, model, inputs))
    model.eval()
    with torch.no_grad():
        difference = float((layer_by_layer(model, inputs) - model(inputs)).abs().max())
    ours = best[OURS]
    for name, value in best.items():
        print(f"{name:34s} {value:.3f} s   {value / ours:.2f} × ours")
    print(f"largest difference of the outputs in evaluation: {difference:.1e}")
    RESULTS.parent.mkdir(exist_ok=True)
    record = {
        "command": f"python benchmarks/training_step.py {threads}",
        "unit": "seconds per step, smallest of several",
        "batch": BATCH,
        "n_bins": N_BINS,
        "rounds": ROUNDS,
        "threads": threads,
        "cpu": cpu_model(),
        "python": sys.version.split()[0],
        "versions": {"torch": version("torch")},
        "results": best,
        "largest_difference": difference,
    }
    RESULTS.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
