"""Time of CVs and their gradients for one structure, beside dense autograd in torch.

    python benchmarks/gradient.py STRUCTURES.npz [--quick]

The file holds positions (n, n_atoms, 3) of gold clusters, in Å after multiplication by its scale.
The network is the paper's with the weights it starts with (times do not depend on them), and a
distilled encoder of the default size. The rivals are what one would write: every pair times every
bin, or the splines of the RDF as an index_add, then the network's modules, and autograd. All ways
run in one process, in turns, each on the threads its name says; the median and the smallest of
several times are kept. Prints a table and writes benchmarks/results/gradient.json.
"""

from __future__ import annotations

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "2"))

import argparse
import copy
import json
import math
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from machine import cpu_model
from torch import Tensor, nn

from nanochart.chart.autoencoder import Autoencoder
from nanochart.chart.chart import Chart
from nanochart.chart.distillation import DistillationSettings, DistilledEncoder
from nanochart.chart.domain import Domain
from nanochart.descriptor.rdf import WINDOWS, RadialBasis, rdf_of_positions
from nanochart.descriptor.rdf_gradient import RdfAndGradient
from nanochart.descriptor.rdf_torch import TorchRdf
from nanochart.descriptor.scaling import MinMaxScaling

RESULTS = Path(__file__).parent / "results" / "gradient.json"
ROUNDS, CALLS, CALLS_OF_SLOW = 6, 10, 1


def make_chart(positions: np.ndarray) -> Chart:
    """Return a chart with weights that nobody trained."""
    n_atoms = positions.shape[1]
    basis = RadialBasis(window=WINDOWS[f"Au{n_atoms}"])
    torch.manual_seed(0)
    hidden = DistillationSettings().hidden
    sizes = [basis.n_bins, *hidden, 3]
    layers = [nn.Linear(a, b) for a, b in pairwise(sizes)]
    return Chart(
        model=Autoencoder(basis.n_bins).eval(),
        scaling=MinMaxScaling.fit(rdf_of_positions(positions, basis)),
        grid=basis.grid,
        bandwidth=basis.bandwidth,
        window=basis.bins,
        species="Au",
        n_atoms=n_atoms,
        domain=Domain(1.0, 1.0),
        error_quantiles={},
        distilled=DistilledEncoder(
            tuple(layer.weight.detach().numpy() for layer in layers),
            tuple(layer.bias.detach().numpy() for layer in layers),
            {},
            {},
        ),
    )


def by_autograd(
    chart: Chart, dtype: torch.dtype, *, dense: bool, every_cv: bool
) -> Callable[[np.ndarray], tuple[Tensor, Tensor]]:
    """Return CVs and derivatives by autograd: of the first CV, or of each."""
    basis = chart.basis
    model = copy.deepcopy(chart.model).to(dtype).requires_grad_(False)
    module = TorchRdf(basis)
    points = torch.from_numpy(basis.points).to(dtype)
    minimum = torch.from_numpy(chart.scaling.minimum).to(dtype)
    width = torch.from_numpy(chart.scaling.range).to(dtype)

    def rdf(positions: Tensor) -> Tensor:
        if not dense:
            return module(positions[None])[0]
        away = (points[:, None] - torch.pdist(positions)) / basis.bandwidth
        kernels = torch.exp(-0.5 * away**2)
        return kernels.mean(dim=1) / (basis.bandwidth * math.sqrt(2.0 * math.pi))

    def call(positions: np.ndarray) -> tuple[Tensor, Tensor]:
        x = torch.tensor(positions, dtype=dtype, requires_grad=True)
        cvs = model.encode(((rdf(x) - minimum) / width)[None])[0]
        each = range(3 if every_cv else 1)
        slopes = [torch.autograd.grad(cvs[c], x, retain_graph=every_cv)[0] for c in each]
        return cvs.detach(), torch.stack(slopes)

    return call


