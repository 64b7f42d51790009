"""Make the small landscape that ships: ``python benchmarks/make_small_landscape.py RUN TARGET``.

A few hundred of a run's unique minima, as many of each class as there are room and structures
for, spread evenly over their energies, with the hot snapshots they came from.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from nanochart.landscape import SCHEMA, create_landscape, open_landscape
from nanochart.structure.classes import CLASS_NAMES

N_STRUCTURES = 256


def chosen(codes: np.ndarray, energies: np.ndarray) -> np.ndarray:
    """Return which structures to keep, ascending: equal shares of the classes, where possible."""
    kept: list[int] = []
    counts = {code: int((codes == code).sum()) for code in range(len(CLASS_NAMES))}
    waiting = sorted((code for code in counts if counts[code]), key=lambda code: counts[code])
    while waiting:  # rarest class first: what it cannot fill goes to the others
        share = (N_STRUCTURES - len(kept)) // len(waiting)
        members = np.flatnonzero(codes == waiting.pop(0))
        members = members[np.argsort(energies[members], kind="stable")]
        places = np.linspace(0, len(members) - 1, min(share, len(members))).astype(int)
        kept += members[np.unique(places)].tolist()
    return np.sort(kept)


def main(source: Path, target: Path) -> None:
    """Copy the chosen structures, group by group."""
    run = open_landscape(source)
    unique = run["unique"]
    rows = unique.read("snapshot")
    codes = run["classes"].read("cluster_class")[rows]
    places = chosen(codes, run["quenched"].read("energy")[rows])
    small = create_landscape(
        target, species=run.species, n_atoms=run.n_atoms, made_from="benchmarks/au90-long.toml"
    )
    for name in ("snapshots", "quenched", "classes", "unique"):
        old = run[name]
        taken = places if name == "unique" else rows[places]
        columns = {variable: old.read_rows(variable, taken) for variable in SCHEMA[name]}
        if name == "unique":
            columns["snapshot"] = np.arange(len(places))  # the rows have moved together
        flags = {
            variable: dict(
                zip(
                    old.variable_attributes(variable)["flag_values"],
                    old.variable_attributes(variable)["flag_meanings"].split(),
                    strict=True,
                )
            )
            for variable in SCHEMA[name]
            if "flag_values" in old.variable_attributes(variable)
        }
        keep = {k: v for k, v in old.attributes.items() if k in ("window", "bandwidth")}
        group = small.start_group(
            name,
            len(places),
            chunk=len(places),
            sizes={"bin": unique.read("rdf", 0, 1).shape[1]},
            flags=flags,
            attributes=keep,
        )
        group.write(0, **columns)
        group.commit(len(places))
    print({name: int((codes[places] == code).sum()) for code, name in enumerate(CLASS_NAMES)})


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
