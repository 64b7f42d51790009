"""PTMD without quenches beside bare LAMMPS: the same cluster, table, thermostat and core.

Bare LAMMPS runs all replicas' steps in one `run` command; PTMD runs them in segments with two
set-ups each, a snapshot and swaps. Both in this process, in turn, by CPU time, so that a busy
machine disturbs both alike. Usage: python benchmarks/ptmd_speed.py
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
from machine import cpu_model

from nanochart.sampling.lammps import engine_for
from nanochart.sampling.rgl import rgl
from nanochart.sampling.seeds import carved_clusters
from nanochart.sampling.tempering import PtmdSettings, initial_replicas, ptmd
from nanochart.workflow.provenance import versions

RESULT = Path(__file__).parent / "results" / "ptmd_speed.json"
N_ATOMS, TEMPERATURES, N_REPEATS = 147, (380.0, 400.0, 420.0, 440.0), 5


def main() -> None:
    gold = rgl("Au")
    engine = engine_for(gold, N_ATOMS)  # the one that PTMD uses, too
    start = engine.quench(gold.r0 * carved_clusters("Ih", N_ATOMS)[0]).positions
    velocities = engine.thermal_velocities(400.0, np.random.default_rng(0))

    def advance(n_steps: int, seed: int) -> float:
        """Return the CPU seconds of so many steps in one call."""
        begun = time.process_time()
        engine.advance(
            start, velocities, temperature=410.0, n_steps=n_steps, damping=1.0, seed=seed
        )
        return time.process_time() - begun

    # A segment is two calls: what a call costs beside its steps, by short ones.
    advance(10, 1)
    call = float(np.median([advance(2, i + 1) for i in range(300)]))
    step = float(np.median([advance(500, i + 1) for i in range(9)])) / 500
    fixed = call - 2 * step
    print(f"a call costs {1e3 * fixed:.3f} ms, a step {1e3 * step:.4f} ms", flush=True)
    records = []
    for n_steps in (500, 2000, 10_000):
        settings = PtmdSettings(temperatures=TEMPERATURES, n_steps=n_steps)
        state = initial_replicas([start], settings, gold)
        list(ptmd(state, settings, gold, n_cycles=1))  # the engine is made
        total = n_steps * len(TEMPERATURES)
        bare, tempered = [], []
        for i in range(N_REPEATS):
            bare.append(total / advance(total, i + 1))
            begun = time.process_time()
            list(ptmd(state, settings, gold, n_cycles=1))
            tempered.append(total / (time.process_time() - begun))
        record = {
            "steps_per_segment": n_steps,
            "bare_steps_per_cpu_second": [round(v) for v in bare],
            "ptmd_steps_per_cpu_second": [round(v) for v in tempered],
            "share_by_the_cost_of_calls": round(n_steps * step / (n_steps * step + 2 * fixed), 4),
            "ratio_of_medians": round(float(np.median(tempered) / np.median(bare)), 4),
        }
        print(record, flush=True)
        records.append(record)
    told = {
        "command": "python benchmarks/ptmd_speed.py",
        "system": f"Au{N_ATOMS}, {len(TEMPERATURES)} replicas, one process",
        "cpu": cpu_model(),
        "threads": 1,
        "note": "CPU time, bare and PTMD in turn; nothing else on the two cores",
        "versions": versions(),
        "ms_per_call_beside_its_steps": round(1e3 * fixed, 4),
        "ms_per_step": round(1e3 * step, 4),
        "records": records,
    }
    RESULT.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
