"""The explorer of a run: opens what the run made, and feeds the page from it on demand.

The points are read once; structures, their RDFs and words are computed from the landscape when
somebody looks at them. The words of all distinct structures are told in a thread of their own, so
that the page can search them after a while.
"""

from __future__ import annotations

import csv
import io
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from nanochart.chart.chart import Chart, load_chart
from nanochart.descriptor.rdf import rdf_of_positions
from nanochart.errors import NanochartError
from nanochart.formats import in_formula_order, read_structures
from nanochart.landscape import Group, Landscape, open_landscape
from nanochart.progress import Progress, silent
from nanochart.show.atoms import rotation_showing
from nanochart.show.explorer.content import ExplorerPoints, ExplorerStructures, ExplorerWords
from nanochart.show.explorer.server import ExplorerServer
from nanochart.show.explorer.static_page import write_static_page
from nanochart.structure.cna import Environment
from nanochart.structure.cutoffs import Cutoff, cutoff_between_atoms
from nanochart.structure.description import Classification, describe_positions
from nanochart.workflow.config import RunFile, parse_run_file, read_run_file
from nanochart.workflow.describe import FAILED, cutoff_of, distinct
from nanochart.workflow.source import check_output
from nanochart.workflow.tell import family_rows

#: Structures of a dropped file that are placed.
MOST_PLACED = 64
#: Structures told in words at a time, and rows read at a time.
_BLOCK, _ROWS = 256, 8192
_NEEDED = ("snapshots", "quenched", "classes", "unique", "chart")
#: What is counted of every structure's atoms.
_COUNTED = {
    "fcc atoms": (Environment.FCC,),
    "hcp atoms": (Environment.HCP,),
    "five-fold atoms": (
        Environment.FIVE_FOLD_AXIS,
        Environment.ICOSAHEDRON_CENTRE,
        Environment.TIP,
        Environment.FIVE_FOLD_LINE,
    ),
    "atoms in no known environment": (Environment.OTHER,),
}


