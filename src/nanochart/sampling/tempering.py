"""Parallel-tempering molecular dynamics (PTMD): replicas at a ladder of temperatures, swapped.

A cycle is a swap attempt and a segment of Langevin dynamics: neighbouring temperatures exchange
configurations with probability min(1, exp[(β_i − β_j)(U_i − U_j)]), alternately over even and odd
pairs, velocities scaled by √(T_new/T_old); halfway through the segment a snapshot is taken. In an
alloy a segment begins with species swaps (`nanochart.sampling.species_swaps`).
A replica is a value, and a segment is a pure function of it and of a seed derived from (run seed,
replica, cycle), so any worker may do any segment and a resumed run gives the same bits.
Sugita & Okamoto, Chem. Phys. Lett. 314, 141 (1999); Settem et al., Nanoscale 14, 939 (2022).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from nanochart.composition import in_words
from nanochart.errors import NanochartError
from nanochart.parallel import InProcess, map_ordered
from nanochart.sampling.interactions import wall_of
from nanochart.sampling.lammps import Engine, engine_for
from nanochart.sampling.potentials import Potential
from nanochart.sampling.species_swaps import energy_function, species_swapped
from nanochart.units import BOLTZMANN

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

#: Steps without a bath that tell whether the time step is sound, and between two looks at them.
_TRIAL_STEPS, _TRIAL_PIECE = 500, 10
#: An atom further than this (r0) from all others has left: no potential here binds that far.
_LEFT = 2.0

# What a random number is for, so that no two uses share a stream.
_VELOCITIES, _MOTION, _SWAPS, _SPECIES = range(4)


@dataclass(frozen=True)
class PtmdSettings:
    """How to run PTMD.

    Parameters
    ----------
    temperatures
        The ladder, K, increasing.
    n_steps
        MD steps between two swap attempts; even, as the snapshot is taken halfway.
    timestep
        fs.
    damping
        Langevin damping time, ps.
    seed
        Of the run; everything random derives from it.
    species_swaps
        Attempts of every replica in every cycle to exchange two unlike atoms.
    """

    temperatures: tuple[float, ...]
    n_steps: int = 50_000
    timestep: float = 5.0
    damping: float = 1.0
    seed: int = 0
    species_swaps: int = 0

    def __post_init__(self) -> None:
        ladder = np.asarray(self.temperatures, dtype=float)
        if ladder.size == 0 or not np.isfinite(ladder).all() or ladder.min() <= 0:
            raise NanochartError("temperatures: give at least one, all positive (K)")
        falls = np.flatnonzero(np.diff(ladder) <= 0)
        if falls.size:
            raise NanochartError(
                f"temperatures: the ladder must increase, but {ladder[falls[0]]:g} K is followed "
                f"by {ladder[falls[0] + 1]:g} K"
            )
        if self.n_steps < 2 or self.n_steps % 2:
            raise NanochartError(
                f"n_steps: {self.n_steps} must be even and at least 2 (the snapshot is halfway)"
            )


@dataclass(frozen=True)
class Replicas:
    """The state of a PTMD run between two cycles; row i is at temperature i of the ladder.

    ``positions`` (n_replicas, n_atoms, 3) Å; ``velocities`` the same, Å/ps; ``energies``
    (n_replicas,) eV, potential; ``walkers`` (n_replicas,) which start each configuration stems
    from; ``swap_attempts`` and ``swap_accepts`` (n_replicas − 1,) per pair of neighbours;
    ``species_attempts`` and ``species_accepts`` (n_replicas,) per temperature; ``cycle`` how many
    cycles are done.
    """

    positions: Array
    velocities: Array
    energies: Array
    walkers: Integers
    swap_attempts: Integers
    swap_accepts: Integers
    species_attempts: Integers
    species_accepts: Integers
    cycle: int

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the state as named arrays, to be kept in a file."""
        return {name: np.asarray(getattr(self, name)) for name in self.__dataclass_fields__}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[np.generic]]) -> Replicas:
        """Return the state kept by :meth:`arrays`."""
        none = np.zeros(len(arrays["energies"]), dtype=np.int64)  # runs before there were alloys
        known = {"species_attempts": none, "species_accepts": none, **arrays}
        values = {name: known[name] for name in cls.__dataclass_fields__ if name != "cycle"}
        return cls(**values, cycle=int(arrays["cycle"]))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Snapshots:
    """One configuration of every replica, halfway through a cycle.

    ``positions`` (n_replicas, n_atoms, 3) Å, not quenched; ``energies`` (n_replicas,) eV;
    ``walkers`` (n_replicas,).
    """

    positions: Array
    energies: Array
    walkers: Integers


