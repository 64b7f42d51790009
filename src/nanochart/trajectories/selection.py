"""Which atoms of a frame are the cluster: by element, type or place, by what hangs together.

A support or ligands are left out, a cluster is made whole across the faces of its cell, and each
frame gives one structure, or one for each of its clusters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray

from nanochart.composition import cluster_name, elements_of, is_alloy, species_of
from nanochart.errors import NanochartError
from nanochart.positions import OVERLAP_DISTANCE, check_positions
from nanochart.trajectories.frames import Array, Frames
from nanochart.trajectories.pieces import Pieces, find_pieces

#: What becomes of a frame: all selected atoms, the largest piece, or every piece of the right size.
EVERY_ATOM, LARGEST, CLUSTERS = "every atom", "largest", "clusters"
_RANGE = re.compile(r"(\d*):(\d*)(?::(\d+))?")
#: A type, as a file that knows no elements has it.
_TYPE = re.compile(r"\d+")


@dataclass(frozen=True)
class Selection:
    """How structures come out of frames.

    Parameters
    ----------
    species, n_atoms
        Of the structures wanted: the chart's. Atoms of an alloy come out in the order of its
        formula; a file that knows no elements is taken to have them so.
    cutoff
        Two atoms at most this far apart hang together, Å.
    atoms
        Elements, types or ranges of places ``first:behind``, separated by commas: the atoms that
        are looked at; None: all.
    types
        The element of every type, for files that have types.
    pieces
        ``EVERY_ATOM``, ``LARGEST`` or ``CLUSTERS``.
    use_cells
        Whether a file's cells count.
    skip_bad
        Leave out and count frames that hold no structure, instead of raising.
    """

    species: str
    n_atoms: int
    cutoff: float
    atoms: str | None = None
    types: Mapping[str, str] = field(default_factory=dict)
    pieces: str = EVERY_ATOM
    use_cells: bool = True
    skip_bad: bool = False


@dataclass(frozen=True, eq=False)
class Selected:
    """Structures out of frames.

    ``row`` (n,) which of the frames each is of; ``positions`` (n, n_atoms, 3) Å; ``evaporated``
    (n,) atoms of the structure, or of the frame, that do not hang together with it; ``cluster``
    (n,) its place among the frame's pieces, by size; ``skipped`` bad frames left out;
    ``other_sizes`` pieces, or frames without any piece, of another size left out.
    """

    row: NDArray[np.int64]
    positions: Array
    evaporated: NDArray[np.int64]
    cluster: NDArray[np.int64]
    skipped: int
    other_sizes: int


def parse_types(text: str | None) -> dict[str, str]:
    """Return the element of every type, from ``1=Au,2=C``."""
    found: dict[str, str] = {}
    for part in (text or "").split(",") if text else ():
        number, _, element = part.strip().partition("=")
        if not _TYPE.fullmatch(number) or element not in atomic_numbers or element == "X":
            raise NanochartError(f"types {text!r}: expected like 1=Au,2=C, found {part.strip()!r}")
        found[number] = element
    return found


def select(frames: Frames, selection: Selection, *, where: str) -> Selected:
    """Return the structures of some frames.

    Parameters
    ----------
    frames
        Alike in their atoms.
    selection
        What is a structure.
    where
        The file, for errors.

    Raises
    ------
    NanochartError
        Other elements, or another number of atoms, than the chart's; or a frame that may not be
        skipped holds no structure.
    """
    place = f"{where}: frame {frames.numbers[0]}"
    chosen = _chosen(frames, selection, place)
    n_atoms = frames.positions.shape[1] if chosen is None else len(chosen)
    try:
        _check_atoms(frames, chosen, n_atoms, selection, place)
        if is_alloy(selection.species):
            chosen = _in_formula_order(frames, chosen, selection, place)
    except NanochartError:
        if not selection.skip_bad:
            raise
        return _nothing(selection.n_atoms, len(frames.numbers))
    positions = frames.positions if chosen is None else frames.positions[:, chosen]
    cells = frames.cells if selection.use_cells else None
    pieces = find_pieces(positions, selection.cutoff, cells)
    bad = ~(pieces.nearest >= OVERLAP_DISTANCE) | pieces.endless
    if bad.any() and not selection.skip_bad:
        _raise(pieces, int(bad.argmax()), frames, where)
    good = np.flatnonzero(~bad)
    if selection.pieces == EVERY_ATOM:
        return Selected(
            good,
            pieces.positions if len(good) == len(bad) else pieces.positions[good],
            pieces.apart[good],
            np.zeros(len(good), dtype=np.int64),
            int(bad.sum()),
            0,
        )
    return _by_piece(pieces, good, selection, skipped=int(bad.sum()))


def _chosen(frames: Frames, selection: Selection, place: str) -> NDArray[np.int64] | None:
    """Return which atoms are looked at, None for all."""
    if selection.atoms is None:
        return None
    n_atoms = frames.positions.shape[1]
    chosen = np.zeros(n_atoms, dtype=np.bool_)
    for part in selection.atoms.split(","):
        word = part.strip()
        span = _RANGE.fullmatch(word)
        if span:
            first, behind, step = (int(one) if one else None for one in span.groups())
            chosen[slice(first, behind, step)] = True
            continue
        if frames.kinds is None:
            raise NanochartError(
                f"{place} tells no elements or types, so {word!r} selects nothing: select by "
                "place, as 0:147"
            )
        called = [kind == word or selection.types.get(kind) == word for kind in frames.kinds]
        chosen |= np.array(called)
    if not chosen.any():
        there = "" if frames.kinds is None else f": it has {', '.join(sorted(set(frames.kinds)))}"
        raise NanochartError(f"{place} has no atom that {selection.atoms!r} selects{there}")
    return np.flatnonzero(chosen)


def _check_atoms(
    frames: Frames,
    chosen: NDArray[np.int64] | None,
    n_atoms: int,
    selection: Selection,
    place: str,
) -> None:
    """Raise unless the atoms may be those of the chart's cluster."""
    trained = f"this chart was trained on {cluster_name(selection.species, selection.n_atoms)}"
    several = elements_of(selection.species)
    if frames.kinds is not None:
        kinds = set(frames.kinds if chosen is None else (frames.kinds[i] for i in chosen))
        elements = {selection.types.get(kind, kind) for kind in kinds}
        types = [one for one in elements if _TYPE.fullmatch(one)]
        if len(types) < len(elements) and elements != set(several):
            raise NanochartError(
                f"{place} holds {', '.join(sorted(elements))}, expected only "
                f"{' and '.join(several)}: "
                f"{trained}; --select the atoms of the cluster, or use another chart"
            )
        if types and (len(elements) > 1 or len(several) > 1):
            raise NanochartError(
                f"{place} holds types {', '.join(sorted(elements))} instead of elements: tell "
                f"them (--types 1={several[0]},…), or --select one"
            )
    few = n_atoms < selection.n_atoms and selection.pieces == EVERY_ATOM
    many = n_atoms > selection.n_atoms and selection.pieces == EVERY_ATOM
    if few or many:
        remedy = "" if few else "; --select the cluster's, or take the --largest cluster"
        raise NanochartError(
            f"{place} has {n_atoms} atoms, expected {selection.n_atoms}: {trained}{remedy}"
        )


