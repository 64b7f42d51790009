"""A particle in a double well whose free energy is known, moved by Langevin dynamics in numpy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Array = np.ndarray
KELVIN = 8.617333262e-5  # eV/K


class Coordinates:
    """The first coordinates of one particle, positions (1, 3), as variables."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def at(self, positions: Array) -> tuple[Array, Callable[[Array], Array]]:
        n = len(self.names)

        def pull(weights: Array) -> Array:
            gradient = np.zeros((1, 3))
            gradient[0, :n] = weights
            return gradient

        return positions[0, :n].copy(), pull


def well_energy(x: Array, barrier: float) -> Array:
    """A double well with its minima at ±1, eV, tilted by a tenth of its barrier."""
    return barrier * (x**2 - 1) ** 2 + 0.1 * barrier * x


def well_force(x: float, barrier: float) -> float:
    return -4 * barrier * x * (x**2 - 1) - 0.1 * barrier


def share_left(barrier: float, kt: float) -> float:
    """The exact population of x < 0."""
    x = np.linspace(-4, 4, 8001)
    weight = np.exp(-well_energy(x, barrier) / kt)
    return float(weight[x < 0].sum() / weight.sum())


def brownian(
    bias: Callable[[Array], tuple[float, Array]],
    *,
    barrier: float,
    kt: float,
    n_steps: int,
    step: float,
    seed: int,
    stride: int = 1,
) -> None:
    """Overdamped Langevin dynamics of (x, y, z): the well in x, springs of 10 barriers in y, z.

    The bias is asked for as `Engine.trajectory` does: at the start, then every so many steps. Noise
    is averaged over two steps, which makes averages right to second order (Leimkuhler & Matthews,
    Appl. Math. Res. Express 2013, 34).
    """
    rng = np.random.default_rng(seed)
    noise = rng.normal(scale=np.sqrt(2 * kt * step), size=(n_steps + 1, 3))
    noise = 0.5 * (noise[1:] + noise[:-1])
    place = np.array([[-1.0, 0.0, 0.0]])
    _, extra = bias(place)
    force = np.empty(3)
    for i in range(n_steps):
        force[0] = well_force(place[0, 0], barrier)
        force[1:] = -10 * barrier * place[0, 1:]
        if i % stride == 0:
            force += stride * extra[0]
        place[0] += step * force + noise[i]
        if (i + 1) % stride == 0:
            _, extra = bias(place)
