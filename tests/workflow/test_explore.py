"""The explorer of a run: what it shows is what the run holds, and what it refuses."""

from __future__ import annotations

import base64
import gzip
import io
import json
import pickle
import re
import shutil
import signal
import struct
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import zarr
from ase import Atoms
from ase.io import write
from ase.neighborlist import neighbor_list
from typer.testing import CliRunner

import nanochart as nc
from nanochart.cli import app
from nanochart.errors import NanochartError
from nanochart.progress import silent
from nanochart.show.explorer.static_page import representatives, write_static_page
from nanochart.structure.cutoffs import neighbour_cutoff
from nanochart.workflow.explore import RunSource, serve_run


@pytest.fixture(scope="module")
def source(charted_run: Path) -> RunSource:
    return RunSource(charted_run)


@pytest.fixture(scope="module")
def stored(charted_run: Path) -> zarr.Group:
    """The landscape as zarr reads it, past our own reader."""
    return zarr.open_group(charted_run / "landscape", mode="r")


def xyz_of(positions: np.ndarray, symbol: str = "Au") -> str:
    text = io.StringIO()
    write(text, Atoms([symbol] * len(positions), positions=positions), format="extxyz")
    return text.getvalue()


def test_the_points_are_those_of_the_landscape(source: RunSource, stored: zarr.Group) -> None:
    points = source.points()
    assert len(points) == 256
    for name, array in (
        ("cvs", "chart/cvs"),
        ("energy", "quenched/energy"),
        ("temperature", "snapshots/temperature_index"),
        ("cluster_class", "classes/cluster_class"),
        ("family", "chart/family"),
        ("walker", "snapshots/walker"),
    ):
        np.testing.assert_array_equal(getattr(points, name), stored[array][:][points.rows])
    kelvin = np.asarray(points.temperatures)[points.temperature]
    np.testing.assert_allclose(kelvin, stored["snapshots/temperature"][:][points.rows])
    distinct = np.flatnonzero(points.stands_for == np.arange(len(points)))
    np.testing.assert_array_equal(points.rows[distinct], stored["unique/snapshot"][:])


def test_a_structure_is_that_of_its_point(source: RunSource, stored: zarr.Group) -> None:
    wanted = np.array([200, 3, 77])
    found = source.structures(wanted)
    positions = stored["quenched/positions"][:][source.points().rows[wanted]].astype(float)
    centred = positions - positions.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(found.positions, centred, atol=1e-5)
    told = nc.classify(positions, species="Au")
    np.testing.assert_array_equal(found.environment, told.environments)
    assert [item["name"] for item in found.items] == told.names.tolist()
    assert [item["point"] for item in found.items] == wanted.tolist()
    cutoff = neighbour_cutoff(2.878)
    for own, neighbours in zip(positions, found.neighbours, strict=True):
        first = neighbor_list("i", Atoms("Au90", positions=own), cutoff)
        np.testing.assert_array_equal(neighbours, np.bincount(first, minlength=90))
    everywhere = nc.rdf(positions)  # on the whole grid
    first_bin = int(np.searchsorted(np.linspace(0, 25, 500), source.points().rdf_grid[0] - 1e-6))
    window = everywhere[:, first_bin : first_bin + found.rdf.shape[1]]
    np.testing.assert_allclose(found.rdf, window, atol=1e-5)
    for view in found.view.astype(float):
        np.testing.assert_allclose(view @ view.T, np.eye(3), atol=1e-5)
        assert np.linalg.det(view) == pytest.approx(1.0, abs=1e-5)


def test_atoms_are_counted_and_bands_are_quantiles(source: RunSource, stored: zarr.Group) -> None:
    counts = source.environment_counts()
    codes = stored["classes/environment"][:]
    np.testing.assert_array_equal(counts["fcc atoms"], (codes == 1).sum(axis=1))
    np.testing.assert_array_equal(counts["hcp atoms"], (codes == 2).sum(axis=1))
    family = source.points().families[0].id
    members = stored["chart/family"][:][stored["unique/snapshot"][:]] == family
    expected = np.quantile(stored["unique/rdf"][:][members], (0.05, 0.5, 0.95), axis=0)
    np.testing.assert_allclose(source.rdf_band(family), expected, rtol=1e-5, atol=1e-7)


def test_words_come_bit_by_bit_and_are_those_of_classify(
    charted_run: Path, stored: zarr.Group
) -> None:
    source = RunSource(charted_run)
    assert source.words_progress() == (0, 256)
    assert (source.words().index == -1).all()
    source.tell_words()
    words = source.words()
    assert (words.done, words.total) == (256, 256)
    rows = source.points().rows
    told = nc.classify(stored["quenched/positions"][:][rows].astype(float), species="Au")
    assert [words.texts[k][0] for k in words.index] == told.names.tolist()


