"""A trajectory: where it jumps, and that the panels show it as it is."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex

from nanochart.show.palette import NO_FAMILY, family_colour
from nanochart.show.style import NARROW, WIDE
from nanochart.show.trajectory_figures import (
    Trajectory,
    draw_course,
    draw_windows,
)


@pytest.mark.parametrize("n_cvs", [1, 2, 3])
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_every_cv_has_its_panel(trajectory, n_cvs, width, clipped):
    course = trajectory(n_cvs=n_cvs)
    course.families[:10] = -1
    figure = draw_course(course, transitions=[(20.0, 30.0)], width=width)
    assert len(figure.axes) == n_cvs
    for k, axes in enumerate(figure.axes):
        points = axes.collections[0]
        np.testing.assert_array_equal(
            points.get_offsets(), np.column_stack([course.times, course.cvs[:, k]])
        )
        shades = [to_hex(one) for one in points.get_facecolors()]
        assert shades[0] == NO_FAMILY
        assert shades[-1] == family_colour(2)
        assert [line.get_xdata()[0] for line in axes.lines[1:]] == [20.0, 30.0]
    assert figure.axes[-1].get_xlabel() == "time / ns"
    assert clipped(figure) == []


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_windows_show_their_part_and_the_snapshots(trajectory, width, clipped):
    course = trajectory()
    image = np.zeros((8, 8, 3), dtype=np.uint8)
    figure = draw_windows(
        course, [(20.0, 30.0), (70.0, 80.0)], cvs=(0, 2), width=width,
        snapshots=[[(22.0, image), (28.0, image)], []],
    )  # fmt: skip
    curves = [axes for axes in figure.axes if axes.get_ylabel()]
    assert [axes.get_ylabel() for axes in curves] == ["CV1", "CV3"] * 2
    assert curves[0].get_xlim() == (20.0, 30.0)
    times = curves[0].collections[0].get_offsets()[:, 0]
    assert times.min() >= 20
    assert times.max() <= 30
    marks = [text.get_text() for text in curves[0].texts]
    assert marks == ["I", "II"]
    assert clipped(figure) == []


def test_the_energy_has_a_panel_if_it_is_known(trajectory, clipped):
    course = trajectory()
    energies = np.where(course.times < 50, np.nan, -100.0 - course.times)
    known = Trajectory(course.times, course.cvs, course.families, energies=energies)
    *_, axes = draw_course(known).axes
    assert axes.get_ylabel() == "energy / eV"
    line = axes.lines[0]
    assert line.get_xdata()[0] >= 50
    assert line.get_ydata()[-1] == pytest.approx(-199.75, abs=0.05)
    assert clipped(draw_course(known, width=NARROW)) == []
    unknown = Trajectory(course.times, course.cvs, course.families, energies=energies * np.nan)
    assert len(draw_course(unknown).axes) == 3
    assert known.between(40, 60).energies.shape == known.between(40, 60).times.shape


def test_frames_without_times_are_counted(trajectory):
    course = trajectory()
    counted = Trajectory(np.arange(4000.0), course.cvs, course.families, unit="frame")
    assert draw_course(counted).axes[-1].get_xlabel() == "frame"