@dataclass(frozen=True)
class _Segment:
    """A task for a worker: one replica through one cycle."""

    potential: Potential
    timestep: float
    damping: float
    n_steps: int
    temperature: float
    positions: Array
    velocities: Array
    seeds: tuple[int, int]
    species_swaps: int
    species_key: tuple[int, ...]


def initial_replicas(
    starts: Sequence[Array], settings: PtmdSettings, potential: Potential
) -> Replicas:
    """Return the replicas of a new run, with Maxwell velocities.

    Parameters
    ----------
    starts
        Clusters (n_atoms, 3) Å, dealt to the temperatures in turn: one for all, as in the
        literature, or several motifs.
    settings
        Ladder and seed.
    potential
        Gives the mass.
    """
    n_replicas, n_atoms = len(settings.temperatures), len(starts[0])
    engine = engine_for(potential, n_atoms, settings.timestep)
    positions = np.stack([starts[i % len(starts)] for i in range(n_replicas)])
    velocities = np.stack(
        [
            engine.thermal_velocities(kelvin, _rng(settings.seed, _VELOCITIES, i))
            for i, kelvin in enumerate(settings.temperatures)
        ]
    )
    return Replicas(
        positions=positions,
        velocities=velocities,
        energies=np.array([engine.energy_and_forces(one)[0] for one in positions]),
        walkers=np.arange(n_replicas),
        swap_attempts=np.zeros(n_replicas - 1, dtype=np.int64),
        swap_accepts=np.zeros(n_replicas - 1, dtype=np.int64),
        species_attempts=np.zeros(n_replicas, dtype=np.int64),
        species_accepts=np.zeros(n_replicas, dtype=np.int64),
        cycle=0,
    )


def timestep_error(replicas: Replicas, settings: PtmdSettings, potential: Potential) -> float:
    """Return how badly a time step keeps the energy at the hottest temperature: 0 is exact.

    The fluctuation of the total energy without a bath over that of the kinetic energy, after a
    short time in the bath. It grows with the square of the step: metals at 5 fs have 0.002 to
    0.01; at 0.05 averages begin to be off. NaN where even this short time loses an atom.
    """
    kelvin = settings.temperatures[-1]
    engine = engine_for(potential, replicas.positions.shape[1], settings.timestep)
    try:
        positions, velocities, _ = engine.advance(
            replicas.positions[-1],
            replicas.velocities[-1],
            temperature=kelvin,
            n_steps=_TRIAL_STEPS,
            damping=0.1,
            seed=1,
        )
        free = engine.trajectory(
            positions,
            velocities,
            temperature=kelvin,
            n_frames=_TRIAL_STEPS // 2,
            steps_per_frame=1,
            damping=None,
            seed=1,
        )
    except NanochartError:
        return float("nan")
    kinetic = 1.5 * len(positions) * BOLTZMANN * free.temperatures
    return float(np.std(free.energies + kinetic) / np.std(kinetic))


