"""How fast a trajectory comes onto a chart, stage by stage and whole, and what memory it takes.

    python benchmarks/projection.py DATA CHART --frames 200000 [--no-error] [--scratch FOLDER]

DATA is an .npz with positions (n, n_atoms, 3) times scale in Å, quenched; its structures are
repeated until there are enough frames: a real trajectory of minima repeats its minima, too. They
go into a DCD file, which ``nanochart project`` puts on the chart. Adds what it finds to
results/projection.json beside this script: the seconds of every stage on one thread (the least of
some rounds) beside its floor, the seconds of the whole, and the largest memory of the whole tree
of processes.

The floors: reading, the bytes of the file alone; the RDF, the distances alone (scipy's pdist); the
network, its multiply-adds at the rate of this machine's matrix product; labels, their distances to
the centres; writing, the bytes of the table alone.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import cpu_model
from scipy.spatial.distance import pdist

from nanochart.chart.chart import Chart, load_chart
from nanochart.chart.judgement import encode, reconstruct
from nanochart.dcd import DcdWriter, open_dcd
from nanochart.descriptor.rdf import rdf_of_positions
from nanochart.parallel import available_cores
from nanochart.sampling.rgl import PARAMETER_SETS
from nanochart.sampling.rgl_energies import rgl_energies
from nanochart.structure.classes import cluster_class
from nanochart.structure.cna import environments_and_axes
from nanochart.structure.cutoffs import neighbour_cutoff
from nanochart.trajectories.pieces import find_pieces
from nanochart.workflow.projection_table import End, open_table

#: Structures and rounds of the timing of a stage.
SAMPLE, ROUNDS = 2048, 5
#: Seconds between two looks at the memory.
LOOK = 0.1
RESULTS = Path(__file__).parent / "results" / "projection.json"


def write_trajectory(data: Path, n_frames: int, output: Path) -> np.ndarray:
    """Write the structures of a file again and again as DCD; return some of them."""
    with np.load(data) as arrays:
        positions = arrays["positions"].astype(np.float32) * np.float32(arrays["scale"])
    with DcdWriter(
        output, n_atoms=positions.shape[1], n_frames=0, timestep=5.0, steps_per_frame=200
    ) as trajectory:
        for first in range(0, n_frames, len(positions)):
            trajectory.append(positions[: n_frames - first])
    return positions[:SAMPLE].astype(np.float64)


def least(work: Callable[[], Any], n: int) -> float:
    """Return the least µs a structure of some rounds; the first, which compiles, not counted."""
    work()
    seconds = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return 1e6 * min(seconds) / n


def matrix_rate() -> float:
    """Return multiply-adds a µs of a matrix product of 512 on this thread."""
    a, b = torch.rand(512, 512), torch.rand(512, 512)
    return 512**3 / least(lambda: a @ b, 1)


def multiply_adds(module: torch.nn.Module, inputs: torch.Tensor) -> int:
    """Return the multiply-adds of linear and convolutional layers for one structure, unaided."""
    total = 0

    def count(layer: torch.nn.Module, _: Any, output: torch.Tensor) -> None:
        nonlocal total
        weight = layer.weight
        assert isinstance(weight, torch.Tensor)
        if isinstance(layer, torch.nn.Linear):
            total += weight.numel()
        else:
            total += weight.numel() * output.shape[-1]

    layers = (torch.nn.Linear, torch.nn.Conv1d)
    hooks = [m.register_forward_hook(count) for m in module.modules() if isinstance(m, layers)]
    with torch.no_grad():
        module.encode(inputs[:1])  # type: ignore[operator]
    for hook in hooks:
        hook.remove()
    return total


def stages(chart: Chart, positions: np.ndarray, trajectory: Path, folder: Path) -> dict[str, Any]:
    """Return µs a structure of each stage on one thread, and of its floor."""
    n, dcd = len(positions), open_dcd(trajectory)
    rdf = rdf_of_positions(positions, chart.basis)
    scaled = chart.scaling.transform(rdf).astype(np.float32)
    cvs = encode(chart.model, scaled)
    potential = PARAMETER_SETS[chart.species]
    cutoff = neighbour_cutoff(potential.r0)
    points = chart.evaluate_rdf(rdf, errors=False)
    centres = chart.families.centres if chart.families else np.zeros((1, cvs.shape[1]))
    columns = {f"cv{k + 1}": column for k, column in enumerate(cvs.T)}
    columns |= {"energy": rgl_energies(positions, potential), "family": points.families}
    columns |= {"time_ps": np.arange(n) * 1.0}
    raw = bytes(72 * n)

    def read_bytes() -> None:
        with trajectory.open("rb") as file:
            np.fromfile(file, np.uint8, n * 12 * chart.n_atoms)

    def write(name: str, content: Callable[[], Any]) -> Callable[[], None]:
        def work() -> None:
            table = open_table(folder / name, End())
            table.append(content())
            table.close()

        return work

    def write_bytes() -> None:
        (folder / "raw").write_bytes(raw)

    rate = matrix_rate()
    encoder = multiply_adds(chart.model, torch.from_numpy(scaled)) / rate
    works: dict[str, tuple[Callable[[], Any], Callable[[], Any] | float]] = {
        "read": (lambda: dcd.read(range(n)), read_bytes),
        "whole and apart": (lambda: find_pieces(positions, cutoff), 0.0),
        "RDF": (
            lambda: rdf_of_positions(positions, chart.basis),
            lambda: [pdist(one) for one in positions],
        ),
        "encode": (lambda: encode(chart.model, scaled), encoder),
        "encode and reconstruct": (lambda: reconstruct(chart.model, scaled), 2.0 * encoder),
        "label and domain": (
            lambda: (
                chart.domain.contains(rdf, scaled, points.errors, chart.grid),
                chart.families.nearest(cvs) if chart.families else None,
            ),
            lambda: ((cvs[:, None] - centres[None]) ** 2).sum(axis=2).argmin(axis=1),
        ),
        "class": (lambda: cluster_class(*environments_and_axes(positions, cutoff)), 0.0),
        "energy": (lambda: rgl_energies(positions, potential), 0.0),
        "write": (write("t.csv", lambda: columns), write_bytes),
    }
    found: dict[str, Any] = {"matrix product, multiply-adds a µs": rate}
    for name, (work, floor) in works.items():
        found[name] = {
            "us": least(work, n),
            "floor_us": least(floor, n) if callable(floor) else floor or None,
        }
        print(name, found[name], flush=True)
    return found


def tree(root: int) -> list[int]:
    """Return a process and all below it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [root]
    while waiting:
        one = waiting.pop()
        found.append(one)
        waiting += children.get(one, [])
    return found


