"""The landscape on disk: what is committed is seen, whatever happens to the writer."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from nanochart.errors import NanochartError
from nanochart.landscape import (
    FORMAT_VERSION,
    SCHEMA,
    Group,
    Landscape,
    create_landscape,
    open_landscape,
)

N_ATOMS, CHUNK = 5, 4


def columns(name: str, start: int, n: int, *, cvs: int = 3, bins: int = 7) -> dict[str, Any]:
    """Return rows of a group that differ from row to row and fit the type of each column."""
    lengths = {"atom": N_ATOMS, "xyz": 3, "cv": cvs, "bin": bins}
    made = {}
    for number, (variable_name, variable) in enumerate(SCHEMA[name].items()):
        shape = (n, *(lengths[dim] for dim in variable.dims))
        first = start * int(np.prod(shape[1:], dtype=int))
        made[variable_name] = (
            (np.arange(np.prod(shape, dtype=int)).reshape(shape) + first + number) % 101
        ).astype(variable.dtype)
    return made


def new_group(folder: Path, name: str = "snapshots", n_rows: int = 12) -> Group:
    landscape = create_landscape(folder, species="Au", n_atoms=N_ATOMS)
    return landscape.start_group(name, n_rows, chunk=CHUNK, sizes={"cv": 3, "bin": 7})


@pytest.mark.parametrize("name", SCHEMA)
def test_every_group_gives_back_what_was_written_with_its_type(name: str, tmp_path: Path) -> None:
    group = new_group(tmp_path, name)
    first, second = columns(name, 0, 8), columns(name, 8, 3)
    group.write(0, **first)
    group.commit(8)
    group.write(8, **second)
    group.commit(11, note="half a chunk at the end")
    again = open_landscape(tmp_path)[name]
    assert (again.committed, again.n_rows, again.chunk) == (11, 12, CHUNK)
    assert again.attributes["note"] == "half a chunk at the end"
    dataset = open_landscape(tmp_path).dataset(name)
    for variable_name, variable in SCHEMA[name].items():
        expected = np.concatenate([first[variable_name], second[variable_name]])
        for found in (again.read(variable_name), dataset[variable_name].values):
            assert found.dtype == np.dtype(variable.dtype)
            assert np.array_equal(found, expected)
        assert dataset[variable_name].dims == ("structure", *variable.dims)
        assert dataset[variable_name].attrs["units"] == variable.units
        assert np.array_equal(again.read(variable_name, 3, 9), expected[3:9])
        rows = np.array([10, 0, 7, 7])
        assert np.array_equal(again.read_rows(variable_name, rows), expected[rows])
    assert list(again.blocks(5)) == [(0, 5), (5, 10), (10, 11)]


def test_rows_not_committed_are_seen_by_nobody(tmp_path: Path) -> None:
    group = new_group(tmp_path)
    group.write(0, **columns("snapshots", 0, 4))
    reader = open_landscape(tmp_path)
    assert reader["snapshots"].read("energy").size == 0
    assert reader.dataset("snapshots").sizes["structure"] == 0
    group.commit(4)
    group.write(4, **columns("snapshots", 4, 8))
    reader = open_landscape(tmp_path)
    assert reader["snapshots"].read("energy", 2, 12).size == 2
    assert reader["snapshots"].read("energy", 6, 12).size == 0
    assert reader.dataset("snapshots").sizes["structure"] == 4
    assert list(reader["snapshots"].blocks(3)) == [(0, 3), (3, 4)]


def test_xarray_alone_reads_units_dimensions_and_codes(tmp_path: Path) -> None:
    landscape = create_landscape(tmp_path, species="Ag", n_atoms=N_ATOMS, run_file="[system]")
    group = landscape.start_group(
        "seeds",
        8,
        chunk=CHUNK,
        flags={"motif": {0: "Ih", 1: "Marks Dh"}},
        attributes={"potential": "Ag"},
    )
    rows = columns("seeds", 0, 8)
    rows["motif"] = np.zeros(8)  # a code of 0 is a value, not a gap to be filled with NaN
    group.write(0, **rows)
    group.commit(8)
    data = xr.open_zarr(tmp_path, group="seeds", consolidated=False)
    assert data.positions.dims == ("structure", "atom", "xyz")
    assert data.positions.attrs["units"] == "angstrom"
    assert data.energy.attrs["units"] == "eV"
    assert data.motif.attrs["flag_values"] == [0, 1]
    assert data.motif.attrs["flag_meanings"].split() == ["Ih", "Marks_Dh"]
    assert data.motif.dtype == np.int8
    assert data.motif.values.tolist() == [0] * 8
    assert data.attrs["potential"] == "Ag"
    root = json.loads((tmp_path / "zarr.json").read_text())["attributes"]
    assert (root["species"], root["n_atoms"], root["run_file"]) == ("Ag", N_ATOMS, "[system]")


@pytest.mark.parametrize("name", ["quenched", "chart"])
def test_yes_and_no_are_named_without_being_asked(name: str, tmp_path: Path) -> None:
    new_group(tmp_path, name)
    flag = {"quenched": "converged", "chart": "inside"}[name]
    found = open_landscape(tmp_path).dataset(name)[flag].attrs
    assert dict(zip(found["flag_values"], found["flag_meanings"].split(), strict=True)) == {
        0: "no",
        1: "yes",
    }


# A writer that is killed, as by a power cut, just before its n-th file is put in place: it has
# six columns of one chunk, a state and the commit to write.
WRITER = """
import os, pathlib, signal, sys
sys.path.insert(0, sys.argv[3])
from test_landscape import columns, new_group
group = new_group(pathlib.Path(sys.argv[1]))
group.write(0, **columns("snapshots", 0, 4))
group.save_state(1, {"cycle": columns("snapshots", 0, 4)["energy"]})
group.commit(4, state=1)
replace, left = pathlib.Path.replace, [int(sys.argv[2])]
def deadly(self, target):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(self, target)
pathlib.Path.replace = deadly
group.write(4, **columns("snapshots", 4, 4))
group.save_state(2, {"cycle": columns("snapshots", 4, 4)["energy"]})
group.commit(8, state=2)
"""


def chunk_files(folder: Path) -> dict[str, bytes]:
    """Return the contents of a landscape's files, those left half written by a crash apart."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith((".partial", ".part"))
    }


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize("n", [1, 4, 8, 9, 10])
def test_a_killed_writer_leaves_the_committed_rows_and_resumes_to_the_same_bytes(
    n: int, tmp_path: Path
) -> None:
    crashed, whole = tmp_path / "crashed", tmp_path / "whole"
    command = [sys.executable, "-c", WRITER, str(crashed), str(n), str(Path(__file__).parent)]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    # Each column is one file, then come the state and, last, the commit.
    written = len(SCHEMA["snapshots"]) + 2 < n
    assert done.returncode == (0 if written else -signal.SIGKILL), done.stderr.decode()
    committed = 8 if written else 4
    group = open_landscape(crashed)["snapshots"]
    assert group.committed == committed
    assert group.attributes["state"] == committed // 4
    for name, expected in columns("snapshots", 0, committed).items():
        assert np.array_equal(group.read(name), expected)
    state = group.load_state(group.attributes["state"])["cycle"]
    assert np.array_equal(state, columns("snapshots", committed - 4, 4)["energy"])

    for one in (crashed, whole):
        group = open_landscape(one)["snapshots"] if one == crashed else new_group(one)
        for start in range(group.committed, 12, 4):
            group.write(start, **columns("snapshots", start, 4))
            group.save_state(start // 4 + 1, {"cycle": columns("snapshots", start, 4)["energy"]})
            group.commit(start + 4, state=start // 4 + 1)
            group.drop_states(keep=start // 4 + 1)
    assert chunk_files(crashed) == chunk_files(whole)


@pytest.mark.parametrize("before_file", [1, 3, 6])
def test_a_full_disk_is_told_and_the_committed_rows_stay(
    before_file: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = new_group(tmp_path)
    group.write(0, **columns("snapshots", 0, 4))
    group.save_state(1, {"x": np.arange(3)})
    group.commit(4, state=1)
    before = chunk_files(tmp_path)

    def failing(after: int) -> Callable[[Path, Path], Path]:
        left = [after]
        replace = Path.replace

        def full(path: Path, target: Path) -> Path:
            left[0] -= 1
            if left[0] <= 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return replace(path, target)

        return full

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", failing(before_file))
        with pytest.raises(NanochartError, match=r"No space left on device.*free some space"):
            group.write(4, **columns("snapshots", 4, 4))
        with pytest.raises(NanochartError, match="No space left on device"):
            group.save_state(2, {"x": np.arange(3)})
        with pytest.raises(NanochartError, match="No space left on device"):
            group.commit(8, state=2)
        with pytest.raises(NanochartError, match="No space left on device"):
            open_landscape(tmp_path).start_group("quenched", 4, chunk=CHUNK)
    again = open_landscape(tmp_path)
    assert again["snapshots"].committed == 4
    assert "quenched" not in again
    for name, expected in columns("snapshots", 0, 4).items():
        assert np.array_equal(again["snapshots"].read(name), expected)
    assert before.items() <= chunk_files(tmp_path).items()
    # With room again the same object goes on.
    group.write(4, **columns("snapshots", 4, 4))
    group.commit(8, state=2)
    assert np.array_equal(
        open_landscape(tmp_path)["snapshots"].read("energy"), columns("snapshots", 0, 8)["energy"]
    )


@settings(max_examples=8, deadline=None)
@given(n_rows=st.integers(0, 40), committed=st.sampled_from([0, 4, 8]))
def test_a_resized_group_keeps_its_rows_and_refuses_to_lose_any(
    n_rows: int, committed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    group = new_group(tmp_path_factory.mktemp("landscape"))
    if committed:
        group.write(0, **columns("snapshots", 0, committed))
        group.commit(committed)
    if n_rows < committed:
        with pytest.raises(NanochartError, match=f"holds {committed} rows already"):
            group.resize(n_rows)
        assert group.n_rows == 12
        return
    group.resize(n_rows)
    assert group.n_rows == n_rows
    for name, expected in columns("snapshots", 0, committed).items():
        assert np.array_equal(group.read(name), expected)


def test_a_resize_cut_off_halfway_is_mended_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = new_group(tmp_path)
    group.write(0, **columns("snapshots", 0, 12))
    group.commit(12)
    replace, left = Path.replace, [3]

    def interrupted(path: Path, target: Path) -> Path:
        left[0] -= 1
        if left[0] == 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return replace(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", interrupted)
        with pytest.raises(NanochartError, match=os.strerror(errno.EIO)):
            group.resize(24)
    again = open_landscape(tmp_path)
    assert again["snapshots"].n_rows == 12  # some columns are longer: the shortest counts
    assert again["snapshots"].read("positions").shape == (12, N_ATOMS, 3)
    again["snapshots"].resize(24)
    again["snapshots"].write(12, **columns("snapshots", 12, 12))
    again["snapshots"].commit(24)
    for name, expected in columns("snapshots", 0, 24).items():
        assert np.array_equal(open_landscape(tmp_path)["snapshots"].read(name), expected)


@pytest.mark.parametrize(
    ("start", "change", "match"),
    [
        (2, lambda rows: rows, "row 2 does not begin a chunk of 4"),
        (0, lambda rows: {**rows, "colour": rows["energy"]}, "takes"),
        (0, lambda rows: {k: v for k, v in rows.items() if k != "energy"}, "takes"),
        (0, lambda rows: {**rows, "energy": rows["energy"][:2]}, r"\[2, 4\] rows"),
        (12, lambda rows: rows, "room for 12"),
        (8, lambda rows: {k: np.repeat(v, 2, axis=0) for k, v in rows.items()}, "room for 12"),
    ],
)
def test_rows_that_do_not_fit_are_a_mistake_of_the_caller(
    start: int, change: Callable[[dict[str, Any]], dict[str, Any]], match: str, tmp_path: Path
) -> None:
    group = new_group(tmp_path)
    with pytest.raises(ValueError, match=match):
        group.write(start, **change(columns("snapshots", 0, 4)))


def test_a_group_started_anew_is_empty(tmp_path: Path) -> None:
    group = new_group(tmp_path)
    group.write(0, **columns("snapshots", 0, 4))
    group.save_state(1, {"x": np.arange(3)})
    group.commit(4)
    new_group(tmp_path, n_rows=8)
    group = open_landscape(tmp_path)["snapshots"]
    assert (group.committed, group.n_rows) == (0, 8)
    with pytest.raises(NanochartError, match="state to resume from is missing"):
        group.load_state(1)


def test_states_come_back_and_are_dropped_but_for_one(tmp_path: Path) -> None:
    group = new_group(tmp_path)
    for number in (3, 4, 1_000_000_000):
        group.save_state(number, {"x": np.full((2, 3), number / 7), "cycle": np.asarray(number)})
    group.drop_states(keep=4)
    kept = group.load_state(4)
    assert np.array_equal(kept["x"], np.full((2, 3), 4 / 7))
    assert int(kept["cycle"]) == 4
    for number in (3, 1_000_000_000):
        with pytest.raises(NanochartError, match="missing or damaged"):
            group.load_state(number)


def test_a_damaged_state_is_told(tmp_path: Path) -> None:
    group = new_group(tmp_path)
    group.save_state(1, {"x": np.arange(1000.0)})
    (path,) = (tmp_path / "snapshots").glob("state-*.npz")
    whole = path.read_bytes()
    for damage in (b"", b"nonsense", whole[: len(whole) // 2], whole[:-30]):
        path.write_bytes(damage)
        with pytest.raises(NanochartError, match="missing or damaged"):
            group.load_state(1)


def test_a_landscape_is_opened_again_only_for_its_own_system(tmp_path: Path) -> None:
    create_landscape(tmp_path, species="Au", n_atoms=90)
    again = create_landscape(tmp_path, species="Au", n_atoms=90)
    assert (again.species, again.n_atoms) == ("Au", 90)
    for species, n_atoms in (("Ag", 90), ("Au", 147)):
        with pytest.raises(NanochartError, match=f"holds Au90, not {species}{n_atoms}"):
            create_landscape(tmp_path, species=species, n_atoms=n_atoms)


def test_a_folder_with_other_files_keeps_them(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    create_landscape(tmp_path, species="Au", n_atoms=90)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_a_run_folder_leads_to_the_landscape_in_it(tmp_path: Path) -> None:
    create_landscape(tmp_path / "landscape", species="Cu", n_atoms=55)
    assert open_landscape(tmp_path).species == "Cu"


def test_where_there_is_no_landscape_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(NanochartError, match="no landscape here"):
        open_landscape(tmp_path)
    with pytest.raises(NanochartError, match="no landscape here"):
        open_landscape("no-such-name")
    (tmp_path / "a file").write_text("x")
    with pytest.raises(NanochartError, match="File exists"):
        create_landscape(tmp_path / "a file", species="Au", n_atoms=90)


def test_a_stage_not_run_yet_is_named(tmp_path: Path) -> None:
    landscape = create_landscape(tmp_path, species="Au", n_atoms=90)
    assert "quenched" not in landscape
    for read in (landscape.__getitem__, landscape.dataset):
        with pytest.raises(NanochartError, match="no 'quenched' yet"):
            read("quenched")


def rewritten(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    metadata = json.loads(path.read_text())
    change(metadata["attributes"])
    path.write_text(json.dumps(metadata))


def test_a_newer_format_and_another_store_are_refused(tmp_path: Path) -> None:
    create_landscape(tmp_path, species="Au", n_atoms=90)
    newer = FORMAT_VERSION + 1
    rewritten(tmp_path / "zarr.json", lambda attributes: attributes.update(format_version=newer))
    with pytest.raises(NanochartError, match=f"version {newer}.*update nanochart"):
        open_landscape(tmp_path)
    rewritten(tmp_path / "zarr.json", lambda attributes: attributes.clear())
    with pytest.raises(NanochartError, match="not a nanochart landscape"):
        open_landscape(tmp_path)


DAMAGES = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"\xff\xfe",
    b"\x00" * 400,
    b"{}",
    b'{"zarr_format": 3, "node_type": "array"}',
    b'{"zarr_format": 3, "node_type": "group", "attributes": 3}',
]


@pytest.mark.filterwarnings("ignore::zarr.errors.ZarrUserWarning")
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_metadata_is_told_in_one_line(damage: bytes, tmp_path: Path) -> None:
    group = new_group(tmp_path)
    group.write(0, **columns("snapshots", 0, 4))
    group.commit(4)
    landscape = open_landscape(tmp_path)

    def read_column(landscape: Landscape) -> np.ndarray:
        return landscape["snapshots"].read("energy")

    def read_dataset(landscape: Landscape) -> np.ndarray:
        return landscape.dataset("snapshots").energy.values

    for name, attempts in (
        ("snapshots/energy/zarr.json", [read_column, read_dataset]),
        ("snapshots/zarr.json", [read_column, read_dataset]),
        ("zarr.json", [lambda _: open_landscape(tmp_path)]),
    ):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(damage)
        for attempt in attempts:
            with pytest.raises(NanochartError) as caught:
                attempt(landscape)
            assert str(caught.value).startswith(str(tmp_path))
        (tmp_path / name).write_bytes(whole)
    assert read_column(landscape).size == 4


def test_a_chunk_cut_short_is_told(tmp_path: Path) -> None:
    group = new_group(tmp_path)
    group.write(0, **columns("snapshots", 0, 4))
    group.commit(4)
    (chunk,) = (path for path in (tmp_path / "snapshots/energy/c").rglob("*") if path.is_file())
    chunk.write_bytes(chunk.read_bytes()[:10])
    with pytest.raises(NanochartError, match="not a readable landscape"):
        open_landscape(tmp_path)["snapshots"].read("energy")
