"""Where MD begins: a motif, a frame of a structure file, a snapshot or a family of a run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nanochart.composition import is_alloy, named_cluster
from nanochart.errors import NanochartError
from nanochart.formats import in_formula_order, read_structures
from nanochart.landscape import Landscape, open_landscape
from nanochart.sampling.potentials import AsePotential, Potential, built_in
from nanochart.sampling.rgl import PARAMETER_SETS
from nanochart.sampling.seeds import MOTIFS
from nanochart.workflow.config import RunFile, parse_run_file, read_run_file
from nanochart.workflow.sample import potential_of

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Start:
    """Where a run begins.

    ``name`` a motif, or the hash of a file's positions: what a resumed run must agree on;
    ``positions`` (n_atoms, 3) Å of a file, None for a motif, which is built when it is needed;
    ``n_atoms``; ``potential``.
    """

    name: str
    positions: Array | None
    n_atoms: int
    potential: Potential


def find_start(
    start: str,
    *,
    species: str | None,
    n_atoms: int | None,
    frame: int | None = None,
    family: int | None = None,
    potential: str | None,
) -> Start:
    """Return where a run begins: a motif by name, in any case, a frame of a file, or of a run.

    Raises
    ------
    NanochartError
        The file or frame cannot be used, or what a motif needs is not given; or the run's potential
        is code (an ASE calculator) that ``potential`` does not name.
    """
    of_run: Potential | None = None
    motif = {name.lower(): name for name in MOTIFS}.get(start.lower())
    folder = motif is None and Path(start).is_dir()
    if family is not None and not folder:
        raise NanochartError(f"{start}: --family needs a run folder to begin at")
    if motif is None:
        if folder:
            positions, of_run = _structure_of_run(Path(start), frame, family)
            species = of_run.species
        elif not Path(start).is_file():
            raise NanochartError(
                f"{start}: no such file, and no motif; those are {', '.join(MOTIFS)}"
            )
        else:
            positions, species = _frame_of(Path(start), frame or 0, species, n_atoms)
        n_atoms = len(positions)
        name = f"sha256 {hashlib.sha256(positions.tobytes()).hexdigest()}"
    else:
        positions, name = None, motif
        if species is None and potential is not None:
            species = _species_named(potential)
        if species is not None and (is_alloy(species) or not species.isalpha()):
            species, n_atoms = named_cluster(species, n_atoms)
        if species is None or n_atoms is None:
            lacking = "--species" if species is None else "--n-atoms"
            raise NanochartError(f"the motif {motif} needs {lacking}")
        if n_atoms < 2:
            raise NanochartError(f"a cluster needs at least 2 atoms, not {n_atoms}")
    return Start(name, positions, n_atoms, _potential(potential, species, of_run, start))


def _potential(asked: str | None, species: str, of_run: Potential | None, start: str) -> Potential:
    """Return what moves the atoms: what was asked for, the run's, or the species' own."""
    if asked is not None and ":" not in asked:
        return potential_named(asked, species)
    if isinstance(of_run, AsePotential) and asked != of_run.calculator:
        # A run folder may come from anywhere, and this potential is code to be run.
        raise NanochartError(
            f"{start}: its potential runs the code {of_run.calculator}; if you trust it, give "
            f"--potential {of_run.calculator}"
        )
    if asked is not None and not isinstance(of_run, AsePotential):
        raise NanochartError(
            f"the potential {asked} names code: only a run folder with such a [potential] takes it"
        )
    return of_run or built_in(species)


def potential_named(name: str, species: str) -> Potential:
    """Return an RGL set by its name, or the potential of a run file or a run folder.

    Raises
    ------
    NanochartError
        There is no such set, or the file cannot be read; it is of another species; or a folder's
        potential is code.
    """
    path = Path(name)
    if not _is_run(path):
        return built_in(species, name)
    found = potential_of(_run_file(path))
    if isinstance(found, AsePotential) and path.is_dir():
        raise NanochartError(
            f"{path}: its potential runs the code {found.calculator}; if you trust it, give "
            f"--potential {path / 'run.toml'}"
        )
    if found.species != species:
        raise NanochartError(
            f"the potential of {path} is for {found.species}, but the cluster is of {species}"
        )
    return found


def _species_named(potential: str) -> str | None:
    """Return the species that a potential is for, where its name tells."""
    if _is_run(Path(potential)):
        return _run_file(Path(potential)).system.species
    return PARAMETER_SETS[potential].species if potential in PARAMETER_SETS else None


def _is_run(path: Path) -> bool:
    return path.suffix == ".toml" or path.is_dir()


def _frame_of(
    path: Path, frame: int, species: str | None, n_atoms: int | None
) -> tuple[Array, str]:
    """Return one frame (n_atoms, 3) of a structure file, and its species."""
    for block in read_structures(path, species=species, n_atoms=n_atoms, alloys=True):
        if frame in block.frames:
            block = in_formula_order(block)
            return np.ascontiguousarray(block.positions[block.frames == frame][0]), block.species
    raise NanochartError(f"{path}: has no frame {frame}; they count from 0")


def _structure_of_run(
    folder: Path, frame: int | None, family: int | None
) -> tuple[Array, Potential]:
    """Return one quenched structure (n_atoms, 3) of a run folder, and the run's potential."""
    if (frame is None) == (family is None):
        raise NanochartError(
            f"{folder}: is a run folder; say where to begin: --frame (a snapshot) or --family"
        )
    potential = potential_of(_run_file(folder))
    landscape = open_landscape(folder)
    if "quenched" not in landscape:
        raise NanochartError(
            f"{folder}: has no quenched structures yet; go on with `nanochart run`"
        )
    if family is not None:
        frame = _representative(folder, landscape, family)
    quenched = landscape["quenched"]
    if frame is None or not frame < quenched.committed:
        raise NanochartError(
            f"{folder}: has no snapshot {frame}; they count from 0 to {quenched.committed - 1}"
        )
    positions = quenched.read_rows("positions", np.array([frame]))[0]
    return np.ascontiguousarray(positions, dtype=np.float64), potential


def _run_file(path: Path) -> RunFile:
    """Return a run file, or that of a run folder."""
    if not path.is_file():
        if not (path / "run.toml").is_file():
            raise NanochartError(f"{path}: is no run folder; make one with `nanochart run`")
        path = path / "run.toml"
    return parse_run_file(read_run_file(path), where=str(path))


def _representative(folder: Path, landscape: Landscape, family: int) -> int:
    """Return the snapshot whose structure is nearest to a family's centre."""
    from nanochart.chart.chart import load_chart

    families = load_chart(folder / "chart.safetensors").families
    if families is None or "chart" not in landscape:
        raise NanochartError(f"{folder}: has no families yet; go on with `nanochart run`")
    centre = np.asarray(families[family].centre)
    rows = landscape["unique"].read("snapshot")
    cvs = landscape["chart"].read("cvs")[rows]
    return int(rows[np.argmin(np.linalg.norm(cvs - centre, axis=1))])
