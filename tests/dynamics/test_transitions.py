"""Residence and transitions against processes whose rates and committors are known exactly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numba import njit
from scipy.integrate import cumulative_trapezoid, trapezoid

from nanochart.dynamics.residence import (
    CoreSettings,
    near_centres,
    residence,
    running_average,
)
from nanochart.dynamics.transitions import (
    main_transitions,
    main_windows,
    network,
    transitions,
    without_loops,
)
from nanochart.errors import NanochartError

#: Rates of a three-state process, 1/ps.
RATES = np.array([[0.0, 0.010, 0.002], [0.004, 0.0, 0.006], [0.001, 0.020, 0.0]])
#: Every frame a core of its own.
BARE = CoreSettings(dwell=0.0)


def jumps(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """States of the process, and when each begins: Gillespie's algorithm."""
    rng = np.random.default_rng(seed)
    states, times = np.zeros(n, dtype=np.int64), np.zeros(n)
    for k in range(1, n):
        out = RATES[states[k - 1]]
        times[k] = times[k - 1] + rng.exponential(1 / out.sum())
        states[k] = rng.choice(3, p=out / out.sum())
    return states, times


def test_rates_of_a_known_process_are_found_within_their_errors() -> None:
    states, times = jumps(3000, 1)
    found = network([residence(states, times, BARE)])
    exits = RATES.sum(axis=1)
    # Jumps are independent: a count of n is good to 1/sqrt(n).
    wrong = np.abs(found.rates - RATES) / np.where(RATES > 0, RATES, 1.0)
    assert (wrong < 4 / np.sqrt(np.maximum(found.counts, 1))).all()
    np.testing.assert_allclose(found.residence_times, 1 / exits, rtol=0.15)
    assert found.counts.sum() == len(states) - 1
    assert found.times.sum() == pytest.approx(times[-1])


def test_intervals_hold_the_true_mean_as_often_as_they_say() -> None:
    # Short trajectories of a two-state process, cut off at a fixed time: few exits, or none.
    rng, length, mean = np.random.default_rng(2), 300.0, 100.0
    held = []
    for _ in range(600):
        ends = np.cumsum(rng.exponential(mean, 40))
        times = np.concatenate([[0.0], ends[ends < length], [length]])
        states = np.arange(len(times)) % 2
        states[-1] = states[-2]  # the last stay is cut off
        found = network([residence(states, times, BARE)])
        lower, upper = found.interval()
        held.append(lower[0] <= mean <= upper[0])
    # Counts are whole numbers: the interval is never too short, and with few of them too long.
    assert 0.94 < np.mean(held) <= 1.0


def test_a_state_never_left_has_a_lower_bound_only() -> None:
    found = network([residence(np.zeros(101, int), np.arange(101.0), BARE)])
    lower, upper = found.interval()
    assert found.residence_times[0] == upper[0] == np.inf
    # exp(-T / lower) = 2.5 %
    assert lower[0] == pytest.approx(100.0 / -np.log(0.025))


@njit
def diffuse(n: int, step: float, height: float, rng: np.random.Generator) -> np.ndarray:
    """Overdamped motion in V = height (x² − 1)², kT = D = 1 (Euler–Maruyama)."""
    x, path = -1.0, np.empty(n)
    for k in range(n):
        force = -4 * height * x * (x * x - 1)
        x += force * step + np.sqrt(2 * step) * rng.normal()
        path[k] = x
    return path


