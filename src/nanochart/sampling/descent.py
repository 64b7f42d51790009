"""Local minima of RGL clusters by L-BFGS, compiled.

Nocedal, Math. Comp. 35, 773 (1980), with a longest step and Armijo's rule. Whatever a descent
needs is made for it, so that no minimum depends on what was quenched before.
"""

# mypy: disallow-untyped-decorators=False

from __future__ import annotations

import math
from typing import TypeAlias

import numba
import numpy as np
from numpy.typing import NDArray

from nanochart.sampling.rgl import Rgl
from nanochart.sampling.rgl_forces import (
    SKIN,
    Lists,
    empty_lists,
    energy_and_gradient,
    listed,
    rgl_numbers,
)

Array = NDArray[np.float64]
#: Of the last steps: displacements, changes of the gradient, 1/(their product); how many are
#: known, and which is the newest.
Memory: TypeAlias = tuple[Array, Array, Array, NDArray[np.int64]]

#: Steps remembered.
_MEMORY = 8
#: Longest displacement of an atom in a step, r0.
_LONGEST = 0.1
#: Armijo's rule: least share of the descent that the slope promises.
_SUFFICIENT = 1e-4
#: Trial lengths of a step.
_TRIALS = 20
#: Steps in a row that gain nothing, at the last digits, before the descent ends.
_IDLE = 100
#: Rounding errors of an energy, of its size.
_ROUNDING = 1e-14


def descend(
    positions: Array,
    potential: Rgl,
    *,
    force_tolerance: float,
    max_steps: int,
    room: float,
) -> tuple[Array, Array, Array]:
    """Return the minimum below each structure.

    Parameters
    ----------
    positions : ndarray, shape (n_structures, n_atoms, 3), Å
    potential
        The parameter set.
    force_tolerance
        Largest force component allowed at the end, eV/Å.
    max_steps
        Steps, after which the descent ends where it is.
    room
        A structure whose atoms are further than this from its centroid, along an axis, has broken
        apart, Å.

    Returns
    -------
    positions : ndarray, shape (n_structures, n_atoms, 3), Å
        Centred.
    energies : ndarray, shape (n_structures,), eV
        NaN where a structure broke apart.
    max_forces : ndarray, shape (n_structures,), eV/Å
    """
    minima = np.ascontiguousarray(positions - positions.mean(axis=1, keepdims=True))
    energies, max_forces = np.empty(len(minima)), np.empty(len(minima))
    limits = np.array([force_tolerance, _LONGEST * potential.r0, room])
    numbers = rgl_numbers(potential)
    _descend_all(minima, numbers, limits, max_steps, energies, max_forces)
    return minima - minima.mean(axis=1, keepdims=True), energies, max_forces


# No fast maths, here and in rgl_forces: with it a loop just compiled and the same one from numba's
# cache end with other last bits, and a resumed run is no longer the undisturbed one.
@numba.njit(nogil=True, cache=True, error_model="numpy")
def _descend_all(
    positions: Array,
    numbers: Array,
    limits: Array,
    max_steps: int,
    energies: Array,
    max_forces: Array,
) -> None:
    n_atoms = positions.shape[1]
    lists = empty_lists(n_atoms, 32 * n_atoms)
    memory: Memory = (
        np.empty((_MEMORY, 3 * n_atoms)),
        np.empty((_MEMORY, 3 * n_atoms)),
        np.empty(_MEMORY),
        np.zeros(2, dtype=np.int64),
    )
    x = np.empty(3 * n_atoms)
    for s in range(len(positions)):
        for i in range(n_atoms):
            for a in range(3):
                x[a * n_atoms + i] = positions[s, i, a]
        memory[3][0] = 0
        energy, force, lists = _descend(x, numbers, limits, max_steps, lists, memory)
        energies[s], max_forces[s] = energy, force
        for i in range(n_atoms):
            for a in range(3):
                positions[s, i, a] = x[a * n_atoms + i]


