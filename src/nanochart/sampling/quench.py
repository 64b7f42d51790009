"""Quench: every configuration to its local minimum, failures flagged, none dropped.

Down to a largest force component: RGL clusters by L-BFGS (`nanochart.sampling.descent`), those of
other potentials by conjugate gradient in LAMMPS. Where forces are still 1e-3 eV/Å several percent
of structures rest on a saddle or in a shallow valley: L-BFGS goes on to 1e-5, and a kick leaves
what is left of those.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from nanochart.errors import NanochartError
from nanochart.parallel import InProcess, map_ordered
from nanochart.positions import Structures, as_clusters
from nanochart.progress import Progress, silent
from nanochart.sampling.descent import descend
from nanochart.sampling.interactions import half_box
from nanochart.sampling.lammps import Quench, engine_for
from nanochart.sampling.potentials import Potential, built_in
from nanochart.sampling.rgl import Rgl, rgl
from nanochart.sampling.rgl_alloys import ALLOY_SETS

Array = NDArray[np.float64]
Minimiser = Literal["auto", "lammps"]

#: Tolerances, eV/Å, where none is given. Of 1,000 Au147 at 300 to 600 K, 78 would go on by more
#: than 0.1 meV after 1e-3 by L-BFGS, and 1 after 1e-5.
_TOLERANCE, _LAMMPS_TOLERANCE = 1e-5, 1e-3
#: How much lower (eV) a kicked structure must come to rest to be taken instead: well above what the
#: tolerance leaves undone.
_LOWER = 1e-5
#: Structures a worker quenches per task: a third of a second's work, little to send.
_BATCH = 16


@dataclass(frozen=True)
class QuenchSettings:
    """How far to go down, and how.

    Parameters
    ----------
    force_tolerance
        Largest force component allowed, eV/Å. None: 1e-5 for L-BFGS, which still takes a quarter of
        the time that LAMMPS takes to 1e-3, its default.
    max_steps
        Iterations.
    minimiser
        ``"auto"``: L-BFGS for an RGL set, LAMMPS' conjugate gradient for other potentials;
        ``"lammps"``: that for all.
    kick
        Largest displacement along an axis, Å, of a kick after which a structure is quenched again,
        and the lower of the two minima taken: it leaves saddles and shallow valleys. 0: none.
    """

    force_tolerance: float | None = None
    max_steps: int = 5000
    minimiser: Minimiser = "auto"
    kick: float = 0.0

    def __post_init__(self) -> None:
        if self.minimiser not in get_args(Minimiser):
            raise NanochartError(
                f"minimiser: {self.minimiser!r} is none of {', '.join(get_args(Minimiser))}"
            )
        if self.force_tolerance is not None and not self.force_tolerance > 0:
            raise NanochartError("force_tolerance: must be positive, in eV/Å")
        if not self.kick >= 0:
            raise NanochartError("kick: must be a length in Å, or 0 for none")


@dataclass(frozen=True)
class Minima:
    """Quenched structures.

    ``positions`` (n_structures, n_atoms, 3) Å, centred, an alloy's atoms in the order of its
    formula (`nanochart.composition`); ``energies`` (n_structures,) eV; ``max_forces``
    (n_structures,) eV/Å; ``converged`` (n_structures,) bool. Where ``converged``
    is False the structure is as far as the minimiser came; an energy is NaN and the positions
    those given where it broke apart.
    """

    positions: Array
    energies: Array
    max_forces: Array
    converged: NDArray[np.bool_]


def quench(
    structures: Structures,
    *,
    potential: str | Potential | None = None,
    species: str | None = None,
    settings: QuenchSettings | None = None,
    executor: Executor | None = None,
    progress: Progress = silent,
) -> Minima:
    """Return the local minimum below each structure.

    Parameters
    ----------
    structures
        Positions (n_structures, n_atoms, 3) in Å, ``ase.Atoms`` or a list of them.
    potential
        A potential, or the name of an RGL set; by default the species' own.
    species
        Chemical symbol, or the formula of an alloy, for bare arrays without ``potential``.
    settings
        Tolerance and step limit.
    executor
        Where to run; none means here.
    progress
        Called after each batch.

    Raises
    ------
    NanochartError
        Bad structures, an unknown potential, or a potential of another element.
    """
    named = None if isinstance(potential, str) else potential
    if species is None and named is not None:
        species = named.species
    if isinstance(potential, str) and potential not in ALLOY_SETS:
        species = species or rgl(potential).species
    positions, found = as_clusters(structures, species=species)
    if found is None:
        raise NanochartError("quench: the element of bare positions is unknown; give species=")
    if named is None:
        named = built_in(found, potential if isinstance(potential, str) else "")
    batches = (positions[i : i + _BATCH] for i in range(0, len(positions), _BATCH))
    done: list[Minima] = []
    finished = 0
    for minima in quench_batches(batches, named, settings or QuenchSettings(), executor):
        done.append(minima)
        finished += len(minima.energies)
        progress(finished, len(positions), failed=sum((~m.converged).sum() for m in done))
    return joined(done)


def quench_batches(
    batches: Iterable[Array],
    potential: Potential,
    settings: QuenchSettings,
    executor: Executor | None = None,
    *,
    in_flight: int = 16,
) -> Iterator[Minima]:
    """Quench batch after batch of checked positions (n, n_atoms, 3), in order, in flat memory.

    ``in_flight``: how many batches are under way at a time.
    """
    tasks = ((batch, potential, settings) for batch in batches)
    yield from map_ordered(executor or InProcess(), _quench_batch, tasks, in_flight=in_flight)


def joined(parts: list[Minima]) -> Minima:
    """Return several sets of minima as one."""
    return Minima(
        positions=np.concatenate([part.positions for part in parts]),
        energies=np.concatenate([part.energies for part in parts]),
        max_forces=np.concatenate([part.max_forces for part in parts]),
        converged=np.concatenate([part.converged for part in parts]),
    )


def local_minimum(
    positions: Array, potential: Potential, settings: QuenchSettings | None = None
) -> Quench:
    """Return the local minimum below one cluster (n_atoms, 3) Å."""
    one = _quench_batch((positions[np.newaxis], potential, settings or QuenchSettings()))
    return Quench(
        one.positions[0], float(one.energies[0]), float(one.max_forces[0]), bool(one.converged[0])
    )


def _quench_batch(task: tuple[Array, Potential, QuenchSettings]) -> Minima:
    positions, potential, settings = task
    minima = _descended(positions, potential, settings)
    if not settings.kick:
        return minima
    kicked = np.stack([_kicked(one, settings.kick) for one in minima.positions])
    again = _descended(kicked, potential, settings)
    lower = minima.converged & again.converged & (again.energies < minima.energies - _LOWER)
    return Minima(
        positions=np.where(lower[:, None, None], again.positions, minima.positions),
        energies=np.where(lower, again.energies, minima.energies),
        max_forces=np.where(lower, again.max_forces, minima.max_forces),
        converged=minima.converged,
    )


def _kicked(positions: Array, size: float) -> Array:
    """Return positions (n_atoms, 3) displaced at random, by numbers that they themselves seed.

    So a minimum depends neither on what was quenched before nor on who quenched it.
    """
    seed = hashlib.blake2b(np.ascontiguousarray(positions).tobytes(), digest_size=16).digest()
    rng = np.random.default_rng(int.from_bytes(seed, "little"))
    return positions + rng.uniform(-size, size, positions.shape)


def _descended(positions: Array, potential: Potential, settings: QuenchSettings) -> Minima:
    """Return where one descent ends from each structure."""
    n_atoms, max_steps = positions.shape[1], settings.max_steps
    if isinstance(potential, Rgl) and settings.minimiser == "auto":
        tolerance = settings.force_tolerance or _TOLERANCE
        room = half_box(potential, n_atoms)
        minima, energies, max_forces = descend(
            positions, potential, force_tolerance=tolerance, max_steps=max_steps, room=room
        )
        broken = np.isnan(energies)
        minima[broken] = positions[broken]
        return Minima(minima, energies, max_forces, max_forces <= tolerance)
    tolerance = settings.force_tolerance or _LAMMPS_TOLERANCE
    engine = engine_for(potential, n_atoms)
    found = [
        engine.quench(one, force_tolerance=tolerance, max_steps=max_steps) for one in positions
    ]
    return Minima(
        positions=np.stack([one.positions for one in found]),
        energies=np.array([one.energy for one in found]),
        max_forces=np.array([one.max_force for one in found]),
        converged=np.array([one.converged for one in found]),
    )
