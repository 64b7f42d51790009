"""How badly time steps keep the energy: `timestep_error`, which a run is warned by.

Usage: python benchmarks/timestep.py
"""

from __future__ import annotations

import json
import math
from pathlib import Path

from machine import cpu_model

from nanochart.sampling.lammps import engine_for
from nanochart.sampling.rgl import rgl
from nanochart.sampling.seeds import seed_clusters
from nanochart.sampling.tempering import PtmdSettings, initial_replicas, timestep_error
from nanochart.workflow.provenance import versions

RESULT = Path(__file__).parent / "results" / "timestep.json"
SYSTEMS = (("Au", 55, 300.0), ("Au", 55, 600.0), ("Au", 147, 600.0), ("Cu", 147, 900.0), ("Ni", 55, 900.0))  # fmt: skip  # noqa: E501
TIMESTEPS = (2.0, 5.0, 10.0, 15.0, 25.0)


def main() -> None:
    records = []
    for species, n_atoms, kelvin in SYSTEMS:
        metal = rgl(species)
        start = seed_clusters(engine_for(metal, n_atoms))[0].positions
        errors = {}
        for timestep in TIMESTEPS:
            settings = PtmdSettings(temperatures=(kelvin,), timestep=timestep)
            state = initial_replicas([start], settings, metal)
            found = timestep_error(state, settings, metal)
            # NaN, which JSON has not: an atom was lost.
            errors[f"{timestep:g} fs"] = round(found, 5) if math.isfinite(found) else None
        records.append({"system": f"{species}{n_atoms}", "temperature_K": kelvin, "errors": errors})
        print(records[-1], flush=True)
    told = {
        "command": "python benchmarks/timestep.py",
        "cpu": cpu_model(),
        "versions": versions(),
        "records": records,
    }
    RESULT.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