def test_a_double_well_has_its_exact_residence_times_and_committor() -> None:
    height, step, core = 3.0, 2e-4, 0.8
    path = diffuse(20_000_000, step, height, np.random.default_rng(3))[
        ::5
    ]  # a frame every five steps
    times = 5 * step * np.arange(len(path))
    labels = np.where(path < -core, 0, np.where(path > core, 1, -1))
    stayed = residence(labels, times, BARE)
    found = network([stayed])
    # Mean time from one core's edge to the other's, which is what a stay takes: the integral of
    # exp(V(y)) ∫ exp(−V) dz, from the edge on and over all z below y.
    x = np.linspace(-3, 3, 20001)
    potential = height * (x**2 - 1) ** 2
    below = cumulative_trapezoid(np.exp(-potential), x, initial=0.0)
    between = np.abs(x) <= core
    exact = trapezoid((np.exp(potential) * below)[between], x[between])
    exits = found.exits.min()
    assert exits > 200
    np.testing.assert_allclose(found.residence_times, exact, rtol=4 / np.sqrt(exits) + 0.03)
    # Of all frames near x the share that goes on to the right: ∫ exp(V) up to x over all of it.
    committor = cumulative_trapezoid(np.exp(potential)[between], x[between], initial=0.0)
    committor /= committor[-1]
    following = np.where(labels >= 0, np.arange(len(labels)), len(labels))
    following = np.minimum.accumulate(following[::-1])[::-1]
    known = following < len(labels)
    for place in (-0.5, 0.0, 0.4):
        here = np.flatnonzero(known & (np.abs(path - place) < 0.02))
        onwards = labels[following[here]].mean()
        assert onwards == pytest.approx(np.interp(place, x[between], committor), abs=0.06)
    # Transitions cross the barrier, and are short beside the stays.
    crossed = transitions(stayed, commit=1.0)
    assert np.mean([one.duration for one in crossed]) < 0.1 * exact
    assert all(one.path in ((0, -1, 1), (1, -1, 0), (0, 1), (1, 0)) for one in crossed)


@given(
    labels=arrays(np.int64, st.integers(1, 40), elements=st.integers(-1, 3)),
    dwell=st.floats(0.0, 20.0),
    share=st.floats(0.05, 1.0),
    seed=st.integers(0, 100),
)
def test_cores_are_what_their_definition_says(labels, dwell, share, seed) -> None:
    times = np.cumsum(np.random.default_rng(seed).uniform(0.5, 2.0, len(labels)))
    settings = CoreSettings(dwell=dwell, share=share)
    cores = residence(labels, times, settings).cores
    for k, label in enumerate(labels):
        window = labels[np.abs(times - times[k]) <= dwell / 2 * (1 + 1e-9)]
        inside = label >= 0 and (window == label).sum() >= share * len(window)
        assert cores[k] == (label if inside else -1)
    # Neither direction of time is preferred.
    back = residence(labels[::-1], -times[::-1], settings).cores
    np.testing.assert_array_equal(back[::-1], cores)


def test_flickering_is_no_transition_and_a_change_is_told_at_its_time() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 1000)
    labels[rng.random(2000) < 0.2] = 2
    labels[400:420] = 1  # an excursion shorter than half the dwell time
    labels[600:900] = np.where(rng.random(300) < 0.3, -1, 0)  # partly outside the domain
    stayed = residence(labels, np.arange(2000.0), CoreSettings(dwell=100.0))
    (one,) = transitions(stayed, commit=500.0)
    assert (one.origin, one.target, one.outcome) == (0, 1, "committed")
    assert 975 <= one.left < 1000 <= one.reached <= 1025
    assert one.path[0] == 0
    assert one.path[-1] == 1
    bare = transitions(residence(labels, np.arange(2000.0), BARE))
    assert len(bare) > 500


def test_outcomes() -> None:
    labels = np.repeat([0, 1, 0, 2, 0, 1], [300, 50, 300, 300, 300, 50])
    found = transitions(residence(labels, np.arange(1300.0), BARE), commit=100.0)
    outcomes = [(one.origin, one.target, one.outcome) for one in found]
    assert outcomes == [
        (0, 1, "recrossed"),
        (1, 0, "committed"),
        (0, 2, "committed"),
        (2, 0, "committed"),
        (0, 1, "undecided"),
    ]
    assert [one.reached for one in found] == [300.0, 350.0, 650.0, 950.0, 1250.0]
    assert all(one.duration == 1.0 for one in found)


def test_states_may_be_coarser_than_what_paths_are_told_in() -> None:
    families = np.repeat([4, 5, 6, 7], [100, 100, 3, 100])
    coarse = np.array([0, 0, 0, 0, 0, 0, -1, 1])[families]
    (one,) = transitions(residence(coarse, np.arange(303.0), BARE), families)
    assert (one.origin, one.target, one.path) == (0, 1, (5, 6, 7))


def test_loops_are_taken_out_of_paths() -> None:
    assert without_loops(np.array([1, 2, 2, 3, 2, 4, 5, 4, 6])) == (1, 2, 4, 6)
    assert without_loops(np.array([1, 2, 1])) == (1,)
    assert without_loops(np.array([], dtype=int)) == ()


