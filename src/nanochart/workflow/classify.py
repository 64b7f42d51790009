"""``nanochart classify``: every structure of some files in words, streamed block by block."""

from __future__ import annotations

import collections
import contextlib
import csv
import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanochart.errors import NanochartError
from nanochart.files import replacing
from nanochart.formats import Block, in_formula_order, write_extxyz
from nanochart.parallel import available_cores
from nanochart.progress import Progress
from nanochart.sampling.rgl import PARAMETER_SETS, Rgl, rgl
from nanochart.sampling.rgl_alloys import RglAlloy, rgl_alloy, rgl_energy_and_forces
from nanochart.structure.classes import CLASS_NAMES
from nanochart.structure.defects import COLUMNS
from nanochart.structure.description import Classification, cutoff_for, describe_positions
from nanochart.structure.planes import LAYER_LETTERS
from nanochart.workflow.config import parse_run_file, read_run_file
from nanochart.workflow.source import Source, check_output

#: What is measured and is one number; the others are vectors.
_NUMBERS = tuple(name for name, kind, _ in COLUMNS if not isinstance(kind, tuple))
#: What goes into the comment line of an annotated frame.
_TOLD = ("file", "frame", "class", "name", "macro_family", "energy")


class Classifier:
    """Describes the structures of some files, as often as it is iterated over, and counts.

    Parameters
    ----------
    files
        Structure files, or one run folder or landscape.
    cutoff
        As ``nanochart.classify`` takes it; None takes a run folder's own.
    potential
        RGL set for the energies; None takes the element's, if there is one.
    species, skip_bad
        As ``read_structures`` takes them.
    progress
        Called after every block.
    """

    def __init__(
        self,
        files: Sequence[Path],
        *,
        cutoff: float | str | None,
        potential: str | None,
        species: str | None,
        skip_bad: bool,
        progress: Progress,
    ) -> None:
        self._source = Source(files, species=species, n_atoms=None, skip_bad=skip_bad, alloys=True)
        self._cutoff = _cutoff_of_run(files) if cutoff is None else cutoff
        self._potential = potential or None
        self._progress = progress
        self._first_file = files[0]
        self.classes: Counter[str] = Counter()
        self.names: Counter[str] = Counter()
        self.macro_families: Counter[str] = Counter()
        self.symbols: tuple[str, ...] = ()
        self.skipped = 0

    def __iter__(self) -> Iterator[tuple[dict[str, Any], NDArray[np.float64], NDArray[np.int8]]]:
        """Yield of each structure what is told, its positions and its atoms' environments."""
        self.classes, self.names, self.macro_families = Counter(), Counter(), Counter()
        self._source.skipped = 0
        done = 0
        for path, block in self._source:
            self.symbols = block.symbols
            found = describe_positions(
                block.positions,
                cutoff_for(block.positions, block.symbols, self._cutoff),
                symbols=block.symbols,
                threads=available_cores(),
            )
            self.classes.update(found.cluster_class.tolist())
            self.names.update(found.names.tolist())
            self.macro_families.update(found.macro_families.tolist())
            self.skipped = self._source.skipped
            for i, record in enumerate(_records(path, block, found, self._set_of(block))):
                yield record, block.positions[i], found.environments[i]
            done += len(found)
            self._progress(done, 0)
        self.skipped = self._source.skipped
        if not done:
            raise NanochartError(f"{self._first_file}: holds no usable structure")

    def _set_of(self, block: Block) -> Rgl | RglAlloy | None:
        """Return the RGL potential that gives the energies of a block, if one does."""
        if len(set(block.symbols)) == 1:
            asked = None if self._potential is None else rgl(self._potential)
            return asked or PARAMETER_SETS.get(block.symbols[0])
        try:
            return rgl_alloy(block.species, self._potential or "")
        except NanochartError:
            if self._potential:
                raise
            return None


