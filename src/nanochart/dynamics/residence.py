"""Where a trajectory stays: states with hysteresis, by their cores (milestoning).

A frame is in the core of its state if enough of the frames around it are of that state, too. In
between the trajectory belongs to the last core it was in, so a state is left only when the core of
another is reached, and flickering across a border counts for nothing. A. K. Faradjian, R. Elber,
J. Chem. Phys. 120, 10880 (2004); N.-V. Buchete, G. Hummer, J. Phys. Chem. B 112, 6057 (2008);
C. Schütte, F. Noé, J. Lu, M. Sarich, E. Vanden-Eijnden, J. Chem. Phys. 134, 204105 (2011).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nanochart.errors import NanochartError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: What is of no state, or in no core.
NONE = -1
#: By default the time (ps) over which most frames must be of one state: some hundred vibrations.
DWELL = 100.0
#: By default the share of those frames that makes it a core: the majority.
SHARE = 0.5


@dataclass(frozen=True)
class CoreSettings:
    """What makes a core.

    Parameters
    ----------
    dwell
        Length of the window around a frame, ps; 0 looks at the frame alone.
    share
        Of the window's frames must be of the frame's own state; above 0, up to 1.
    radius
        Farthest a frame of a core may be from the centre of its family, in units of the CVs;
        None: anywhere.
    """

    dwell: float = DWELL
    share: float = SHARE
    radius: float | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.dwell) and self.dwell >= 0):
            raise NanochartError(f"dwell: {self.dwell:g} ps must be 0 or more")
        if not 0 < self.share <= 1:
            raise NanochartError(f"share: {self.share:g} must be above 0 and at most 1")
        if self.radius is not None and not self.radius > 0:
            raise NanochartError(f"radius: {self.radius:g} must be above 0")


@dataclass(frozen=True)
class Stay:
    """One visit to a state, from the first frame in its core to the first in another's.

    ``state``; ``start``, ``stop`` in ps; ``first``, ``last`` the first and the last frame that is
    in its core; ``ended`` whether another core was reached: if not, the trajectory ends at
    ``stop`` and the stay is censored.
    """

    state: int
    start: float
    stop: float
    first: int
    last: int
    ended: bool

    @property
    def duration(self) -> float:
        """How long it lasted, ps."""
        return self.stop - self.start


@dataclass(frozen=True, eq=False)
class Residence:
    """A trajectory cut into stays.

    Parameters
    ----------
    times : ndarray, shape (n_frames,), ps
    labels : ndarray of int, shape (n_frames,)
        The state of every frame, as it was given; below 0: of none.
    cores : ndarray of int, shape (n_frames,)
        The state whose core a frame is in, -1 for none.
    """

    times: Floats
    labels: Integers
    cores: Integers

    @property
    def states(self) -> Integers:
        """The last core of every frame, (n_frames,); -1 before the first."""
        seen = np.where(self.cores >= 0, np.arange(len(self.cores)), NONE)
        last = np.maximum.accumulate(seen) if len(seen) else seen
        return np.where(last >= 0, self.cores[last], NONE)

    @property
    def stays(self) -> tuple[Stay, ...]:
        """All visits, in order; what comes before the first core belongs to none."""
        inside = np.flatnonzero(self.cores >= 0)
        if not inside.size:
            return ()
        states = self.cores[inside]
        begins = np.flatnonzero(np.concatenate([[True], states[1:] != states[:-1]]))
        bounds = [*begins.tolist(), len(inside)]
        found = []
        for begin, end in itertools.pairwise(bounds):
            ended = end < len(inside)
            stop = self.times[inside[end]] if ended else self.times[-1]
            first, last = int(inside[begin]), int(inside[end - 1])
            start = float(self.times[first])
            found.append(Stay(int(states[begin]), start, float(stop), first, last, ended))
        return tuple(found)


def residence(
    labels: ArrayLike, times: ArrayLike, settings: CoreSettings | None = None
) -> Residence:
    """Return where a trajectory stays.

    Parameters
    ----------
    labels : array_like of int, shape (n_frames,)
        State of every frame; below 0: of none (outside the domain of the chart, say). Such frames
        are in no core, and count in a window as of another state.
    times : array_like, shape (n_frames,), ps
        Increasing; not necessarily in equal steps.
    settings
        What makes a core. ``radius`` is not looked at: see `near_centres`.

    Raises
    ------
    NanochartError
        Labels and times do not fit, or the times do not increase.

    Notes
    -----
    A window is centred on its frame and ends where the trajectory does. At a sudden change most
    frames are of the new state from its first frame on, so half is the share at which a change is
    told at its own time; what lasts less than half the dwell time is not told at all. Time grows
    with n log n.
    """
    settings = settings or CoreSettings()
    states, moments = np.asarray(labels, dtype=np.int64), np.asarray(times, dtype=np.float64)
    _check(states, moments)
    # A little wider, or rounding would decide whether the frame on the edge is in.
    half = 0.5 * settings.dwell * (1 + 1e-9)
    frames = _counted(moments, moments, half)
    cores = np.full(len(states), NONE, dtype=np.int64)
    for state in np.unique(states[states >= 0]):
        own = np.flatnonzero(states == state)
        enough = _counted(moments[own], moments[own], half) >= settings.share * frames[own]
        cores[own[enough]] = state
    return Residence(moments, states, cores)


def near_centres(cvs: ArrayLike, labels: ArrayLike, centres: ArrayLike, radius: float) -> Integers:
    """Return the labels, -1 where a frame is farther than ``radius`` from its family's centre.

    Parameters
    ----------
    cvs : array_like, shape (n_frames, n_cvs)
    labels : array_like of int, shape (n_frames,)
        Rows of ``centres``, or below 0.
    centres : array_like, shape (n_families, n_cvs)
    radius
        In units of the CVs.

    Raises
    ------
    NanochartError
        A label has no centre.
    """
    points, families = np.asarray(cvs, dtype=np.float64), np.asarray(labels, dtype=np.int64)
    places = np.asarray(centres, dtype=np.float64)
    if families.max(initial=NONE) >= len(places):
        raise NanochartError(
            f"family {families.max()} has no centre: the chart has {len(places)} families; give "
            "the chart that the trajectory was projected on"
        )
    away = np.linalg.norm(points - places[np.maximum(families, 0)], axis=1)
    return np.where((families >= 0) & (away <= radius), families, NONE)


def running_average(values: ArrayLike, times: ArrayLike, window: float) -> Floats:
    """Return the average over the frames within half a window of each, to both sides.

    Parameters
    ----------
    values : array_like, shape (n_frames, …)
    times : array_like, shape (n_frames,)
        Increasing.
    window
        In the unit of the times. At both ends of the trajectory the average is over what there is
        of the window: over half of it at the very first and last frame.
    """
    numbers, moments = np.asarray(values, dtype=np.float64), np.asarray(times, dtype=np.float64)
    half = 0.5 * window * (1 + 1e-9)
    first = np.searchsorted(moments, moments - half, side="left")
    last = np.searchsorted(moments, moments + half, side="right")
    # Sums of what is left after the mean: no digits are lost to a large offset.
    offset = numbers.mean(axis=0) if len(numbers) else 0.0
    total = np.cumsum(np.concatenate([np.zeros((1, *numbers.shape[1:])), numbers - offset]), axis=0)
    counts = (last - first).reshape(-1, *([1] * (numbers.ndim - 1)))
    return np.asarray((total[last] - total[first]) / counts + offset)


def _counted(among: Floats, around: Floats, half: float) -> Integers:
    """Return how many of some sorted times lie within ``half`` of each of others."""
    upper = np.searchsorted(among, around + half, side="right")
    return np.asarray(upper - np.searchsorted(among, around - half, side="left"))


def _check(labels: Integers, times: Floats) -> None:
    """Raise a NanochartError unless labels and times are of one trajectory."""
    if labels.ndim != 1 or labels.shape != times.shape:
        raise NanochartError(
            f"residence: labels {labels.shape} and times {times.shape} do not fit; expected "
            "(n_frames,) of both"
        )
    if not np.isfinite(times).all() or (np.diff(times) <= 0).any():
        raise NanochartError("residence: the times must be finite and increase from frame to frame")
