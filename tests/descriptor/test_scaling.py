"""Min–max scaling: bounds, inverse, chunks, flat bins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nanochart.descriptor.scaling import MinMaxScaling
from nanochart.errors import NanochartError

densities = arrays(np.float64, (7, 4), elements=st.floats(0.0, 0.5))


@given(densities)
def test_what_was_fitted_lies_between_0_and_1_and_comes_back(rdf):
    scaling = MinMaxScaling.fit(rdf)
    scaled = scaling.transform(rdf)
    assert scaled.min() >= 0.0
    assert scaled.max() <= 1.0
    np.testing.assert_allclose(scaling.inverse(scaled), rdf, atol=1e-15)


@given(densities, st.integers(1, 6))
def test_chunks_give_the_same_scaling(rdf, cut):
    whole, parts = MinMaxScaling.fit(rdf), MinMaxScaling.fit(rdf[:cut]).updated(rdf[cut:])
    np.testing.assert_array_equal(parts.minimum, whole.minimum)
    np.testing.assert_array_equal(parts.maximum, whole.maximum)


def test_a_flat_bin_is_divided_by_one():
    scaling = MinMaxScaling.fit(np.array([[0.1, 0.0], [0.1 + 5e-7, 2.0]]))
    # 5e-7 < 1e-6: noise, left at its size; the other bin is divided by its range, 2
    np.testing.assert_allclose(scaling.transform(np.array([[0.3, 1.0]])), [[0.2, 0.5]])


def test_what_cannot_be_scaled_is_refused():
    with pytest.raises(NanochartError, match="NaN"):
        MinMaxScaling.fit(np.array([[0.0, np.nan]]))
    with pytest.raises(NanochartError, match="shape"):
        MinMaxScaling.fit(np.empty((0, 3)))
    with pytest.raises(NanochartError, match="one window"):
        MinMaxScaling.fit(np.ones((2, 3))).updated(np.ones((2, 4)))