def ptmd(
    replicas: Replicas,
    settings: PtmdSettings,
    potential: Potential,
    *,
    n_cycles: int,
    executor: Executor | None = None,
) -> Iterator[tuple[Replicas, Snapshots]]:
    """Run PTMD from a state, cycle by cycle.

    Parameters
    ----------
    replicas
        Where to start: :func:`initial_replicas`, or the state a former run ended with.
    settings, potential
        As they were when the run began.
    n_cycles
        Run until this many cycles are done in all, counted from the run's beginning.
    executor
        Where the segments run; none means here.

    Yields
    ------
    replicas, snapshots
        The state after each cycle, and the configurations halfway through it.

    Raises
    ------
    NanochartError
        A cluster evaporated or exploded; the message names temperature and cycle.
    """
    executor = executor or InProcess()
    while replicas.cycle < n_cycles:
        replicas = swapped(replicas, settings)
        segments = [
            _segment(replicas, index, settings, potential)
            for index in range(len(settings.temperatures))
        ]
        try:
            ends = list(map_ordered(executor, _advance, segments, in_flight=len(segments)))
        except NanochartError as error:
            raise NanochartError(f"cycle {replicas.cycle}: {error}") from None
        halfway, moved, velocities, half_energies, energies, accepts = map(
            np.stack, zip(*ends, strict=True)
        )
        snapshots = Snapshots(halfway, half_energies, replicas.walkers)
        replicas = replace(
            replicas,
            positions=moved,
            velocities=velocities,
            energies=energies,
            species_attempts=replicas.species_attempts + settings.species_swaps,
            species_accepts=replicas.species_accepts + accepts,
            cycle=replicas.cycle + 1,
        )
        yield replicas, snapshots


def swapped(replicas: Replicas, settings: PtmdSettings) -> Replicas:
    """Return the replicas after one round of swap attempts between neighbouring temperatures."""
    kelvin = np.asarray(settings.temperatures)
    beta = 1.0 / (BOLTZMANN * kelvin)
    uniform = _rng(settings.seed, _SWAPS, replicas.cycle).random(len(kelvin) - 1)
    order = np.arange(len(kelvin))  # order[i]: which row comes to temperature i
    attempts, accepts = replicas.swap_attempts.copy(), replicas.swap_accepts.copy()
    for i in range(replicas.cycle % 2, len(kelvin) - 1, 2):
        exponent = (beta[i] - beta[i + 1]) * (replicas.energies[i] - replicas.energies[i + 1])
        attempts[i] += 1
        if exponent >= 0 or uniform[i] < np.exp(exponent):
            accepts[i] += 1
            order[i], order[i + 1] = i + 1, i
    rescale = np.sqrt(kelvin / kelvin[order])
    return replace(
        replicas,
        positions=replicas.positions[order],
        velocities=replicas.velocities[order] * rescale[:, None, None],
        energies=replicas.energies[order],
        walkers=replicas.walkers[order],
        swap_attempts=attempts,
        swap_accepts=accepts,
    )


def _segment(
    replicas: Replicas, index: int, settings: PtmdSettings, potential: Potential
) -> _Segment:
    first, second = _rng(settings.seed, _MOTION, replicas.cycle, index).integers(
        1, 900_000_000, size=2
    )
    return _Segment(
        potential=potential,
        timestep=settings.timestep,
        damping=settings.damping,
        n_steps=settings.n_steps,
        temperature=settings.temperatures[index],
        positions=replicas.positions[index],
        velocities=replicas.velocities[index],
        seeds=(int(first), int(second)),
        species_swaps=settings.species_swaps,
        species_key=(settings.seed, _SPECIES, replicas.cycle, index),
    )


