"""The scan over the number of CVs: the elbow, its losses, and going on where it was cut off."""

from __future__ import annotations

import numpy as np
import pytest

from nanochart.chart.dimension import elbow_of, scan_dimensions
from nanochart.chart.judgement import linear_baseline
from nanochart.chart.protocol import TrainingSettings
from nanochart.chart.training import train_autoencoder
from nanochart.errors import NanochartError

SETTINGS = TrainingSettings.of("compact", epochs=25, batch_size=32, n_cvs=7)


@pytest.fixture(scope="module")
def inputs():
    """300 points of a bent surface: two numbers each, among 30 bins."""
    rng = np.random.default_rng(1)
    u, v, x = rng.uniform(0, 2, (300, 1)), rng.uniform(0, 2, (300, 1)), np.linspace(0, 3, 30)
    return (0.5 + 0.25 * np.sin(x + u) + 0.25 * np.cos(2 * x + 3 * v)).astype(np.float32)


def test_the_elbow_is_where_the_losses_bend_most():
    # second differences: 4 - 2·1.5 + 1 = 2 at 2 CVs, 1.5 - 2·1 + 0.9 = 0.4 at 3
    assert elbow_of((1, 2, 3, 4), (4.0, 1.5, 1.0, 0.9)) == 2
    assert elbow_of((1, 2), (4.0, 1.5)) is None
    assert elbow_of((1, 3, 4, 5), (9.0, 3.0, 1.0, 0.9)) == 4  # 3 has no neighbour on one side


def test_a_surface_has_its_elbow_at_two(inputs, tmp_path):
    seen = []
    found = scan_dimensions(
        inputs,
        SETTINGS,
        (3, 1, 2),
        folder=tmp_path,
        device="cpu",
        progress=lambda done, total, **figures: seen.append((done, total, figures["n_cvs"])),
    )
    assert found.n_cvs == (1, 2, 3)
    assert found.elbow == 2
    assert seen[-1][0] == seen[-1][1]
    assert [number for _, _, number in seen] == sorted(number for _, _, number in seen)
    alone = train_autoencoder(
        inputs, TrainingSettings.of("compact", epochs=25, batch_size=32, n_cvs=2), device="cpu"
    )
    assert found.loss[1] == alone.best_loss
    pca = linear_baseline(inputs, alone.train_indices, alone.validation_indices, n_components=2)
    assert found.pca_loss[1] == pca
    # again: nothing is trained, one more number is
    again = scan_dimensions(inputs, SETTINGS, (1, 2, 3), folder=tmp_path, device="cpu")
    assert again == found


@pytest.mark.parametrize("numbers", [(), (0, 1), (2, 2)])
def test_numbers_that_make_no_scan(inputs, numbers):
    with pytest.raises(NanochartError, match="different numbers from 1 on"):
        scan_dimensions(inputs, SETTINGS, numbers)
