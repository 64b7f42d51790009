"""From positions to everything said about a structure: class, environments, defects and words.

The rooms do the work (``cna``, ``classes``, ``defects``, ``words``, ``chemical_order``); this is
their common door.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanochart.errors import NanochartError
from nanochart.positions import Structures, as_structures
from nanochart.sampling.rgl import nearest_neighbour_distance
from nanochart.structure.chemical_order import chemical_order, order_in_words
from nanochart.structure.classes import CLASS_NAMES, cluster_class
from nanochart.structure.cna import environments_of, five_fold_axes, signatures
from nanochart.structure.cutoffs import Cutoff, adaptive_cutoff, neighbour_cutoff, pair_cutoffs
from nanochart.structure.defects import find_defects
from nanochart.structure.words import Words, describe

#: Structures whose bonds are held at once, by each thread: some MB.
_CHUNK = 256
#: What ``classify`` takes for a cutoff that fits each structure's own bonds.
ADAPTIVE = "adaptive"


@dataclass(frozen=True, eq=False)
class Classification:
    """What ``classify`` says about each structure.

    Attributes
    ----------
    codes : ndarray of int8, shape (n_structures,)
        The class as a place in ``CLASS_NAMES``.
    environments : ndarray of int8, shape (n_structures, n_atoms)
        ``cna.Environment`` code of every atom.
    defects : structured ndarray, shape (n_structures,)
        What was measured; the fields are those of ``defects.COLUMNS``.
    words : list of Words
        Name, sentence and macro-family of each structure.
    """

    codes: NDArray[np.int8]
    environments: NDArray[np.int8]
    defects: NDArray[Any]
    words: list[Words]

    def __len__(self) -> int:
        return len(self.codes)

    @cached_property
    def cluster_class(self) -> NDArray[np.str_]:
        """The class of each structure, one of ``CLASS_NAMES``, shape (n_structures,)."""
        return np.array(CLASS_NAMES)[self.codes]

    @cached_property
    def names(self) -> NDArray[np.str_]:
        """The short name of each structure, shape (n_structures,)."""
        return np.array([one.name for one in self.words], dtype=np.str_)

    @cached_property
    def macro_families(self) -> NDArray[np.str_]:
        """The macro-family of each structure, one of ``words.MACRO_FAMILIES``."""
        return np.array([one.macro_family for one in self.words], dtype=np.str_)


def classify(
    structures: Structures,
    *,
    cutoff: float | str | None = None,
    species: str | Sequence[str] | None = None,
    threads: int = 1,
) -> Classification:
    """Say what each structure is: class, environments, defects, and words.

    The rules are made for quenched structures: thermal motion hides the order of a hot snapshot.

    Parameters
    ----------
    structures
        Positions in Å, shape (n_structures, n_atoms, 3) or (n_atoms, 3); an ``ase.Atoms``; or a
        sequence of ``ase.Atoms`` of equal size. Alloys are taken: every frame must have the same
        element at the same place.
    cutoff
        Two atoms at most this far apart (Å) are bonded; or ``"adaptive"``: half way between the
        first two shells of each structure's own bonds, for strained clusters and particles that
        are no metal. Default: ``cna.neighbour_cutoff`` of the species' nearest-neighbour
        distance, in an alloy of the mean for each pair. Words hardly depend on 3 % of it.
    species
        Chemical symbol, or one per atom, for bare arrays; ``ase.Atoms`` know theirs.
    threads
        Threads to use; the result does not depend on it.

    Returns
    -------
    Classification

    Raises
    ------
    NanochartError
        Neither cutoff nor species is known, the species has no tabulated distance, or the
        structures are not usable (see ``as_structures`` and ``cna.signatures``).
    """
    positions, symbols = as_structures(structures, species=species)
    return describe_positions(
        positions, cutoff_for(positions, symbols, cutoff), symbols=symbols, threads=threads
    )


def cutoff_for(
    positions: NDArray[np.float64], symbols: Sequence[str] | None, cutoff: float | str | None
) -> Cutoff:
    """Return what ``cna`` takes as a cutoff for what a user asked for; see ``classify``."""
    if isinstance(cutoff, str):
        if cutoff != ADAPTIVE:
            raise NanochartError(f'cutoff "{cutoff}": give a distance in Å, or "{ADAPTIVE}"')
        return adaptive_cutoff(positions)
    if cutoff is not None:
        return cutoff
    if symbols is None:
        raise NanochartError(
            "bare positions do not say which metal they are: pass species= (Au), cutoff= (Å) or "
            f'cutoff="{ADAPTIVE}"'
        )
    if len(set(symbols)) > 1:
        return pair_cutoffs(symbols)
    return neighbour_cutoff(nearest_neighbour_distance(symbols[0]))


def describe_positions(
    positions: NDArray[np.float64],
    cutoff: Cutoff,
    *,
    symbols: Sequence[str] | None = None,
    threads: int = 1,
) -> Classification:
    """Say what each of many checked structures is, with a cutoff that ``cna`` takes.

    Parameters as ``classify``; the bonds of only some hundred structures are held at once.
    """
    starts = range(0, len(positions), _CHUNK)

    def one(start: int) -> Classification:
        part = slice(start, start + _CHUNK)
        own = cutoff[part] if isinstance(cutoff, np.ndarray) else cutoff
        return _describe(positions[part], own, symbols, number_from=start)

    if threads > 1:
        with ThreadPoolExecutor(threads) as pool:
            return _joined(pool.map(one, starts))
    return _joined(map(one, starts))


def _describe(
    positions: NDArray[np.float64],
    cutoff: Cutoff,
    symbols: Sequence[str] | None,
    *,
    number_from: int,
) -> Classification:
    bonds = signatures(positions, cutoff, number_from=number_from)
    environments = environments_of(bonds)
    codes = cluster_class(environments, five_fold_axes(bonds, environments))
    defects = find_defects(positions, bonds, environments)
    words = describe(defects, codes, positions.shape[1])
    if symbols is not None and len(set(symbols)) > 1:
        orders = chemical_order(positions, symbols, bonds)
        words = [
            _with_order(one, *order_in_words(order, symbols))
            for one, order in zip(words, orders, strict=True)
        ]
    return Classification(codes, environments, defects, words)


def _with_order(words: Words, phrase: str, clause: str) -> Words:
    """Return words that also tell how the elements are arranged."""
    name = f"{words.name}, {phrase}" if phrase else words.name
    sentence = f"{words.sentence.removesuffix('.')}; {clause}." if clause else words.sentence
    return replace(words, name=name, sentence=sentence)


def _joined(parts: Iterator[Classification]) -> Classification:
    found = list(parts)
    return Classification(
        np.concatenate([one.codes for one in found]),
        np.concatenate([one.environments for one in found]),
        np.concatenate([one.defects for one in found]),
        [words for one in found for words in one.words],
    )