class RunSource:
    """A ``StructureSource`` of a finished run.

    Parameters
    ----------
    folder
        The run folder, with every snapshot on the chart.
    trajectory
        A table (CSV) of ``nanochart project``, to show as a path.

    Raises
    ------
    NanochartError
        The run is not finished, or something in it cannot be read.
    """

    def __init__(self, folder: Path, *, trajectory: Path | None = None) -> None:
        self._file = _run_file(folder)
        self._landscape = _finished(folder)
        self._chart = load_chart(folder / "chart.safetensors")
        if self._chart.families is None:
            raise NanochartError(f"{folder}: has no families yet; go on with `nanochart run`")
        self._trajectory = _table(trajectory)
        self._title = folder.resolve().name
        self._reading, self._telling = threading.Lock(), threading.Lock()
        self._words: dict[tuple[str, str], int] = {}
        self._points = self._read_points()
        self._word_of = np.full(len(self._points), -1, dtype=np.int32)
        self._distinct = np.flatnonzero(self._points.stands_for == np.arange(len(self._points)))
        self._told = 0

    def points(self) -> ExplorerPoints:
        """Return all points."""
        return self._points

    def structures(self, points: NDArray[np.int64]) -> ExplorerStructures:
        """Return some structures in full, by their points."""
        positions = self._positions(points)
        found = self._in_full(positions)
        for item, point in zip(found.items, points.tolist(), strict=True):
            item["point"] = point  # type: ignore[index]
        return found

    def environment_counts(self) -> Mapping[str, NDArray[np.int16]]:
        """Return how many atoms of every point are fcc, hcp, five-fold, and of no known kind."""
        return self._counts

    @cached_property
    def _counts(self) -> dict[str, NDArray[np.int16]]:
        classes, rows = self._group("classes"), self._points.rows
        found = {name: np.zeros(classes.committed, dtype=np.int16) for name in _COUNTED}
        for start, stop in classes.blocks(_ROWS):
            codes = classes.read("environment", start, stop)
            for name, kinds in _COUNTED.items():
                found[name][start:stop] = np.isin(codes, kinds).sum(axis=1)
        return {name: counts[rows] for name, counts in found.items()}

    def rdf_band(self, family: int) -> NDArray[np.float32]:
        """Return the 5, 50 and 95 % quantiles of the RDFs of a family's distinct structures."""
        unique, points = self._group("unique"), self._points
        members = np.flatnonzero(points.family[self._distinct] == family)
        if not members.size:
            return np.zeros((3, len(points.rdf_grid)), dtype=np.float32)
        # Evenly spread over a large family: quantiles of some thousand hardly move.
        members = members[:: max(1, len(members) // 2000)]
        rdf = unique.read_rows("rdf", self._place_in_unique[members])
        return np.asarray(np.quantile(rdf, (0.05, 0.5, 0.95), axis=0), dtype=np.float32)

    @cached_property
    def _place_in_unique(self) -> NDArray[np.int64]:
        """Return the rows of the group of unique structures of the distinct points."""
        snapshots = self._group("unique").read("snapshot")
        order = np.argsort(snapshots)
        wanted = self._points.rows[self._distinct]
        return np.asarray(order[np.searchsorted(snapshots, wanted, sorter=order)])

    def words(self) -> ExplorerWords:
        """Return the words of the structures, as far as they are told."""
        with self._telling:
            texts, done = list(self._words), self._told
            index = self._word_of[self._points.stands_for]
        return ExplorerWords(texts, index, done, len(self._distinct))

    def words_progress(self) -> tuple[int, int]:
        """Return how many of how many distinct structures are told in words."""
        return self._told, len(self._distinct)

    def tell_words(
        self, stop: threading.Event | None = None, *, progress: Progress = silent
    ) -> None:
        """Tell every distinct structure in words, block by block, until all are or ``stop``."""
        for start in range(0, len(self._distinct), _BLOCK):
            if stop is not None and stop.is_set():
                return
            points = self._distinct[start : start + _BLOCK]
            try:
                told = self._described(self._positions(points))
            except NanochartError:
                return  # the landscape is gone: the page is told so when it asks
            with self._telling:
                for point, words in zip(points.tolist(), told.words, strict=True):
                    text = (words.name, words.sentence)
                    self._word_of[point] = self._words.setdefault(text, len(self._words))
                self._told = start + len(points)
            progress(self._told, len(self._distinct))

    def place(self, text: str) -> ExplorerStructures:
        """Return the structures of an xyz file, placed on the chart as they are, not quenched."""
        positions, total = _structures_of(text, self._chart)
        points = self._chart.evaluate(positions)
        found = self._in_full(positions)
        for i, item in enumerate(found.items):
            item |= {  # type: ignore[operator]
                "cvs": _three(points.cvs)[i].astype(float).tolist(),
                "family": int(points.families[i]),
                "inside": bool(points.inside[i]),
                "error": float(points.errors[i]),
                "frame": i,
                "frames": total,
            }
        return found

    def trajectory(self) -> str | None:
        """Return the table of the trajectory to show as a path, if one was given."""
        return self._trajectory

    def _in_full(self, positions: NDArray[np.float64]) -> ExplorerStructures:
        told = self._described(positions)
        cutoff = cutoff_between_atoms(self._cutoff)
        centred = positions - positions.mean(axis=1, keepdims=True)
        return ExplorerStructures(
            items=[
                {
                    "name": words.name,
                    "sentence": words.sentence,
                    "macro_family": words.macro_family,
                    "cluster_class": int(code),
                    "bond_length": float(measured["bond_length"]),
                }
                for words, code, measured in zip(told.words, told.codes, told.defects, strict=True)
            ],
            positions=centred.astype(np.float32),
            environment=told.environments,
            neighbours=np.stack([(cdist(x, x) <= cutoff).sum(axis=1) - 1 for x in centred]).astype(
                np.int8
            ),
            rdf=rdf_of_positions(centred, self._chart.basis).astype(np.float32),
            view=np.stack(
                [
                    rotation_showing(
                        measured["direction"], along=bool(measured["n_axes"]), positions=own
                    )
                    for measured, own in zip(told.defects, centred, strict=True)
                ]
            ).astype(np.float32),
        )

    @property
    def _cutoff(self) -> Cutoff:
        return cutoff_of(self._file)

    def _described(self, positions: NDArray[np.float64]) -> Classification:
        return describe_positions(positions, self._cutoff, symbols=self._points.symbols)

    def _positions(self, points: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return positions (n, n_atoms, 3); a landscape that is gone is an error, not zeros."""
        rows = self._points.rows[points]
        order = np.argsort(rows, kind="stable")
        found = np.empty((len(rows), self._points.n_atoms, 3))
        with self._reading:
            found[order] = self._group("quenched").read_rows("positions", rows[order])
        if not np.ptp(found, axis=(1, 2)).all():
            raise _gone(self._landscape)
        return found

    def _group(self, name: str) -> Group:
        if name not in self._landscape:
            raise _gone(self._landscape)
        return self._landscape[name]

    def _read_points(self) -> ExplorerPoints:
        file, chart, landscape = self._file, self._chart, self._landscape
        codes = landscape["classes"].read("cluster_class")
        placed = landscape["chart"]
        rows = np.flatnonzero(codes[: placed.committed] != FAILED)  # of all snapshots
        snapshots = landscape["snapshots"]
        ladder = np.asarray(file.sampling.temperatures, dtype=np.float64)
        place = snapshots.read("temperature_index")[rows]
        energy = landscape["quenched"].read("energy")
        family = placed.read("family")
        _, stands_for = distinct(landscape, file, rows)
        unique_rows = landscape["unique"].read("snapshot")
        if not np.array_equal(rows[np.unique(stands_for)], unique_rows):
            raise NanochartError(
                f"{landscape.path}: its distinct structures are not those of the run file; do "
                "`nanochart run` again, as it has changed"
            )
        return ExplorerPoints(
            title=self._title,
            species=file.system.species,
            n_atoms=file.system.n_atoms,
            temperatures=ladder,
            rdf_grid=chart.basis.points,
            families=family_rows(chart, codes, unique_rows, family, energy),
            rows=rows,
            cvs=_three(placed.read("cvs")[rows]),
            energy=energy[rows],
            temperature=np.where(place < len(ladder), place, -1).astype(np.int16),
            cluster_class=codes[rows],
            family=family[rows],
            error=placed.read("reconstruction_error")[rows],
            inside=placed.read("inside")[rows].astype(bool),
            stands_for=stands_for.astype(np.int32),
            time=snapshots.read("cycle")[rows],
            walker=snapshots.read("walker")[rows],
            largest_error=chart.domain.largest_error,
        )


def serve_run(
    folder: Path, *, trajectory: Path | None, port: int, ready: Callable[[str], None]
) -> None:
    """Serve the explorer of a run until Ctrl-C or SIGTERM; ``ready`` is told where it is."""
    source = RunSource(folder, trajectory=trajectory)
    stop = threading.Event()
    with ExplorerServer(source, port=port) as server, _until_interrupted() as is_interrupted:
        threading.Thread(target=source.tell_words, args=(stop,), daemon=True).start()
        ready(server.url)
        server.timeout = 0.5  # how late it may be that an interrupt is seen
        while not is_interrupted():
            server.handle_request()
        stop.set()


@contextmanager
def _until_interrupted() -> Iterator[Callable[[], bool]]:
    """Note SIGINT and SIGTERM instead of raising: ask what is given whether one has come.

    A KeyboardInterrupt that comes up wherever the main thread happens to be, in a finaliser that
    the garbage collector calls for example, is lost there, and the server would go on for ever.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    came: list[int] = []

    def note(number: int, frame: object) -> None:  # noqa: ARG001
        came.append(number)
        signal.signal(number, before[signal.Signals(number)])  # a second one ends it at once

    for number in before:
        signal.signal(number, note)
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def write_static_run(folder: Path, path: Path, *, progress: Progress) -> dict[str, Any]:
    """Write the explorer of a run into one file; return what is in it."""
    check_output(path)
    source = RunSource(folder)
    source.tell_words(progress=progress)
    return write_static_page(path, source, progress)


def _run_file(folder: Path) -> RunFile:
    path = folder / "run.toml"
    if not path.is_file():
        raise NanochartError(f"{folder}: is no run folder; make one with `nanochart run`")
    return parse_run_file(read_run_file(path), where=str(path))


def _finished(folder: Path) -> Landscape:
    """Return the landscape of a run, with everything the page shows, or say what is missing."""
    landscape = open_landscape(folder)
    missing = [name for name in _NEEDED if name not in landscape]
    if not missing and not landscape["chart"].committed:
        missing = ["chart"]
    if missing:
        raise NanochartError(
            f"{folder}: is not finished yet (there is no {missing[0]!r}); go on with "
            f"`nanochart run {folder / 'run.toml'}`"
        )
    return landscape


def _gone(landscape: Landscape) -> NanochartError:
    return NanochartError(
        f"{landscape.path}: is gone or damaged; restore it and start `nanochart explore` again"
    )


def _table(path: Path | None) -> str | None:
    """Return the text of a trajectory's table; what is no such table is refused at once."""
    if path is None:
        return None
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NanochartError(f"{path}: cannot be read ({error})") from None
    header = text.split("\n", 1)[0].strip().split(",")
    if not {"frame", "cv1", "family"} <= set(header):
        raise NanochartError(
            f"{path}: is no table of `nanochart project` (it begins {text[:40]!r}); project the "
            "trajectory first"
        )
    return _without_words(text) if "sentence" in header else text


def _without_words(text: str) -> str:
    """Return a table without its words, whose commas the page does not expect."""
    rows = list(csv.reader(io.StringIO(text, newline="")))
    kept = [k for k, name in enumerate(rows[0]) if name not in ("name", "sentence")]
    return "".join(",".join(row[k] for k in kept) + "\n" for row in rows)


def _structures_of(text: str, chart: Chart) -> tuple[NDArray[np.float64], int]:
    """Return the first structures of an xyz file's text, and how many there are."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "dropped.xyz"
        path.write_text(text, encoding="utf-8")
        try:
            blocks = [
                in_formula_order(block)
                for block in read_structures(
                    path,
                    species=chart.species,
                    n_atoms=chart.n_atoms,
                    alloys=True,
                    format="extxyz",
                )
            ]
        except NanochartError as error:
            raise NanochartError(str(error).replace(f"{path}", "the dropped file")) from None
    positions = np.concatenate([block.positions for block in blocks])
    return positions[:MOST_PLACED], len(positions)


def _three(cvs: NDArray[Any]) -> NDArray[np.float32]:
    """Return CVs with columns of zeros for dimensions a flatter chart has not."""
    return np.pad(cvs, ((0, 0), (0, max(0, 3 - cvs.shape[1]))))[:, :3].astype(np.float32)