def test_a_dropped_structure_is_placed_where_it_belongs(
    source: RunSource, stored: zarr.Group
) -> None:
    row = int(source.points().rows[10])
    positions = stored["quenched/positions"][row].astype(float)
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    moved = np.random.default_rng(2).permutation(positions @ turn + 7.0)
    (item,) = source.place(xyz_of(moved)).items
    np.testing.assert_allclose(item["cvs"], stored["chart/cvs"][row], rtol=1e-4)
    assert item["inside"]
    assert item["family"] == stored["chart/family"][row]
    (item,) = source.place(xyz_of(positions * 1.2)).items
    assert not item["inside"]
    assert item["family"] == -1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("no structure at all", "cannot be read"),
        ("90\n\nAu 0 0 0\n", "cannot be read"),
        ("3\n\nAu 0 0 0\nAu 3 0 0\nAu 0 3 0\n", "3 atoms, expected 90"),
        ("90\n\n" + "Ag 0 0 0\n" * 90, "expected only Au"),
        ("90\n\n" + "Au 0 0 0\n" * 90, "apart|overlap"),
        ("90\n\n" + "Au nan 0 0\n" * 90, "finite|nan"),
        (pickle.dumps(print, protocol=0).decode(), "cannot be read"),
    ],
)
def test_what_is_no_structure_of_this_chart_is_refused(
    source: RunSource, text: str, message: str
) -> None:
    with pytest.raises(NanochartError, match=message) as told:
        source.place(text)
    assert "the dropped file" in str(told.value)
    assert "\n" not in str(told.value)


def test_a_landscape_deleted_under_it_is_told(charted_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(charted_run, folder)
    source = RunSource(folder)
    shutil.rmtree(folder / "landscape" / "quenched" / "positions" / "c")
    with pytest.raises(NanochartError, match="gone or damaged"):
        source.structures(np.array([1]))
    shutil.rmtree(folder / "landscape")
    for ask in (
        lambda: source.structures(np.array([1])),
        source.environment_counts,
        lambda: source.rdf_band(0),
    ):
        with pytest.raises(NanochartError, match="gone or damaged"):
            ask()
    source.tell_words()  # ends by itself
    assert source.words_progress()[0] == 0


def test_what_is_no_finished_run_is_refused(charted_run: Path, tmp_path: Path) -> None:
    with pytest.raises(NanochartError, match="no run folder"):
        RunSource(tmp_path)
    folder = tmp_path / "run"
    shutil.copytree(charted_run, folder)
    table = tmp_path / "table.csv"
    table.write_text("a,b\n1,2\n")
    with pytest.raises(NanochartError, match="no table"):
        RunSource(folder, trajectory=table)
    with pytest.raises(NanochartError, match="cannot be read"):
        RunSource(folder, trajectory=tmp_path / "none.csv")
    text = (folder / "run.toml").read_text()
    (folder / "run.toml").write_text(text + "[structure]\nenergy_tolerance = 0.5\n")
    with pytest.raises(NanochartError, match="has changed"):
        RunSource(folder)
    (folder / "run.toml").write_text(text)
    shutil.rmtree(folder / "landscape" / "chart")
    with pytest.raises(NanochartError, match="not finished"):
        RunSource(folder)


def test_the_static_page_holds_all_points(charted_run: Path, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    result = CliRunner().invoke(app, ["explore", str(charted_run), "--static", str(path), "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["points"] == 256
    page = path.read_text(encoding="utf-8")
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    (data,) = re.findall(r'<script id="data" type="text/plain">([^<]+)</script>', page)
    body = gzip.decompress(base64.b64decode(data))
    (length,) = struct.unpack_from("<I", body)
    header = json.loads(body[4 : 4 + length])

    def column(name: str) -> np.ndarray:
        one = header["columns"][name]
        start = 4 + length + one["offset"]
        values = np.frombuffer(body, one["dtype"], int(np.prod(one["shape"])), start)
        return values.reshape(one["shape"])

    source = RunSource(charted_run)
    points = source.points()
    scale = header["cvs_scale"]
    cvs = np.array(scale["low"]) + column("points.cvs_steps") * np.array(scale["step"])
    np.testing.assert_allclose(cvs, points.cvs, atol=2 * max(scale["step"]))
    chosen = representatives(points, 4)
    for family in points.families:
        mine = chosen[points.family[chosen] == family.id]
        assert 1 <= len(mine) <= 4
        members = np.flatnonzero(points.family == family.id)
        assert points.energy[mine].min() == points.energy[members].min()
    assert [item["point"] for item in header["items"]] == chosen.tolist()
    found = source.structures(chosen)
    np.testing.assert_allclose(column("structures.positions"), found.positions, atol=6e-4)
    assert (column("words") >= 0).all()
    with pytest.raises(NanochartError, match="too many for one file"):
        write_static_page(tmp_path / "large.html", source, silent, largest=10_000)
    assert not (tmp_path / "large.html").exists()


def test_static_takes_no_trajectory(charted_run: Path, tmp_path: Path) -> None:
    arguments = ["explore", str(charted_run), "--static", str(tmp_path / "a.html")]
    result = CliRunner().invoke(app, [*arguments, "--trajectory", "b.csv"])
    assert isinstance(result.exception, NanochartError)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_verb_serves_until_it_is_told_to_end(number: int, charted_run: Path) -> None:
    command = [sys.executable, "-m", "nanochart", "explore", str(charted_run)]
    with subprocess.Popen(
        [*command, "--no-browser", "--json"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["url"]
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", url)
            with urllib.request.urlopen(url, timeout=60) as answer:
                assert b"nanochart explorer" in answer.read()
            process.send_signal(number)
            assert process.wait(timeout=60) == 0
        finally:
            process.kill()


def test_an_interrupt_counts_wherever_it_comes_up(charted_run: Path) -> None:
    class Finaliser:
        """Where Python drops exceptions, as the garbage collector's calls do."""

        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    told: list[str] = []

    def ready(url: str) -> None:
        told.append(url)
        Finaliser()

    serve_run(charted_run, trajectory=None, port=0, ready=ready)  # and it returns
    assert len(told) == 1
    assert signal.getsignal(signal.SIGINT) is before