@numba.njit(nogil=True, error_model="numpy")
def _descend(
    x: Array,
    numbers: Array,
    limits: Array,
    max_steps: int,
    lists: Lists,
    memory: Memory,
) -> tuple[float, float, Lists]:
    """Take positions x, all of an axis in a row, to a minimum; return energy and largest force."""
    tolerance, longest, room = limits[0], limits[1], limits[2]
    # Of a few bonds: what a first step goes by.
    stiffness = 5.0 * numbers[2] ** 2 * numbers[0]
    rows, listed_at, before = x.reshape((3, -1)), np.empty_like(x), np.empty_like(x)
    step, gradient, last_gradient = np.empty_like(x), np.empty_like(x), np.empty_like(x)
    gradient_rows = gradient.reshape((3, -1))
    if not _largest(x) < room:
        return np.nan, np.inf, lists
    lists = listed(rows, numbers, lists)
    _copy(x, listed_at)
    energy = energy_and_gradient(rows, numbers, lists, gradient_rows)
    force = _largest(gradient)
    if not math.isfinite(energy + force):
        return np.nan, np.inf, lists
    least, idle = force, 0
    for _ in range(max_steps):
        if not force > tolerance:
            break
        slope = _direction(gradient, memory, stiffness, step)
        length = min(1.0, longest / _farthest(step))
        _copy(x, before)
        _copy(gradient, last_gradient)
        last_energy, tried = energy, 0
        while True:
            for i in range(len(x)):
                x[i] = before[i] + length * step[i]
            if not _farthest_between(x, listed_at) <= 0.5 * SKIN:
                if not _largest(x) < room:
                    return np.nan, np.inf, lists
                lists = listed(rows, numbers, lists)
                _copy(x, listed_at)
            energy = energy_and_gradient(rows, numbers, lists, gradient_rows)
            rise = energy - last_energy
            if rise <= _SUFFICIENT * length * slope + _ROUNDING * abs(last_energy):
                break
            tried += 1
            if tried == _TRIALS:
                break
            # The lowest point of the parabola through what is known of the line.
            lowest = -0.5 * slope * length * length / (rise - slope * length)
            length = min(max(lowest, 0.1 * length), 0.5 * length)
        if tried < _TRIALS:
            force = _largest(gradient)
            _remember(x, before, gradient, last_gradient, memory)
            if force < least or rise < -_ROUNDING * abs(last_energy):
                least, idle = min(force, least), 0
                continue
            idle += 1
            if idle == _IDLE:
                break
            continue
        # No way down to double precision: along the force alone, or not at all.
        _copy(before, x)
        _copy(last_gradient, gradient)
        energy = last_energy
        if memory[3][0] == 0:
            break
        memory[3][0] = 0
    return energy, force, lists


@numba.njit(nogil=True, error_model="numpy")
def _direction(gradient: Array, memory: Memory, stiffness: float, step: Array) -> float:
    """Fill the step that L-BFGS wants; return the slope of the energy along it."""
    steps, changes, inverses, place = memory
    n_known, newest = place[0], place[1]
    shares = np.empty(_MEMORY)
    for i in range(len(step)):
        step[i] = -gradient[i]
    for m in range(n_known):
        j = (newest - m) % _MEMORY
        shares[j] = inverses[j] * _dot(steps[j], step)
        _add(step, -shares[j], changes[j])
    scale = 1.0 / stiffness
    if n_known:
        scale = 1.0 / (inverses[newest] * _dot(changes[newest], changes[newest]))
    for i in range(len(step)):
        step[i] *= scale
    for m in range(n_known - 1, -1, -1):
        j = (newest - m) % _MEMORY
        _add(step, shares[j] - inverses[j] * _dot(changes[j], step), steps[j])
    return _dot(step, gradient)


@numba.njit(nogil=True, error_model="numpy")
def _remember(x: Array, before: Array, gradient: Array, last: Array, memory: Memory) -> None:
    """Add a step to the memory, if the energy curves upwards along it."""
    steps, changes, inverses, place = memory
    j = (place[1] + 1) % _MEMORY
    for i in range(len(x)):
        steps[j, i] = x[i] - before[i]
        changes[j, i] = gradient[i] - last[i]
    curvature = _dot(steps[j], changes[j])
    # Else the oldest is lost, too: it was written over.
    if curvature > 1e-10 * _dot(changes[j], changes[j]):
        inverses[j] = 1.0 / curvature
        place[0], place[1] = min(place[0] + 1, _MEMORY), j
    else:
        place[0] = min(place[0], _MEMORY - 1)


@numba.njit(nogil=True, error_model="numpy")
def _dot(one: Array, other: Array) -> float:
    total = 0.0
    for i in range(len(one)):
        total += one[i] * other[i]
    return total


@numba.njit(nogil=True, error_model="numpy")
def _add(total: Array, factor: float, one: Array) -> None:
    for i in range(len(total)):
        total[i] += factor * one[i]


@numba.njit(nogil=True, error_model="numpy")
def _copy(one: Array, other: Array) -> None:
    for i in range(len(one)):
        other[i] = one[i]


@numba.njit(nogil=True, error_model="numpy")
def _farthest(step: Array) -> float:
    """Return how far a step (3 n_atoms,) takes an atom at most; NaN if it is any."""
    n_atoms = len(step) // 3
    farthest = 0.0
    for i in range(n_atoms):
        d0, d1, d2 = step[i], step[n_atoms + i], step[2 * n_atoms + i]
        square = d0 * d0 + d1 * d1 + d2 * d2
        if not square <= farthest and farthest == farthest:
            farthest = square
    return math.sqrt(farthest)


@numba.njit(nogil=True, error_model="numpy")
def _farthest_between(one: Array, other: Array) -> float:
    """Return how far an atom has gone at most; NaN if there is any."""
    n_atoms = len(one) // 3
    farthest = 0.0
    for i in range(n_atoms):
        d0 = one[i] - other[i]
        d1 = one[n_atoms + i] - other[n_atoms + i]
        d2 = one[2 * n_atoms + i] - other[2 * n_atoms + i]
        square = d0 * d0 + d1 * d1 + d2 * d2
        if not square <= farthest and farthest == farthest:
            farthest = square
    return math.sqrt(farthest)


@numba.njit(nogil=True, error_model="numpy")
def _largest(numbers: Array) -> float:
    """Return the largest size of some numbers; NaN if there is any."""
    largest = 0.0
    for i in range(len(numbers)):
        size = abs(numbers[i])
        if not size <= largest and largest == largest:
            largest = size
    return largest
