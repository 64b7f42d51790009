"""Files replaced whole: old content or new, never half, and nothing left beside them."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanochart.errors import NanochartError
from nanochart.files import replacing, write_text


def test_old_content_is_there_until_the_new_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "chart.json"
    path.write_text("old")
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
        assert temporary.parent == tmp_path  # a rename is atomic only within a file system
    assert path.read_text() == "new"
    assert [one.name for one in tmp_path.iterdir()] == ["chart.json"]


@pytest.mark.parametrize("failure", [RuntimeError("bug"), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_content_alone(failure: BaseException, tmp_path: Path) -> None:
    path = tmp_path / "chart.json"
    path.write_text("old")
    with pytest.raises(type(failure)):
        write_half_and_fail(path, failure)
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["chart.json"]


def test_a_full_disk_is_told_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "chart.json"
    path.write_text("old")
    with pytest.raises(NanochartError, match=r"chart\.json: .*No space left.*free some space"):
        write_half_and_fail(path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["chart.json"]


def write_half_and_fail(path: Path, failure: BaseException) -> None:
    with replacing(path) as temporary:
        temporary.write_text("half of the n")
        raise failure


def test_a_folder_that_is_not_there_or_a_name_taken_by_a_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(NanochartError, match=r"a\.txt: cannot be written \(No such file"):
        write_text(tmp_path / "nowhere" / "a.txt", "x")
    (tmp_path / "b.txt").mkdir()
    with pytest.raises(NanochartError, match=r"b\.txt: cannot be written"):
        write_text(tmp_path / "b.txt", "x")
    assert [one.name for one in tmp_path.iterdir()] == ["b.txt"]


def test_a_block_that_writes_nothing_is_told(tmp_path: Path) -> None:
    with pytest.raises(NanochartError, match="cannot be written"), replacing(tmp_path / "a.txt"):
        pass


@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r")))
def test_any_text_is_written_as_utf_8(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("files") / "text"
    write_text(path, text)
    assert path.read_bytes().decode("utf-8").replace(os.linesep, "\n") == text


KILLED = """
import os, pathlib, signal, sys
from nanochart.files import replacing
with replacing(sys.argv[1]) as temporary:
    temporary.write_text("half of the n")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_writer_killed_amid_writing_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "chart.json"
    path.write_text("old")
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    write_text(path, "new")
    assert path.read_text() == "new"
