"""Low minima of a cluster by basin hopping from the motif seeds: parallel, resumable.

A folder holds the walks (``walks.npz``, replaced after every round), the lowest minimum of every
class (``minima.extxyz``) and their energies (``minima.csv``).
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanochart.composition import cluster_name, symbols_of
from nanochart.errors import NanochartError
from nanochart.files import replacing, write_text
from nanochart.formats import write_extxyz
from nanochart.parallel import map_ordered, workers
from nanochart.progress import Progress, silent
from nanochart.sampling.basin_hopping import HoppingSettings, Stretch, Walk, hop
from nanochart.sampling.lammps import engine_for
from nanochart.sampling.potentials import Potential, built_in
from nanochart.sampling.quench import QuenchSettings, local_minimum
from nanochart.sampling.seeds import Seed, seed_clusters
from nanochart.structure.classes import CLASS_NAMES, cluster_class
from nanochart.structure.cna import environments_and_axes
from nanochart.structure.cutoffs import cluster_cutoff

Array = NDArray[np.float64]

#: Hops of every walk between two commits: what a kill can cost.
_ROUND = 20
#: Largest force component of the minima written, eV/Å.
_FINAL_TOLERANCE = 1e-5


@dataclass(frozen=True)
class _Search:
    """Walks, and the lowest minimum of each class so far.

    ``energies`` (n_classes,) eV, infinite where a class was not seen; ``positions`` (n_classes,
    n_atoms, 3) Å; ``walks`` and ``steps`` (n_classes,) where and when it was found.
    """

    running: tuple[Walk, ...]
    energies: Array
    positions: Array
    walks: NDArray[np.int64]
    steps: NDArray[np.int64]


def find_minima(
    species: str,
    n_atoms: int,
    folder: Path,
    *,
    potential: str | None = None,
    n_steps: int = 1000,
    n_walks: int = 1,
    settings: HoppingSettings | None = None,
    n_workers: int = 0,
    scheduler: str | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Search low minima, or go on where the folder's search stopped.

    Parameters
    ----------
    species, n_atoms
        The cluster: chemical symbol, or the formula of an alloy.
    folder
        Made if it is not there.
    potential
        RGL set; by default the species'.
    n_steps
        Hops of every walk, in all: more of them go on.
    n_walks
        Walks from every motif, in an alloy from every placement of the elements on it.
    settings
        Of the hops.
    n_workers, scheduler
        As of :func:`nanochart.parallel.workers`.
    progress
        Called after every round.

    Returns
    -------
    dict
        The table of minima, lowest first, and where it lies.

    Raises
    ------
    NanochartError
        No potential or no seed; a folder of another search.
    """
    named = built_in(species, potential or "")
    settings = settings or HoppingSettings()
    identity = {
        "species": species,
        "n_atoms": n_atoms,
        "potential": named.name,
        "walks_per_motif": n_walks,
        **asdict(settings),
    }
    _claim(folder, identity)
    engine = engine_for(named, n_atoms)
    seeds = seed_clusters(engine, seed=settings.seed)
    search = _resumed(folder) or _begun(seeds, n_walks, named)
    with workers(n_workers, scheduler=scheduler) as executor:
        while (done := search.running[0].steps) < n_steps:
            tasks = (
                (walk, min(_ROUND, n_steps - done), named, settings) for walk in search.running
            )
            stretches = list(map_ordered(executor, hop, tasks))
            search = _with(search, stretches, named)
            _save(folder, search)
            progress(done + _ROUND, n_steps, energy=float(search.energies.min()))
    rows = _written(folder, search, seeds, n_walks, named)
    return {
        "system": cluster_name(species, n_atoms),
        "potential": named.name,
        "steps": search.running[0].steps,
        "walks": len(search.running),
        "minima": rows,
        "output": str(folder / "minima.extxyz"),
    }


def _claim(folder: Path, identity: dict[str, Any]) -> None:
    """Mark a folder as that of this search, or refuse if it is another's."""
    path = folder / "search.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        there = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    except (OSError, ValueError) as error:
        raise NanochartError(f"{folder}: cannot be used ({error})") from None
    if there is not None and there != identity:
        changed = ", ".join(k for k in identity if there.get(k) != identity[k])
        raise NanochartError(
            f"{folder}: holds a search with another {changed}; give another folder"
        )
    write_text(path, json.dumps(identity, indent=1) + "\n")


