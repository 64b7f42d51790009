"""A Markov model of the residence in states, where there are enough transitions for one.

The model is deeptime's (an extra): reversible, by maximum likelihood, of states with hysteresis.
Its implied timescales −lag / ln(eigenvalue) must not depend on the lag, and a power of it must
predict the model at that multiple of the lag (Chapman–Kolmogorov). J.-H. Prinz et al., J. Chem.
Phys. 134, 174105 (2011); M. Hoffmann et al., Mach. Learn.: Sci. Technol. 3, 015009 (2022).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanochart.dynamics.residence import NONE, Residence
from nanochart.dynamics.transitions import network
from nanochart.errors import NanochartError

Floats = NDArray[np.float64]

#: Transitions into and out of every state of a model, at least: a rate from ten is good to 30 %.
FEWEST = 10
#: The slowest timescale is taken as level if it changes by less than this share to twice the lag.
LEVEL = 0.1
#: Multiples of the lag at which the model is tested.
MULTIPLES = (1, 2, 3, 5)


@dataclass(frozen=True, eq=False)
class MarkovModel:
    """A model and its tests.

    Parameters
    ----------
    states : ndarray of int, shape (n_states,)
    lag
        ps.
    level
        Whether the slowest implied timescale is level at the lag (`LEVEL`).
    matrix : ndarray, shape (n_states, n_states)
        Probabilities of going from row to column within the lag.
    stationary : ndarray, shape (n_states,)
    lags : ndarray, shape (n_lags,), ps
    timescales : ndarray, shape (n_lags, n_states - 1), ps
        Implied at each lag, the slowest first; NaN where there is none.
    multiples : ndarray of int, shape (n_multiples,)
        Of the lag, at which the model was tested.
    predicted, estimated : ndarray, shape (n_multiples, n_states)
        Probability to be in a state again after that time: by the model's power, and by a model of
        that lag.
    """

    states: NDArray[np.int64]
    lag: float
    level: bool
    matrix: Floats
    stationary: Floats
    lags: Floats
    timescales: Floats
    multiples: NDArray[np.int64]
    predicted: Floats
    estimated: Floats


def markov_model(
    residences: Sequence[Residence],
    *,
    lag: float | None = None,
    names: Mapping[int, str] | None = None,
) -> MarkovModel:
    """Return a Markov model of the states, with its tests.

    Parameters
    ----------
    residences
        Of trajectories whose frames are equally far apart, the same in all.
    lag
        ps; by default the shortest at which the slowest timescale is level.
    names
        Of states, for messages; by default their numbers.

    Raises
    ------
    NanochartError
        deeptime is not there, the frames are not equally far apart, or there are too few
        transitions; the message says of which states.
    """
    states = _enough(residences, names or {})
    step = _step(residences)
    try:
        from deeptime.markov import TransitionCountEstimator
        from deeptime.markov.msm import MaximumLikelihoodMSM
    except ImportError:
        raise NanochartError(
            "no Markov model: it needs deeptime: pip install 'nanochart[markov]'"
        ) from None
    # What comes before the first core is of no state; after it every frame is of one.
    known = [one.states[one.states != NONE] for one in residences]
    sequences = [np.searchsorted(states, one) for one in known if len(one)]
    longest = max(len(one) for one in sequences)

    def model_at(n: int) -> Any:
        counts = TransitionCountEstimator(n, "sliding", n_states=len(states)).fit_fetch(sequences)
        if len(counts.connected_sets()[0]) < len(states):
            return None
        return MaximumLikelihoodMSM(reversible=True).fit_fetch(counts)

    if lag is None:
        steps = [int(n) for n in 2.0 ** np.arange(20) if n <= longest // 10]
    else:
        first = max(1, round(lag / step))
        steps = [first * m for m in range(1, MULTIPLES[-1] + 1) if first * m < longest]
    models = {n: model for n in steps if (model := model_at(n)) is not None}
    if not models:
        raise NanochartError(
            "no Markov model: at no lag do transitions lead there and back between all states"
        )
    scales = {n: np.asarray(one.timescales()[: len(states) - 1]) for n, one in models.items()}
    chosen, level = _chosen(scales) if lag is None else (min(models), True)
    if lag is not None:
        level = 2 * chosen in scales and _level(scales[chosen], scales[2 * chosen])
    matrix = np.asarray(models[chosen].transition_matrix)
    tested = [m for m in MULTIPLES if chosen * m < longest]
    others = {m: models.get(chosen * m) or model_at(chosen * m) for m in tested}
    tested = [m for m in tested if others[m] is not None]
    return MarkovModel(
        states=states,
        lag=chosen * step,
        level=level,
        matrix=matrix,
        stationary=np.asarray(models[chosen].stationary_distribution),
        lags=step * np.array(sorted(scales), dtype=np.float64),
        timescales=step * np.stack([scales[n] for n in sorted(scales)]),
        multiples=np.array(tested, dtype=np.int64),
        predicted=np.stack([np.diag(np.linalg.matrix_power(matrix, m)) for m in tested]),
        estimated=np.stack([np.diag(others[m].transition_matrix) for m in tested]),
    )


def _chosen(scales: dict[int, Floats]) -> tuple[int, bool]:
    """Return the shortest lag from which the slowest timescale is level, or else the longest."""
    for n in sorted(scales):
        if 2 * n in scales and _level(scales[n], scales[2 * n]):
            return n, True
    return max(scales), False


def _level(one: Floats, other: Floats) -> bool:
    return bool(abs(other[0] - one[0]) < LEVEL * one[0])


def _enough(residences: Sequence[Residence], names: Mapping[int, str]) -> NDArray[np.int64]:
    """Return the states, or raise if one was entered or left too seldom."""
    pooled = network(residences)
    if len(pooled.states) < 2:
        raise NanochartError(
            f"no Markov model: {len(pooled.states)} state was seen, and it takes two at least"
        )
    least = np.minimum(pooled.counts.sum(axis=0), pooled.counts.sum(axis=1))
    few = np.flatnonzero(least < FEWEST)
    if few.size:
        numbers = [int(pooled.states[k]) for k in few[:5]]
        told = ", ".join(
            f"{names.get(state, state)} ({pooled.counts[:, k].sum()} in, "
            f"{pooled.counts[k].sum()} out)"
            for state, k in zip(numbers, few, strict=False)
        )
        raise NanochartError(
            f"no Markov model: it takes {FEWEST} transitions into and out of every state, and "
            f"{few.size} of {len(pooled.states)} have fewer: {told}{', …' * (few.size > 5)}"
        )
    return pooled.states


def _step(residences: Sequence[Residence]) -> float:
    """Return the time between frames, or raise if it is not one."""
    steps = np.concatenate([np.diff(one.times) for one in residences])
    step = float(np.median(steps))
    if not np.allclose(steps, step, rtol=1e-3):
        raise NanochartError(
            "no Markov model: frames are not equally far apart; project every k-th frame of all"
        )
    return step