def _in_formula_order(
    frames: Frames, chosen: NDArray[np.int64] | None, selection: Selection, place: str
) -> NDArray[np.int64] | None:
    """Return the atoms of an alloy in the order of its formula; of a file without elements as is.

    Raises
    ------
    NanochartError
        The elements are there in other numbers, or pieces are looked for, which have any.
    """
    if selection.pieces != EVERY_ATOM:
        raise NanochartError(
            f"{place}: pieces of an alloy may hold any numbers of its elements: --select the atoms "
            f"of {selection.species} instead"
        )
    if frames.kinds is None:
        return chosen
    atoms = np.arange(len(frames.kinds)) if chosen is None else chosen
    symbols = [selection.types.get(frames.kinds[i], frames.kinds[i]) for i in atoms]
    if species_of(symbols) != selection.species:
        raise NanochartError(
            f"{place} holds {species_of(symbols)}, expected {selection.species}; use the chart of "
            "that cluster, or --select its atoms"
        )
    return np.asarray(atoms[np.argsort(np.array(symbols), kind="stable")])


def _raise(pieces: Pieces, frame: int, frames: Frames, where: str) -> None:
    """Raise what is wrong with a frame."""
    place = f"{where}: frame {frames.numbers[frame]}"
    try:
        check_positions(pieces.positions[frame : frame + 1], where="")
    except NanochartError as error:
        raise NanochartError(place + str(error).removeprefix(": frame 0")) from None
    raise NanochartError(
        f"{place} fills its periodic cell: not a cluster; --select the cluster's atoms, or ignore "
        "the cell (--no-cell) if it has none"
    )


def _by_piece(
    pieces: Pieces, good: NDArray[np.int64], selection: Selection, *, skipped: int
) -> Selected:
    """Return the largest piece of each frame, or all, where they have the right size."""
    rows, places, atoms, evaporated = [], [], [], []
    others = 0
    for row in good:
        sizes = np.bincount(pieces.piece[row])
        looked_at = range(1) if selection.pieces == LARGEST else range(len(sizes))
        fitting = [place for place in looked_at if sizes[place] == selection.n_atoms]
        others += len(looked_at) - len(fitting) if selection.pieces == CLUSTERS else not fitting
        for place in fitting:
            rows.append(row)
            places.append(place)
            atoms.append(pieces.positions[row, pieces.piece[row] == place])
            evaporated.append(int((sizes == 1).sum()))
    if not rows:
        found = _nothing(selection.n_atoms, skipped)
        return Selected(
            found.row, found.positions, found.evaporated, found.cluster, skipped, others
        )
    return Selected(
        np.array(rows, dtype=np.int64),
        np.stack(atoms),
        np.array(evaporated, dtype=np.int64),
        np.array(places, dtype=np.int64),
        skipped,
        others,
    )


def _nothing(n_atoms: int, skipped: int) -> Selected:
    none = np.zeros(0, dtype=np.int64)
    return Selected(none, np.zeros((0, n_atoms, 3)), none, none, skipped, 0)
