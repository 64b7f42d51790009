"""Transitions between the states of trajectories, and the network that they make.

A transition runs from the last frame in the core of one state to the first in the core of another
(`nanochart.dynamics.residence`). Residence times are taken as exponential: with total time T in a
state and n exits the most likely mean is T / n, stays that the trajectory's end cuts off included,
and its interval is that of a Poisson count, exact by chi-squared quantiles. B. Epstein, M. Sobel,
J. Am. Stat. Assoc. 48, 486 (1953); F. Garwood, Biometrika 28, 437 (1936).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from nanochart.dynamics.residence import CoreSettings, Residence, residence

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: By default a transition is committed if its origin is not seen again for so long, ps.
COMMIT = 1000.0
#: Probability that a residence time's interval holds the true one.
CONFIDENCE = 0.95

Outcome = Literal["committed", "recrossed", "undecided"]


@dataclass(frozen=True)
class Transition:
    """One transition.

    ``origin``, ``target`` states; ``left`` the time of the last frame in the core of the origin,
    ``reached`` that of the first in the core of the target, ps; ``path`` the families on the way,
    both ends included, loops taken out (-1: none); ``outcome`` "recrossed" if the core of the
    origin was reached again within the time to commit, "undecided" if the trajectory ends before,
    else "committed"; ``first``, ``last`` the frames at ``left`` and ``reached``.
    """

    origin: int
    target: int
    left: float
    reached: float
    path: tuple[int, ...]
    outcome: Outcome
    first: int
    last: int

    @property
    def duration(self) -> float:
        """How long it took, ps; not known more finely than frames lie apart."""
        return self.reached - self.left


def transitions(
    stayed: Residence,
    families: NDArray[np.integer] | None = None,
    *,
    commit: float = COMMIT,
) -> tuple[Transition, ...]:
    """Return the transitions of a trajectory, in order.

    Parameters
    ----------
    stayed
        Where the trajectory stays, in states of any kind.
    families : ndarray of int, shape (n_frames,)
        What paths are told in; by default the labels of the states themselves.
    commit
        Time after which a transition is committed, ps.
    """
    told = stayed.labels if families is None else np.asarray(families)
    end = float(stayed.times[-1]) if len(stayed.times) else 0.0
    stays = stayed.stays
    again = [np.inf] * len(stays)  # when the core of a stay's state is reached the next time
    upcoming: dict[int, float] = {}
    for k in range(len(stays) - 1, -1, -1):
        again[k] = upcoming.get(stays[k].state, np.inf)
        upcoming[stays[k].state] = stays[k].start
    found = []
    for (one, other), back in zip(itertools.pairwise(stays), again, strict=False):
        outcome: Outcome = "committed"
        if back <= other.start + commit:
            outcome = "recrossed"
        elif end < other.start + commit:
            outcome = "undecided"
        found.append(
            Transition(
                origin=one.state,
                target=other.state,
                left=float(stayed.times[one.last]),
                reached=other.start,
                path=without_loops(told[one.last : other.first + 1]),
                outcome=outcome,
                first=one.last,
                last=other.first,
            )
        )
    return tuple(found)


def without_loops(labels: NDArray[np.integer]) -> tuple[int, ...]:
    """Return a sequence of labels, each once: whatever leads back to a label is taken out."""
    path: dict[int, None] = {}  # in order of coming
    steps = labels[np.concatenate([[True], labels[1:] != labels[:-1]])] if len(labels) else labels
    for one in steps.tolist():
        if one in path:
            for _ in range(len(path) - 1 - list(path).index(one)):
                path.popitem()
        else:
            path[one] = None
    return tuple(path)


def main_transitions(
    found: Sequence[Transition],
    cvs: NDArray[np.floating],
    times: Floats,
    *,
    around: float,
    n: int = 2,
) -> list[Transition]:
    """Return the ``n`` committed transitions that lead farthest on the chart, in order.

    How far is the distance on the chart as it is: in units of the CVs' spread, a CV that only
    jitters would count as much as one that tells an icosahedron from a decahedron.

    Parameters
    ----------
    found
        Transitions of one trajectory.
    cvs, times : ndarray, shapes (n_frames, n_cvs) and (n_frames,)
        Of it.
    around
        The median over so much time before a transition is compared with that after.
    n
        At most.
    """
    lasting = [one for one in found if one.outcome == "committed"]
    far = []
    for one in lasting:
        before = cvs[(times >= one.left - around) & (times <= one.left)]
        after = cvs[(times >= one.reached) & (times <= one.reached + around)]
        far.append(float(np.linalg.norm(np.median(after, axis=0) - np.median(before, axis=0))))
    order = np.argsort(-np.array(far), kind="stable")[:n]
    return [lasting[k] for k in sorted(order)]


def main_windows(
    cvs: NDArray[np.floating], families: NDArray[np.integer], times: Floats, n: int = 2
) -> list[tuple[float, float]]:
    """Return intervals of time around the ``n`` main transitions between families.

    What is looked for lasts: cores hold the majority over 2 % of the trajectory, or over twenty
    frames if those are more, and a transition is committed after as long. As much is shown on
    either side; intervals that overlap become one.
    """
    if len(times) < 2:
        return []
    length = max(0.02 * float(times[-1] - times[0]), 20 * float(np.median(np.diff(times))))
    found = transitions(residence(families, times, CoreSettings(dwell=length)), commit=length)
    windows: list[tuple[float, float]] = []
    for one in main_transitions(found, cvs, times, around=length, n=n):
        first = max(one.left - length, float(times[0]))
        last = min(one.reached + length, float(times[-1]))
        if windows and first <= windows[-1][1]:
            first = windows.pop()[0]
        windows.append((first, last))
    return windows


@dataclass(frozen=True, eq=False)
class Network:
    """States and the transitions between them, over one trajectory or several.

    Parameters
    ----------
    states : ndarray of int, shape (n_states,)
        Those with a core that was reached, in rising order.
    counts : ndarray of int, shape (n_states, n_states)
        Transitions from row to column.
    times : ndarray, shape (n_states,), ps
        Time spent in each, cut-off stays included.
    """

    states: Integers
    counts: Integers
    times: Floats

    @property
    def exits(self) -> Integers:
        """How often each state was left, (n_states,)."""
        return np.asarray(self.counts.sum(axis=1))

    @property
    def residence_times(self) -> Floats:
        """Mean residence times, (n_states,), ps; infinite where a state was never left."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.exits > 0, self.times / self.exits, np.inf)

    def interval(self, confidence: float = CONFIDENCE) -> tuple[Floats, Floats]:
        """Return the lower and upper bound of each mean residence time, (n_states,), ps.

        Of a state that was never left the upper bound is infinite; the lower one holds all the
        same.
        """
        return interval_of(self.times, self.exits, confidence)

    @property
    def rates(self) -> Floats:
        """Rate constants from row to column, (n_states, n_states), 1/ps: counts over time."""
        time = self.times[:, np.newaxis]
        return np.divide(self.counts, time, out=np.zeros(self.counts.shape), where=time > 0)


