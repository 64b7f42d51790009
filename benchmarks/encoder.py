"""The paper's encoder for many structures on one thread, beside torch's layers and a distilled one.

    python benchmarks/encoder.py DATA CHART [--distilled CHART] [--note TEXT]

DATA is an .npz with positions (n, n_atoms, 3) times scale in Å; CHART one of the paper's network;
``--distilled``: a chart of the same cluster with a distilled encoder. Writes results/encoder.json:
the least processor time a structure of some rounds, in which all take turns; the rate of a matrix
product in the same rounds; how far from float64 each is; and what the distilled encoder changes.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import cpu_model
from torch import Tensor

from nanochart.chart.chart import load_chart
from nanochart.chart.judgement import encode, reconstruct
from nanochart.descriptor.rdf import rdf_of_positions
from nanochart.dynamics.projection import compared_encoders
from nanochart.workflow.provenance import versions

#: Structures, rounds, structures that torch's layers take at once, structures of the comparison.
SAMPLE, ROUNDS, AT_ONCE, COMPARED = 768, 5, 128, 3000
RESULTS = Path(__file__).parent / "results" / "encoder.json"


def by_layers(model: Any, inputs: Tensor) -> Tensor:
    """Return the CVs as torch's own layers give them."""
    parts = []
    with torch.no_grad():
        for part in inputs.split(AT_ONCE):
            x = model.batchnorm(model.relu_1(model.input_layer(part[:, None])))
            parts.append(model.embed_linear(model.flatten(model.encoder(x))))
    return torch.cat(parts)


def by_products(model: Any, inputs: Tensor) -> Tensor:
    """Return the CVs as training has them: transforms as products of matrices."""
    with torch.enable_grad():
        return torch.cat([model.encode(part).detach() for part in inputs.split(AT_ONCE)])


def main() -> None:
    """Time, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("chart")
    parser.add_argument("--distilled")
    parser.add_argument("--note", default="", help="about the machine, for the record")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with np.load(given.data) as arrays:
        rows = np.random.default_rng(0).permutation(len(arrays["positions"]))[:COMPARED]
        positions = arrays["positions"][rows].astype(np.float64) * float(arrays["scale"])
    chart = load_chart(given.chart)
    model = chart.model.requires_grad_(False)
    scaled = chart.scaling.transform(rdf_of_positions(positions[:SAMPLE], chart.basis))
    scaled = scaled.astype(np.float32)
    inputs, square = torch.from_numpy(scaled), torch.rand(512, 512)
    works: dict[str, Callable[[], Any]] = {
        "encode": lambda: encode(model, scaled),
        "encode, products of matrices": lambda: by_products(model, inputs),
        "encode, torch's layers": lambda: by_layers(model, inputs),
        "encode and reconstruct": lambda: reconstruct(model, scaled),
        "matrix product of 512": lambda: square @ square,
    }
    student = None if given.distilled is None else load_chart(given.distilled)
    if student is not None:
        one = student.distilled_encoder()
        theirs = student.scaling.transform(rdf_of_positions(positions[:SAMPLE], student.basis))
        works["distilled"] = lambda: one.encode(theirs)
    least = dict.fromkeys(works, np.inf)
    for work in works.values():
        work()  # compiles
    for _ in range(ROUNDS):
        for name, work in works.items():
            begun = time.process_time()
            work()
            least[name] = min(least[name], time.process_time() - begun)
    exact = by_layers(copy.deepcopy(model).double(), inputs.double()).numpy()
    record = {
        "command": " ".join(
            ["python", "benchmarks/encoder.py", *(a.rpartition("/")[2] for a in sys.argv[1:])]
        ),
        "cpu": cpu_model(),
        "note": given.note,
        "load_average": os.getloadavg(),
        "versions": versions(),
        "cluster": f"{chart.species}{chart.n_atoms}",
        "sample": SAMPLE,
        "rounds": ROUNDS,
        "matrix product, multiply-adds a ns": 512**3 / least.pop("matrix product of 512") / 1e9,
        "us_per_structure": {name: 1e6 * seconds / SAMPLE for name, seconds in least.items()},
        "standard deviation of the CVs": exact.std(axis=0).tolist(),
        "largest error against float64": {
            "encode": np.abs(encode(model, scaled) - exact).max(axis=0).tolist(),
            "torch's layers": np.abs(by_layers(model, inputs).numpy() - exact).max(axis=0).tolist(),
        },
    }
    if student is not None:
        record["distilled"] = {
            "network": student.model.kind,
            "hidden": student.distilled_encoder().settings["hidden"],
            **compared_encoders(student, positions),
        }
    RESULTS.write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