def resident(pids: list[int]) -> int:
    """Return the resident memory of some processes, in bytes; shared pages count for each."""
    total = 0
    for pid in pids:
        try:
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        except (OSError, IndexError):
            continue
        total += pages * os.sysconf("SC_PAGE_SIZE")
    return total


def whole(chart: str, trajectory: Path, output: Path, options: list[str]) -> dict[str, Any]:
    """Return seconds and largest memory of the verb, as the shell would run it."""
    command = ["project", chart, str(trajectory), "-o", str(output), "--no-quench", "--json"]
    begun, cpu = time.perf_counter(), os.times()
    run = subprocess.Popen(
        [sys.executable, "-m", "nanochart", *command, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    peak = 0
    while run.poll() is None:
        peak = max(peak, resident(tree(run.pid)))
        time.sleep(LOOK)
    assert run.stdout is not None
    told = json.loads(run.stdout.read())
    after = os.times()
    return {
        "seconds": time.perf_counter() - begun,
        "cpu_seconds": after.children_user
        - cpu.children_user
        + after.children_system
        - cpu.children_system,
        "peak_MB": peak / 1e6,
        "structures": told["structures"],
        "outside": told["outside"],
        "table_MB": output.stat().st_size / 1e6,
        "options": options,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("chart")
    parser.add_argument("--frames", type=int, nargs="+", default=[200_000])
    parser.add_argument("--no-error", action="store_true")
    parser.add_argument("--no-stages", action="store_true")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--scratch", type=Path)
    parser.add_argument("--note", default="", help="about the machine, for the record")
    given = parser.parse_args()
    chart = load_chart(given.chart)
    torch.set_num_threads(1)
    options = ["--no-error"] if given.no_error else []
    record: dict[str, Any] = {
        "command": " ".join(["python", "benchmarks/projection.py", *sys.argv[1:]]),
        "cpu": cpu_model(),
        "cores": available_cores(),
        "load_average_before": os.getloadavg(),
        "note": given.note,
        "chart": {"network": chart.model.kind, "cluster": f"{chart.species}{chart.n_atoms}"},
        "python": platform.python_version(),
        "versions": {p: version(p) for p in ("nanochart", "numpy", "numba", "torch", "scipy")},
        "sample": SAMPLE,
        "rounds_of_a_stage": ROUNDS,
        "whole": [],
    }
    with tempfile.TemporaryDirectory(dir=given.scratch) as name:
        folder = Path(name)
        for n_frames in given.frames:
            trajectory = folder / f"{n_frames}.dcd"
            positions = write_trajectory(given.data, n_frames, trajectory)
            if not given.no_stages and "stages_one_thread" not in record:
                record["stages_one_thread"] = stages(chart, positions, trajectory, folder)
            for one in range(given.rounds):
                output = folder / f"{n_frames}-{one}.csv"
                found = {"frames": n_frames} | whole(given.chart, trajectory, output, options)
                found["frames_per_second"] = found["structures"] / found["seconds"]
                found["load_average_after"] = os.getloadavg()
                record["whole"].append(found)
                print(found, flush=True)
                output.unlink()
            trajectory.unlink()
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    RESULTS.write_text(json.dumps([*kept, record], indent=1) + "\n")


if __name__ == "__main__":
    main()
