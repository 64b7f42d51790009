"""How many hot frames a second come onto a chart, each quenched: on one core and on two.

    python benchmarks/project_hot.py au147-hot.npz CHART [--frames 4000]

The .npz has hot_positions (n, n_atoms, 3) times scale in Å; they are written to a DCD file, which
``nanochart project --quench`` puts on the chart with one worker and with two, and so are its first
64, for what a start costs. Processor time is that of the whole tree of processes.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from machine import cpu_model

from nanochart.dcd import DcdWriter
from nanochart.workflow.provenance import versions

RESULT = Path(__file__).parent / "results" / "project_hot.json"
FEW = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("chart")
    parser.add_argument("--frames", type=int, default=4000)
    asked = parser.parse_args()
    with np.load(asked.data) as data:
        hot = data["hot_positions"]
        rows = np.linspace(0, len(hot) - 1, min(asked.frames, len(hot))).astype(int)
        positions = hot[rows].astype(np.float32) * np.float32(data["scale"])
    records = []
    with tempfile.TemporaryDirectory() as folder:
        long, short = Path(folder) / "long.dcd", Path(folder) / "short.dcd"
        for path, frames in ((long, positions), (short, positions[:FEW])):
            size = {"n_atoms": positions.shape[1], "n_frames": 0}
            with DcdWriter(path, **size, timestep=5.0, steps_per_frame=200) as writer:
                writer.append(frames)
        projected(asked.chart, short, 2)  # compiled
        for n_workers in (1, 2):
            start, whole = (projected(asked.chart, one, n_workers) for one in (short, long))
            n = len(positions) - FEW
            record = {
                "workers": n_workers,
                "frames": len(positions),
                "start": start,
                "whole": whole,
                "cpu_ms_per_frame": round(1e3 * (whole["cpu_s"] - start["cpu_s"]) / n, 3),
                "frames_per_wall_second": round(n / (whole["wall_s"] - start["wall_s"]), 1),
            }
            print(record, flush=True)
            records.append(record)
    told = {
        "command": f"python benchmarks/project_hot.py {asked.data.name} {Path(asked.chart).name} "
        f"--frames {asked.frames}",
        "cpu": cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "load_before": os.getloadavg()[0],
        "versions": versions(),
        "records": records,
    }
    RESULT.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")


def projected(chart: str, trajectory: Path, n_workers: int) -> dict[str, Any]:
    """Return the seconds of a projection: of the clock, and of the processors."""
    output = trajectory.with_suffix(".csv")
    command = [sys.executable, "-m", "nanochart", "project", chart, str(trajectory)]
    command += ["-o", str(output), "--quench", "--overwrite", "--json"]
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    said = subprocess.run(
        [*command, "--workers", str(n_workers)], check=True, stdout=subprocess.PIPE
    )
    wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    failed = json.loads(said.stdout)["failed quenches"]
    return {"wall_s": round(wall, 2), "cpu_s": round(cpu, 2), "failed_quenches": failed}


if __name__ == "__main__":
    main()