def classify_files(
    classifier: Classifier,
    *,
    table: Path | None = None,
    extxyz: Path | None = None,
    keep: int | None = None,
) -> dict[str, Any]:
    """Describe every structure; write a table and an annotated file if asked to.

    Parameters
    ----------
    classifier
        What to describe.
    table
        CSV to write: a row a structure, everything that was measured.
    extxyz
        Extended XYZ to write: the structures with their words, and every atom's environment.
    keep
        How many structures to return; None returns all.
    """
    for path in (table, extxyz):
        if path is not None:
            check_output(path)
    kept: list[dict[str, Any]] = []
    with contextlib.ExitStack() as stack:
        add_row = stack.enter_context(_table(table)) if table is not None else None
        frames = _frames(classifier, add_row, kept, keep)
        first = next(frames)  # raises if there is nothing usable, before a file is begun
        every = itertools.chain([first], frames)
        if extxyz is not None:
            write_extxyz(extxyz, every, classifier.symbols)
        else:
            collections.deque(every, maxlen=0)
    return {
        "structures": kept,
        "total": classifier.classes.total(),
        "composition": {name: classifier.classes[name] for name in CLASS_NAMES},
        "macro_families": dict(classifier.macro_families.most_common()),
        "names": dict(classifier.names.most_common()),
        "skipped": classifier.skipped,
    }


def _frames(
    classifier: Classifier,
    add_row: Callable[[Mapping[str, Any]], None] | None,
    kept: list[dict[str, Any]],
    most: int | None,
) -> Iterator[tuple[NDArray[np.float64], dict[str, Any], dict[str, NDArray[Any]]]]:
    """Yield every structure as ``write_extxyz`` takes it; fill the table and the list beside."""
    for record, positions, environments in classifier:
        if add_row is not None:
            add_row(record)
        if most is None or len(kept) < most:
            kept.append(record)
        told = {name: record[name] for name in _TOLD if record[name] is not None}
        yield positions, told, {"environment": environments.astype(np.int64)}


@contextlib.contextmanager
def _table(path: Path) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Give a function that adds a record to a CSV file, which is written whole or not at all."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)

        def add(record: Mapping[str, Any]) -> None:
            row = _flat(record)
            if file.tell() == 0:
                writer.writerow(row)
            writer.writerow(row.values())

        yield add


def _records(
    path: Path, block: Block, found: Classification, potential: Rgl | RglAlloy | None
) -> Iterator[dict[str, Any]]:
    """Yield what is told of each structure of a block."""
    ordered = in_formula_order(block).positions
    names = found.defects.dtype.names or ()
    for i, values in enumerate(found.defects.tolist()):
        measured = dict(zip(names, values, strict=True))
        energy = None
        if potential is not None:
            energy = round(rgl_energy_and_forces(ordered[i], potential)[0], 6)
        words = found.words[i]
        yield {
            "file": str(path),
            "frame": int(block.frames[i]),
            "class": str(found.cluster_class[i]),
            "name": words.name,
            "macro_family": words.macro_family,
            "energy": energy,
            "sentence": words.sentence,
            "layers": "".join(LAYER_LETTERS[layer] for layer in measured["layers"]).strip(),
            "gyration_radii": [round(float(radius), 4) for radius in measured["gyration_radii"]],
            "measured": {
                name: round(measured[name], 6)
                if isinstance(measured[name], float)
                else measured[name]
                for name in _NUMBERS
            },
        }


def _flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record as one row of a table."""
    row = {name: value for name, value in record.items() if not isinstance(value, (dict, list))}
    for axis, radius in enumerate(record["gyration_radii"], start=1):
        row[f"gyration_radius_{axis}"] = radius
    return {**row, **record["measured"]}


def _cutoff_of_run(files: Sequence[Path]) -> float | None:
    """Return the cutoff a run folder's structures were classified with, if one was set."""
    run_file = files[0] / "run.toml"
    if not run_file.is_file():
        return None
    return parse_run_file(read_run_file(run_file), where=str(run_file)).structure.cutoff