def _begun(seeds: list[Seed], n_walks: int, potential: Potential) -> _Search:
    n_atoms, n_classes = len(seeds[0].positions), len(CLASS_NAMES)
    empty = _Search(
        running=tuple(
            Walk(number, seed.positions, seed.energy)
            for number, seed in enumerate(seed for seed in seeds for _ in range(n_walks))
        ),
        energies=np.full(n_classes, np.inf),
        positions=np.zeros((n_classes, n_atoms, 3)),
        walks=np.zeros(n_classes, dtype=np.int64),
        steps=np.zeros(n_classes, dtype=np.int64),
    )
    starts = [
        Stretch(walk, walk.positions[None], np.array([walk.energy])) for walk in empty.running
    ]
    return _with(empty, starts, potential)


def _with(search: _Search, stretches: Iterable[Stretch], potential: Potential) -> _Search:
    """Return the search after each of its walks went on a stretch."""
    energies, positions = search.energies.copy(), search.positions.copy()
    walks, steps = search.walks.copy(), search.steps.copy()
    running = []
    for stretch in stretches:
        running.append(stretch.walk)
        if not len(stretch.energies):
            continue
        codes = _classes(stretch.positions, potential)
        for code, energy, one in zip(codes, stretch.energies, stretch.positions, strict=True):
            if energy < energies[code]:
                energies[code], positions[code] = energy, one
                walks[code], steps[code] = stretch.walk.number, stretch.walk.steps
    return _Search(tuple(running), energies, positions, walks, steps)


def _classes(positions: Array, potential: Potential) -> NDArray[np.int8]:
    cutoff = cluster_cutoff(potential.species, positions.shape[1], potential.r0)
    environments, n_axes = environments_and_axes(positions, cutoff)
    return cluster_class(environments, n_axes)


def _save(folder: Path, search: _Search) -> None:
    path = folder / "walks.npz"
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            current=np.stack([walk.positions for walk in search.running]),
            current_energies=np.array([walk.energy for walk in search.running]),
            done=np.array([walk.steps for walk in search.running]),
            energies=search.energies,
            positions=search.positions,
            walks=search.walks,
            steps=search.steps,
        )


def _resumed(folder: Path) -> _Search | None:
    path = folder / "walks.npz"
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as kept:
            current, current_energies, done = (
                kept[name] for name in ("current", "current_energies", "done")
            )
            return _Search(
                running=tuple(
                    Walk(i, current[i], float(current_energies[i]), int(done[i]))
                    for i in range(len(current))
                ),
                **{name: kept[name] for name in ("energies", "positions", "walks", "steps")},
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise NanochartError(
            f"{path}: is damaged ({error}); delete the folder and search again"
        ) from None


def _written(
    folder: Path, search: _Search, seeds: list[Seed], n_walks: int, potential: Potential
) -> list[dict[str, Any]]:
    """Write the lowest minimum of every class, quenched to the end; return their table."""
    to_the_end = QuenchSettings(force_tolerance=_FINAL_TOLERANCE, max_steps=20_000)
    rows: list[dict[str, Any]] = []
    structures = []
    for code in np.flatnonzero(np.isfinite(search.energies)):
        final = local_minimum(search.positions[code], potential, to_the_end)
        structures.append(final.positions)
        rows.append(
            {
                "class": CLASS_NAMES[code],
                "energy": final.energy,
                "from": seeds[int(search.walks[code]) // n_walks].name,
                "walk": int(search.walks[code]),
                "steps": int(search.steps[code]),
            }
        )
    order = np.argsort([row["energy"] for row in rows], kind="stable")
    lowest = rows[order[0]]["energy"]
    rows = [{**rows[i], "above_lowest": rows[i]["energy"] - lowest} for i in order]
    frames = ((structures[i], dict(row)) for i, row in zip(order, rows, strict=True))
    write_extxyz(
        folder / "minima.extxyz", frames, symbols_of(potential.species, len(seeds[0].positions))
    )
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(folder / "minima.csv", text.getvalue())
    return rows
