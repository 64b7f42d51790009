"""Time of one training step of the paper's network on a GPU: python benchmarks/training_step_gpu.py

Batch 128, 280 bins, forward pass, loss, gradient and fused Adam, captured as a CUDA graph and
replayed; in TF32 and in float32. Ours are products with the window at every output
(chart/convolution.py); the peers are torch's Conv1d by cuDNN with and without its search for the
fastest algorithm, and by bf16 autocast. Then a whole training, as a run does it: 100 epochs of
49,000 structures (random ones: time does not depend on them). Writes
benchmarks/results/training_step_gpu.json.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from training_step import layer_by_layer

from nanochart.chart.autoencoder import Autoencoder
from nanochart.chart.training import TrainingSettings, train_autoencoder

RESULTS = Path(__file__).parent / "results" / "training_step_gpu.json"
BATCH, N_BINS, STEPS, WARM_UP = 128, 280, 60, 4
N_STRUCTURES, EPOCHS = 49_000, 100
Forward = Callable[[Autoencoder, Tensor], Tensor]


def milliseconds(
    forward: Forward, *, tf32: bool, search: bool = False, bf16: bool = False
) -> float:
    """Return the time of a step."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cudnn.benchmark = search
    torch.manual_seed(0)
    model, inputs = Autoencoder(N_BINS).cuda().train(), torch.rand(BATCH, N_BINS, device="cuda")
    rate = torch.tensor(1e-3, device="cuda")
    optimizer = torch.optim.Adam(model.parameters(), lr=rate, capturable=True, fused=True)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cuda", dtype=torch.bfloat16, enabled=bf16):
            given = forward(model, inputs)
        functional.mse_loss(given.float(), inputs).backward()
        optimizer.step()

    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(WARM_UP):
            step()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=aside):
        step()
    for _ in range(WARM_UP):
        graph.replay()
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(STEPS):
        graph.replay()
    torch.cuda.synchronize()
    return (time.perf_counter() - started) / STEPS * 1e3


def whole_training() -> dict[str, float]:
    """Return the seconds of 100 epochs, with everything around the steps."""
    inputs = np.random.default_rng(0).uniform(size=(N_STRUCTURES, N_BINS)).astype(np.float32)
    started = time.perf_counter()
    training = train_autoencoder(inputs, TrainingSettings(epochs=EPOCHS), device="cuda")
    return {
        "structures": N_STRUCTURES,
        "epochs": EPOCHS,
        "seconds": time.perf_counter() - started,
        "seconds_in_epochs": float(training.history.seconds.sum()),
    }


def main() -> None:
    """Measure, print, write."""
    if not torch.cuda.is_available():
        sys.exit("training_step_gpu.py: torch finds no GPU here")

    def ours(model: Autoencoder, inputs: Tensor) -> Tensor:
        return model(inputs)

    results = {
        "nanochart, TF32": milliseconds(ours, tf32=True),
        "nanochart, float32": milliseconds(ours, tf32=False),
        "Conv1d (cuDNN), TF32, torch's default": milliseconds(layer_by_layer, tf32=True),
        "Conv1d (cuDNN, benchmark), TF32": milliseconds(layer_by_layer, tf32=True, search=True),
        "Conv1d (cuDNN, benchmark), float32": milliseconds(layer_by_layer, tf32=False, search=True),
        "Conv1d, bf16 autocast": milliseconds(layer_by_layer, tf32=True, search=True, bf16=True),
    }
    for name, value in results.items():
        print(f"{name:40s} {value:8.2f} ms", flush=True)
    whole = whole_training()
    print(whole)
    record = {
        "command": "python benchmarks/training_step_gpu.py",
        "device": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "batch": BATCH,
        "n_bins": N_BINS,
        "steps": STEPS,
        "ours": "nanochart, TF32",
        "milliseconds": results,
        "whole_training": whole,
    }
    RESULTS.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
