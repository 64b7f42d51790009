"""Markov models against a process whose matrix is known, and against deeptime itself."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm

from nanochart.dynamics.markov import markov_model
from nanochart.dynamics.residence import CoreSettings, Residence, residence
from nanochart.errors import NanochartError

#: Rates of a reversible three-state process, 1/ps: 0 and 1 mix ten times faster than 1 and 2.
GENERATOR = np.array([[-0.02, 0.02, 0.0], [0.02, -0.022, 0.002], [0.0, 0.004, -0.004]])
STEP = 2.0
BARE = CoreSettings(dwell=0.0)


def chain(n: int, seed: int) -> Residence:
    """The process, looked at every two ps."""
    rng = np.random.default_rng(seed)
    cumulative = np.cumsum(expm(GENERATOR * STEP), axis=1)
    state, states = 0, np.empty(n, dtype=np.int64)
    for k, number in enumerate(rng.random(n)):
        states[k] = state = int(np.searchsorted(cumulative[state], number))
    return residence(np.array([3, 5, 8])[states], STEP * np.arange(n), BARE)


def test_a_known_process_is_found_again(require_oracle) -> None:
    require_oracle("deeptime")
    model = markov_model([chain(60_000, 0), chain(40_000, 1)])
    assert model.states.tolist() == [3, 5, 8]
    assert model.level
    np.testing.assert_allclose(model.matrix, expm(GENERATOR * model.lag), atol=0.01)
    slow = -1 / np.sort(np.linalg.eigvals(GENERATOR).real)[-2::-1]
    for scales in model.timescales[:4]:
        np.testing.assert_allclose(scales, slow, rtol=0.15)
    np.testing.assert_allclose(model.predicted, model.estimated, atol=0.02)
    assert model.multiples.tolist() == [1, 2, 3, 5]
    # Detailed balance: 0 and 1 are as likely, 2 half of that.
    np.testing.assert_allclose(model.stationary, [0.4, 0.4, 0.2], atol=0.04)


def test_deeptime_says_the_same_of_the_same_states(require_oracle) -> None:
    TransitionCountEstimator = require_oracle("deeptime.markov").TransitionCountEstimator
    MaximumLikelihoodMSM = require_oracle("deeptime.markov.msm").MaximumLikelihoodMSM
    stayed = chain(20_000, 3)
    model = markov_model([stayed], lag=20.0)
    sequence = np.searchsorted([3, 5, 8], stayed.states)
    counts = TransitionCountEstimator(10, "sliding").fit_fetch(sequence)
    expected = MaximumLikelihoodMSM(reversible=True).fit_fetch(counts)
    assert model.lag == 20.0
    np.testing.assert_allclose(model.matrix, expected.transition_matrix, atol=1e-10)
    np.testing.assert_allclose(model.timescales[0], STEP * expected.timescales(), rtol=1e-8)
    test = expected.ck_test(
        [MaximumLikelihoodMSM().fit_fetch(
            TransitionCountEstimator(10 * m, "sliding").fit_fetch(sequence)
        ) for m in (1, 2, 3, 5)], 3,
    )  # fmt: skip
    # Its sets are ours in another order: the probabilities to stay are the same three numbers.
    at_two = [np.sort(np.diag(test.predictions[k])) for k in range(len(test.predictions))]
    ours = np.sort(model.predicted[1])
    assert min(np.abs(one - ours).max() for one in at_two) < 0.01


def test_frames_before_the_first_core_count_for_nothing(require_oracle) -> None:
    require_oracle("deeptime")
    stayed = chain(20_000, 3)
    n = 7  # frames outside the domain, say, before the trajectory comes into any core
    late = Residence(
        STEP * np.arange(len(stayed.times) + n),
        np.concatenate([np.full(n, -1), stayed.labels]),
        np.concatenate([np.full(n, -1), stayed.cores]),
    )
    never = residence(np.full(50, -1), STEP * np.arange(50), BARE)
    model, expected = markov_model([late, never], lag=20.0), markov_model([stayed], lag=20.0)
    np.testing.assert_array_equal(model.matrix, expected.matrix)
    np.testing.assert_array_equal(model.timescales, expected.timescales)


def test_too_few_transitions_are_told() -> None:
    labels = np.repeat([0, 1] * 15 + [2], 20)
    with pytest.raises(NanochartError, match=r"1 of 3 have fewer: 2 \(1 in, 0 out\)"):
        markov_model([residence(labels, np.arange(len(labels)), BARE)])
    with pytest.raises(NanochartError, match="1 state was seen"):
        markov_model([residence(np.zeros(50, int), np.arange(50.0), BARE)])


def test_uneven_frames_are_refused() -> None:
    labels, times = np.repeat([0, 1] * 20, 5), np.arange(200.0)
    times[100:] += 7
    with pytest.raises(NanochartError, match="not equally far apart"):
        markov_model([residence(labels, times, BARE)])
