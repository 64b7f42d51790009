"""Tables of trajectories: several files, missing times, what is no such table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nanochart.errors import NanochartError
from nanochart.workflow.course import read_courses

TABLE = """file,frame,cv1,cv2,family,inside,error,converged,energy,time_ps,class
a.dcd,9,1.0,2.0,3,1,0.001,1,-10.5,10,Ih
a.dcd,19,1.5,2.5,-1,0,0.001,1,,20,Dh
"b, c.dcd",0,4.0,5.0,2,1,0.001,0,-11,1,
"b, c.dcd",1,nan,5.0,2,1,0.001,1,-11,2,Mix
"b, c.dcd",2,4.5,5.5,2,1,0.001,1,-11,3,Mix
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "path.csv"
    path.write_text(TABLE, encoding="utf-8")
    return path


def test_every_file_is_a_trajectory(table: Path) -> None:
    one, other = read_courses(table)
    assert (one.name, other.name) == ("a.dcd", "b, c.dcd")
    assert one.times.tolist() == [10.0, 20.0]
    assert one.families.tolist() == [3, -1]
    assert one.classes is not None
    assert one.classes.tolist() == [1, 0]
    assert one.energies is not None
    np.testing.assert_array_equal(one.energies, [-10.5, np.nan])
    # A frame without a place is left out.
    assert other.frames is not None
    assert other.frames.tolist() == [0, 2]
    np.testing.assert_array_equal(other.cvs, [[4.0, 5.0], [4.5, 5.5]])
    assert other.classes is not None
    assert other.classes.tolist() == [-1, 4]


def test_without_times_frames_are_counted_or_given_one(tmp_path: Path) -> None:
    path = tmp_path / "path.csv"
    path.write_text("frame,cv1,family\n4,1,0\n9,2,0\n14,2,1\n", encoding="utf-8")
    (counted,) = read_courses(path)
    assert not counted.timed
    assert counted.times.tolist() == [4.0, 9.0, 14.0]
    (timed,) = read_courses(path, frame_time=0.5)
    assert timed.timed
    assert timed.times.tolist() == [2.0, 4.5, 7.0]
    assert timed.name == str(path)


def test_empty_times_are_none(tmp_path: Path) -> None:
    path = tmp_path / "path.csv"
    path.write_text("frame,cv1,family,time_ps\n0,1,0,\n1,2,0,\n", encoding="utf-8")
    assert not read_courses(path)[0].timed
    assert read_courses(path, frame_time=2.0)[0].times.tolist() == [0.0, 2.0]


def test_nanoseconds_are_told_in_ps(tmp_path: Path) -> None:
    path = tmp_path / "path.csv"
    path.write_text("cv1,family,time_ns\n1,0,0.5\n2,0,1.5\n", encoding="utf-8")
    assert read_courses(path)[0].times.tolist() == [500.0, 1500.0]


def test_files_joined_are_one_trajectory_if_their_times_allow(table: Path) -> None:
    with pytest.raises(NanochartError, match="do not increase"):
        read_courses(table, joined=True)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("cv1,cv2\n1,2\n", "no column 'family'"),
        ("family,time_ps\n1,2\n", "no column 'cv1'"),
        ("cv1,family\n1,x\n", "column 'family' holds no numbers"),
        ("cv1,family\n1,0\n1\n", "line 3 has not as many cells"),
        ("cv1,family,time_ps\n1,0,5\n1,0,5\n", "do not increase"),
        ("", "no column 'cv1'"),
    ],
)
def test_bad_tables_are_refused(tmp_path: Path, text: str, line: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(NanochartError, match=line):
        read_courses(path)


def test_a_table_of_fewer_cvs_is_refused(table: Path) -> None:
    with pytest.raises(NanochartError, match="a chart of 3 CVs"):
        read_courses(table, n_cvs=3)
