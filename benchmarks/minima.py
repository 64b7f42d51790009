"""Energies of the lowest minima by class, beside the published differences: `nanochart seeds`.

Basin hopping from every motif. Usage: python benchmarks/minima.py FOLDER STEPS SYSTEM..., such as
Au90; a folder is gone on with. The reference differences are those of Settem, Roncaglia, Ferrando
& Giacomello, J. Chem. Phys. 159, 094303 (2023), in the same potentials.
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path

from machine import cpu_model

from nanochart.sampling.quench import local_minimum
from nanochart.sampling.rgl import rgl
from nanochart.sampling.seeds import carved_clusters
from nanochart.workflow.minima import find_minima
from nanochart.workflow.provenance import versions

#: Atoms of a complete icosahedron of four shells.
MACKAY = 147
RESULT = Path(__file__).parent / "results" / "minima.json"
#: Differences of energy between the lowest minima of two classes, eV. Mackay is the complete
#: icosahedron; the lowest one of gold is another, published as a rosette.
PUBLISHED = {
    "Cu147": {"Dh - Mackay": 1.57},
    "Ag147": {"Dh - Mackay": 0.46},
    "Au147": {
        "Dh - Mackay": -1.8649,
        "Ih - Dh": 0.9104,
        "Twin - Dh": 0.0470,
        "Fcc - Dh": 0.1089,
        "Mix - Dh": 0.6411,
    },
    "Au90": {"Twin - Fcc": 0.0522},
    "Cu90": {"Mix - Ih": 0.0828},
    "Ag90": {"Mix - Dh": 0.0252, "Twin - Dh": 0.0319},
}


def main(folder: Path, n_steps: int, systems: list[str]) -> None:
    records = json.loads(RESULT.read_text())["systems"] if RESULT.exists() else {}
    for system in systems:
        species, size = re.fullmatch(r"([A-Z][a-z]?)(\d+)", system).groups()
        begun = time.perf_counter()
        found = find_minima(species, int(size), folder / system, n_steps=n_steps, n_workers=1)
        energies = {one["class"]: one["energy"] for one in found["minima"]}
        if int(size) == MACKAY:
            metal = rgl(species)
            mackay = metal.r0 * carved_clusters("Ih", MACKAY)[0]
            energies["Mackay"] = local_minimum(mackay, metal).energy
        rows = []
        for pair, published in PUBLISHED.get(system, {}).items():
            one, other = pair.split(" - ")
            known = one in energies and other in energies
            ours = round(energies[one] - energies[other], 4) if known else None
            rows.append({"difference": pair, "published_eV": published, "ours_eV": ours})
        records[system] = {
            "hops": found["steps"] * found["walks"],
            "cpu": cpu_model(),
            "versions": versions(),
            "seconds_of_the_last_call": round(time.perf_counter() - begun, 1),
            "minima": found["minima"],
            "beside_the_published": rows,
        }
        print(system, rows, {k: round(v, 4) for k, v in energies.items()}, flush=True)
        record = {
            "command": "python benchmarks/minima.py FOLDER STEPS SYSTEM...",
            "workers": 1,
            "systems": records,
        }
        RESULT.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
