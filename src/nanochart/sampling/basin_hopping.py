"""Basin hopping: low minima of a cluster, by moves, quenches and the Metropolis rule.

A walk goes from minimum to minimum: all atoms shaken, the worst bound atoms moved to other places
on the surface, one half of the cluster turned against the other, or unlike atoms of an alloy
exchanged. A stretch of a walk is a pure function of the walk and of a seed derived from (seed,
walk, step), so any worker may do it.
Wales & Doye, J. Phys. Chem. A 101, 5111 (1997); moves: Rossi & Ferrando, J. Phys.: Condens. Matter
21, 084208 (2009).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from nanochart.composition import symbols_of
from nanochart.errors import NanochartError
from nanochart.sampling.potentials import Potential
from nanochart.sampling.quench import local_minimum
from nanochart.sampling.species_swaps import unlike_pair
from nanochart.units import BOLTZMANN

Array = NDArray[np.float64]

#: Shares of shakes, surface moves and twists.
_MOVES = (0.4, 0.4, 0.2)
#: The same and species swaps, in an alloy: for every shape the elements have to find their places.
_ALLOY_MOVES = (0.2, 0.2, 0.1, 0.5)
#: Pairs that one species swap exchanges, at most.
_MOST_SWAPPED = 3


@dataclass(frozen=True)
class HoppingSettings:
    """``temperature`` of the Metropolis rule, K; ``shake``: largest displacement, r0; ``seed``."""

    temperature: float = 1500.0
    shake: float = 0.4
    seed: int = 0

    def __post_init__(self) -> None:
        if not (self.temperature > 0 and self.shake > 0):
            raise NanochartError("basin hopping: temperature (K) and shake (r0) must be positive")


@dataclass(frozen=True)
class Walk:
    """A walk between two hops: its ``number``, ``positions`` (n_atoms, 3) Å, ``energy`` eV."""

    number: int
    positions: Array
    energy: float
    steps: int = 0


@dataclass(frozen=True)
class Stretch:
    """Part of a walk: how it ended, and the minima it came to, those it turned back from, too.

    ``positions`` (n, n_atoms, 3) Å; ``energies`` (n,) eV.
    """

    walk: Walk
    positions: Array
    energies: Array


def hop(task: tuple[Walk, int, Potential, HoppingSettings]) -> Stretch:
    """Take a walk so many steps further.

    Parameters
    ----------
    task
        The walk, the number of hops, the potential and the settings: one value, as tasks are.
    """
    walk, n_steps, potential, settings = task
    symbols = symbols_of(potential.species, len(walk.positions))
    kinds = np.unique(symbols, return_inverse=True)[1]
    found: list[tuple[Array, float]] = []
    for step in range(walk.steps, walk.steps + n_steps):
        key = np.random.SeedSequence([settings.seed, walk.number, step])
        rng = np.random.default_rng(key)
        moved = _moved(walk.positions, kinds, potential.r0, settings.shake, rng)
        new = local_minimum(moved, potential)
        walk = replace(walk, steps=step + 1)
        if not new.converged or not _is_whole(new.positions, potential.r0):
            continue
        found.append((new.positions, new.energy))
        rise = (new.energy - walk.energy) / (BOLTZMANN * settings.temperature)
        if rise <= 0 or rng.random() < np.exp(-rise):
            walk = replace(walk, positions=new.positions, energy=new.energy)
    return Stretch(
        walk,
        np.array([positions for positions, _ in found]).reshape(-1, *walk.positions.shape),
        np.array([energy for _, energy in found], dtype=np.float64),
    )


def _moved(
    positions: Array,
    kinds: NDArray[np.integer],
    r0: float,
    shake: float,
    rng: np.random.Generator,
) -> Array:
    """Return positions after one random move."""
    shares = _ALLOY_MOVES if kinds.any() else _MOVES
    kind = rng.choice(len(shares), p=shares)
    if kind == 0:
        directions = rng.normal(size=positions.shape)
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        lengths = shake * r0 * rng.random((len(positions), 1)) ** (1 / 3)  # even in a ball
        return positions + lengths * directions
    if kind == 1:
        return _with_surface_atoms_moved(positions, r0, rng)
    if kind == 2:
        return _twisted(positions, rng)
    moved = positions.copy()
    for _ in range(int(rng.integers(1, _MOST_SWAPPED + 1))):
        pair = unlike_pair(kinds, rng)
        moved[list(pair)] = moved[list(pair[::-1])]
    return moved


def _with_surface_atoms_moved(positions: Array, r0: float, rng: np.random.Generator) -> Array:
    """Take one to four of the worst bound atoms to random places on the surface."""
    moved = positions.copy()
    for _ in range(int(rng.integers(1, 5))):
        tree = cKDTree(moved)
        neighbours = np.array([len(near) for near in tree.query_ball_point(moved, 1.2 * r0)])
        worst = np.argsort(neighbours + rng.random(len(moved)), kind="stable")
        atom = int(worst[rng.integers(0, max(1, len(moved) // 12))])
        others = np.delete(moved, atom, axis=0)
        moved[atom] = _landing(others, r0, rng)
    return moved


def _landing(others: Array, r0: float, rng: np.random.Generator) -> Array:
    """Return where an atom falling towards the centre first touches the others, at r0."""
    centre = others.mean(axis=0)
    direction = rng.normal(size=3)
    direction /= np.linalg.norm(direction)
    relative = others - centre
    along = relative @ direction
    aside = (relative**2).sum(axis=1) - along**2
    touching = aside < r0**2
    if not touching.any():
        return np.asarray(centre + direction * (along.max() + r0))
    height = (along[touching] + np.sqrt(r0**2 - aside[touching])).max()
    return np.asarray(centre + height * direction)


def _twisted(positions: Array, rng: np.random.Generator) -> Array:
    """Turn all atoms on one side of a plane near the centre about its normal."""
    centre = positions.mean(axis=0)
    axis = rng.normal(size=3)
    axis /= np.linalg.norm(axis)
    height = (positions - centre) @ axis
    upper = height > rng.uniform(-0.3, 0.3) * np.abs(height).max()
    turn = Rotation.from_rotvec(rng.uniform(0.1, np.pi) * axis)
    moved = positions.copy()
    moved[upper] = centre + turn.apply(positions[upper] - centre)
    return moved


def _is_whole(positions: Array, r0: float) -> bool:
    """Return whether every atom has three neighbours or more: nothing has come off."""
    tree = cKDTree(positions)
    near = tree.query_ball_point(positions, 1.3 * r0, return_length=True)
    return bool((near >= 4).all())  # an atom counts itself