def _advance(task: _Segment) -> tuple[Array, Array, Array, float, float, int]:
    """Run one segment: positions halfway, positions and velocities at the end, both energies.

    And how many species swaps were accepted.
    """
    engine = engine_for(task.potential, len(task.positions), task.timestep)
    velocities, accepts = task.velocities, 0
    if task.species_swaps:
        swapped_ones = species_swapped(
            task.positions,
            engine.symbols,
            energy_function(task.potential, engine),
            temperature=task.temperature,
            n_attempts=task.species_swaps,
            rng=_rng(*task.species_key),
        )
        accepts = swapped_ones.accepts
        task = replace(task, positions=swapped_ones.positions)
    positions = task.positions
    halves = []
    for seed in task.seeds:
        try:
            positions, velocities, energy = engine.advance(
                positions,
                velocities,
                temperature=task.temperature,
                n_steps=task.n_steps // 2,
                damping=task.damping,
                seed=seed,
            )
        except NanochartError as error:
            raise NanochartError(f"{error}; {_cause(engine, task)}") from None
        kelvin = engine.kinetic_temperature(velocities)
        if not kelvin < _hottest(task):
            raise NanochartError(
                f"MD of {in_words(task.potential.species, len(positions))} in a bath of "
                f"{task.temperature:g} K is at {kelvin:.3g} K: {_cause(engine, task)}"
            )
        if (left := _departure(positions, task)) is not None:
            raise NanochartError(f"{left}; {_cause(engine, task)}")
        halves.append((positions, energy))
    (halfway, half_energy), (end, energy) = halves
    return halfway, end, velocities, half_energy, energy, accepts


def _hottest(task: _Segment) -> float:
    """Return the kinetic temperature (K) that a sound trajectory never has.

    That of 3N momenta fluctuates by T·√(2/3N); ten of these, and twice T for anything unforeseen.
    """
    return task.temperature * (2.0 + 10.0 * math.sqrt(2.0 / (3 * len(task.positions))))


def _departure(positions: Array, task: _Segment) -> str | None:
    """Return what has come off a cluster, if anything has: LAMMPS sees it only far outside.

    A wall brings back what leaves, so within one nothing is amiss.
    """
    if wall_of(task.potential) is not None:
        return None
    n_atoms = len(positions)
    pairs = cKDTree(positions).query_pairs(_LEFT * task.potential.r0, output_type="ndarray")
    links = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n_atoms, n_atoms))
    n_pieces, labels = connected_components(links, directed=False)
    if n_pieces == 1:
        return None
    apart = labels != np.argmax(np.bincount(labels))
    atoms = np.flatnonzero(apart)
    distance = float(cKDTree(positions[~apart]).query(positions[apart])[0].min())
    which = f"atom {atoms[0]}" if len(atoms) == 1 else f"{len(atoms)} atoms, {atoms[0]} the first"
    return (
        f"MD of {in_words(task.potential.species, n_atoms)} at {task.temperature:g} K: {which} "
        f"(counted from 0), {distance:.1f} Å away from the others"
    )


def _cause(engine: Engine, task: _Segment) -> str:
    """Return why a segment failed: at constant energy, a sound time step keeps the energy.

    The segment's first steps are done again without a bath, as far as no atom is lost. An energy
    off by half of the kinetic energy means a time step that is too long, and so does an atom lost
    at once: none gets that far in a few sound steps.
    """
    per_kelvin = 1.5 * len(task.positions) * BOLTZMANN
    positions, velocities = task.positions, task.velocities
    drift = float("nan")
    try:
        before = engine.energy_and_forces(positions)[0]
        before += per_kelvin * engine.kinetic_temperature(velocities)
        for _ in range(0, _TRIAL_STEPS, _TRIAL_PIECE):
            positions, velocities, energy = engine.advance(
                positions,
                velocities,
                temperature=task.temperature,
                n_steps=_TRIAL_PIECE,
                damping=None,
                seed=1,
            )
            drift = energy + per_kelvin * engine.kinetic_temperature(velocities) - before
            if not abs(drift) < 0.5 * per_kelvin * task.temperature:
                break
    except NanochartError:
        pass  # an atom left the box; what counts is the energy until then
    if not abs(drift) < 0.5 * per_kelvin * task.temperature:
        told = f" by {drift:.2g} eV" if np.isfinite(drift) else " without end"
        return (
            f"without a bath the energy drifts{told}, so the time step of {task.timestep:g} fs is "
            "too long: halve it"
        )
    return (
        "without a bath the energy is kept, so the time step is not at fault: an atom evaporated. "
        "Lower the highest temperature, or hold the cluster by a wall"
    )


def _rng(*key: int) -> np.random.Generator:
    """Return the random stream of one purpose, cycle and replica of one run."""
    return np.random.default_rng(np.random.SeedSequence(list(key)))