def interval_of(
    times: Floats, events: Integers, confidence: float = CONFIDENCE
) -> tuple[Floats, Floats]:
    """Return the bounds of the mean waiting time for an event, each of the shape of ``events``.

    Exact for exponential waiting times (Poisson counts), also where the time was cut off. Without
    an event the upper bound is infinite.

    Parameters
    ----------
    times, events : ndarray, shape (...)
        Time spent waiting, all of it, and the events seen in it.
    confidence
        Probability that the interval holds the true mean.
    """
    tail = 0.5 * (1.0 - confidence)
    most = 0.5 * chi2.ppf(1.0 - tail, 2 * events + 2)  # events that might have been
    least = np.where(events > 0, 0.5 * chi2.ppf(tail, np.maximum(2 * events, 1)), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        upper = np.where(least > 0, times / least, np.inf)
    return times / most, upper


def network(residences: Sequence[Residence]) -> Network:
    """Return the network of one trajectory or several, pooled; no transition joins two of them."""
    stays = [one.stays for one in residences]
    states = np.unique([stay.state for one in stays for stay in one]).astype(np.int64)
    place = {int(state): k for k, state in enumerate(states)}
    counts = np.zeros((len(states), len(states)), dtype=np.int64)
    times = np.zeros(len(states))
    for one in stays:
        for stay in one:
            times[place[stay.state]] += stay.duration
        for before, after in itertools.pairwise(one):
            counts[place[before.state], place[after.state]] += 1
    return Network(states, counts, times)