def ways_of(chart: Chart, at: np.ndarray) -> dict[str, tuple[int, int, Callable[[], object]]]:
    """Return every way by name: threads of torch, calls at a time, and what is done."""
    rdf = RdfAndGradient(chart.basis, chart.n_atoms)
    sets = np.random.default_rng(0).normal(size=(3, chart.basis.n_bins))
    one_set = sets[:1].copy()
    first = np.eye(3)[0]
    single = chart.gradient()
    double = chart.gradient(precision="float64")
    two = chart.gradient(threads=2)
    small = chart.gradient(encoder="distilled")
    ways: dict[str, tuple[int, int, Callable[[], object]]] = {
        "RDF": (1, CALLS, lambda: rdf.density(at)),
        "RDF, pulled back, 1 set of weights": (1, CALLS, lambda: rdf.pull_back(at, one_set)),
        "RDF, pulled back, 3 sets of weights": (1, CALLS, lambda: rdf.pull_back(at, sets)),
        "vjp, distilled encoder": (1, CALLS, lambda: small.vjp(at, first)),
        "jacobian, distilled encoder": (1, CALLS, lambda: small.jacobian(at)),
        "vjp, paper's encoder": (1, CALLS, lambda: single.vjp(at, first)),
        "jacobian, paper's encoder": (1, CALLS, lambda: single.jacobian(at)),
        "vjp, paper's encoder, float64": (1, CALLS, lambda: double.vjp(at, first)),
        "jacobian, paper's encoder, float64": (1, CALLS, lambda: double.jacobian(at)),
        "vjp, paper's encoder, 2 threads set outside": (
            2,
            CALLS_OF_SLOW,
            lambda: single.vjp(at, first),
        ),
        "vjp, paper's encoder, 2 threads asked for": (1, CALLS_OF_SLOW, lambda: two.vjp(at, first)),
        "jacobian, paper's encoder, 2 threads asked for": (
            1,
            CALLS_OF_SLOW,
            lambda: two.jacobian(at),
        ),
    }
    for what, every_cv in (("vjp", False), ("jacobian", True)):
        for how, dense in (("dense", True), ("splines", False)):
            call = by_autograd(chart, torch.float32, dense=dense, every_cv=every_cv)
            for threads in (1, 2):
                name = f"{what}, paper's encoder, autograd, {how}, {threads} threads"
                calls = CALLS_OF_SLOW if dense or threads > 1 else CALLS
                ways[name] = (threads, calls, lambda call=call: call(at))
    return ways


def measure(ways: dict[str, tuple[int, int, Callable[[], object]]], rounds: int) -> dict:
    """Return milliseconds of each way over rounds, taken in turns.

    By the clock, the smallest and the median; and of the processor, of all threads together, the
    smallest: that does not grow while other programs have the processor.
    """
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(rounds + 1):
        for name, (threads, calls, call) in ways.items():
            torch.set_num_threads(threads)
            started, processor = time.perf_counter(), time.process_time()
            for _ in range(calls):
                call()
            passed = time.perf_counter() - started, time.process_time() - processor
            times[name].append((passed[0] / calls * 1e3, passed[1] / calls * 1e3))
    found = {name: np.array(some[1:]) for name, some in times.items()}  # first: compilation
    return {
        name: {
            "smallest, ms": float(some[:, 0].min()),
            "median, ms": float(np.median(some[:, 0])),
            "smallest of the processor, ms": float(some[:, 1].min()),
        }
        for name, some in found.items()
    }


def differences(chart: Chart, positions: np.ndarray) -> dict[str, float]:
    """Return the largest differences of the Jacobian, over its largest element."""
    rivals = {
        "to autograd through the same splines, float64": (torch.float64, False),
        "to autograd through the Gaussians, float64": (torch.float64, True),
    }
    found = {}
    for name, (dtype, dense) in rivals.items():
        call = by_autograd(chart, dtype, dense=dense, every_cv=True)
        expected = [call(one)[1].numpy() for one in positions]
        for precision in ("float64", "float32"):
            ours = chart.jacobian(positions, precision=precision)[1]
            size = np.abs(expected).max()
            found[f"{precision} {name}"] = float(np.abs(ours - expected).max() / size)
    return found


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("structures", type=Path)
    parser.add_argument("--quick", action="store_true", help="few rounds, nothing written")
    options = parser.parse_args()
    with np.load(options.structures) as data:
        stored = data["positions"]
        some = stored[np.arange(1000) * len(stored) // 1000] * float(data.get("scale", 1.0))
    chart = make_chart(some)
    times = measure(ways_of(chart, some[0]), 2 if options.quick else ROUNDS)
    errors = differences(chart, some[:: len(some) // 5])
    print("ms of one structure: smallest, median, smallest of the processor")
    for name, one in times.items():
        print(f"  {name:56s}", *(f"{value:9.3f}" for value in one.values()))
    for name, error in errors.items():
        print(f"  jacobian, {name}: {error:.1e}")
    record = {
        "command": f"python benchmarks/gradient.py {options.structures.name}",
        "atoms": chart.n_atoms,
        "bins": chart.basis.n_bins,
        "hidden nodes of the distilled encoder": list(DistillationSettings().hidden),
        "rounds": ROUNDS,
        "threads": "1 if the name does not say otherwise",
        "load of the machine at the end": os.getloadavg()[0],
        "times": times,
        "largest difference over the largest element, 5 structures": errors,
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "python": sys.version.split()[0],
        "versions": {name: version(name) for name in ("numpy", "numba", "torch")},
    }
    if not options.quick:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