def test_main_transitions_lead_farthest_and_last() -> None:
    labels = np.repeat([0, 1, 0, 1, 2, 3], [300, 20, 20, 400, 60, 500])
    times = np.arange(1300.0)
    places = np.array([[0.0, 1.0], [2.0, 1.0], [2.6, 1.0], [2.3, 1.0]])
    cvs = places[labels] + np.random.default_rng(0).normal(0, 0.01, (1300, 2)) * [1, 0]
    cvs[290:300] = 50.0  # an excursion on the way, however far, counts for nothing
    found = transitions(residence(labels, times, BARE), commit=50.0)
    (one,) = main_transitions(found, cvs, times, around=20.0, n=1)
    assert (one.origin, one.target, one.reached) == (0, 1, 340.0)
    first, second = main_windows(cvs, labels, times)
    assert first[0] < 340 < first[1]
    assert second[0] < 740 < second[1]
    assert main_windows(cvs, np.zeros(1300, int), times) == []
    assert main_windows(cvs[:1], labels[:1], np.zeros(1)) == []


def test_a_quiet_cv_does_not_outweigh_a_long_way() -> None:
    labels = np.repeat([0, 1, 0, 2], [250, 100, 250, 400])
    times = np.arange(1000.0)
    places = np.array([[0.0, 0.0], [0.0, -4.0], [20.0, 0.0]])
    found = transitions(residence(labels, times, BARE), commit=50.0)
    (one,) = main_transitions(found, places[labels], times, around=50.0, n=1)
    assert (one.origin, one.target) == (0, 2)


def test_trajectories_are_pooled_but_not_joined() -> None:
    one = residence(np.repeat([0, 1], 10), np.arange(20.0), BARE)
    other = residence(np.repeat([2, 0], 10), np.arange(20.0), BARE)
    found = network([one, other])
    assert found.states.tolist() == [0, 1, 2]
    assert found.counts.tolist() == [[0, 1, 0], [0, 0, 0], [1, 0, 0]]
    assert found.times.tolist() == [19.0, 9.0, 10.0]


def test_frames_far_from_the_centre_are_of_no_family() -> None:
    cvs = np.array([[0.0, 0], [0.9, 0], [1.1, 0], [5, 5], [0, 0]])
    labels = near_centres(cvs, [0, 0, 0, 1, -1], [[0.0, 0.0], [5.0, 5.0]], 1.0)
    assert labels.tolist() == [0, 0, -1, 1, -1]
    with pytest.raises(NanochartError, match="family 2 has no centre"):
        near_centres(cvs, [0, 0, 0, 2, 0], [[0.0, 0.0], [5.0, 5.0]], 1.0)


def test_the_running_average_is_the_mean_of_the_window_and_of_what_there_is_at_the_ends() -> None:
    rng = np.random.default_rng(0)
    times, values = np.cumsum(rng.uniform(0.5, 2, 60)), 1e6 + rng.random((60, 2))
    found = running_average(values, times, 10.0)
    for k in (0, 1, 30, 59):
        inside = np.abs(times - times[k]) <= 5.0
        np.testing.assert_allclose(found[k], values[inside].mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(running_average(values[:, 0], times, 10.0), found[:, 0])
    # A frame on the window's edge is in it, however its time was rounded.
    grid = 0.1 * np.arange(50)
    assert running_average(np.eye(50)[25], grid, 0.4)[23] == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("labels", "times", "line"),
    [
        ([0, 1], [0.0, 1.0, 2.0], "do not fit"),
        ([0, 1, 1], [0.0, 2.0, 2.0], "increase"),
        ([0, 1], [0.0, np.nan], "finite"),
    ],
)
def test_what_is_no_trajectory_is_refused(labels, times, line) -> None:
    with pytest.raises(NanochartError, match=line):
        residence(labels, times)


@pytest.mark.parametrize("settings", [{"dwell": -1.0}, {"share": 0.0}, {"radius": 0.0}])
def test_impossible_cores_are_refused(settings) -> None:
    with pytest.raises(NanochartError, match=f"^{next(iter(settings))}: "):
        CoreSettings(**settings)


def test_an_empty_trajectory_has_no_stay() -> None:
    stayed = residence([], [])
    assert stayed.stays == ()
    assert transitions(stayed) == ()
    assert len(network([stayed]).states) == 0
