"""How the elements of an alloy cluster are arranged: mixed, ordered, apart, inside or outside.

All is measured against chance: the same sites, every way of sharing them out among the elements
equally likely. Two atoms are then unlike with probability 2 Σ_{a<b} n_a n_b / (N (N − 1)), a mean
over n_a sites is one of n_a draws without replacement, and the spread of the count of unlike
bonds follows from the pairs of bonds with and without a common atom (join counts under nonfree
sampling: Cliff & Ord, Spatial Processes, 1981, ch. 1). Of more than two elements, each is compared
with all the rest taken as one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import DTypeLike, NDArray

from nanochart.errors import NanochartError
from nanochart.structure.cna import Signatures
from nanochart.structure.surroundings import FULL_SHELL

# mypy: disallow-untyped-decorators=False

#: What is measured of a structure: name, type and meaning of each column of ``chemical_order``.
COLUMNS: tuple[tuple[str, DTypeLike, str], ...] = (
    ("n_surface", np.int32, "atoms with fewer than 12 neighbours"),
    (
        "unlike_bonds",
        np.float64,
        "bonds between unlike atoms over those expected of random mixing: 1 at random, less "
        "apart, more ordered; NaN of one element or without bonds",
    ),
)
#: What is measured of every element, in the order of ``elements_of``; NaN where there is no other.
ELEMENT_COLUMNS: tuple[tuple[str, DTypeLike, str], ...] = (
    ("mixing", np.float64, "as unlike_bonds, the other elements taken as one"),
    ("mixing_spread", np.float64, "standard deviation of mixing at random"),
    ("coordination", np.float64, "mean number of neighbours, over that of all atoms"),
    ("radius", np.float64, "mean distance from the cluster's centroid, over that of all atoms"),
    ("radius_spread", np.float64, "standard deviation of radius at random"),
    ("surface_share", np.float64, "share of the surface atoms; at random that of all atoms"),
    (
        "offset",
        np.float64,
        "distance of its centroid from that of the other elements, in cluster radii: of the ball "
        "of the cluster's gyration radius",
    ),
)

# A number is notable if chance alone takes about one cluster in a hundred so far from random: 2.5
# standard deviations of a mean or a count, or twice the root mean square of an offset, a distance
# in three dimensions. What is not notable is not told, whatever its size: few atoms scatter widely.
_NOTABLE = 2.5
_NOTABLE_OFFSET = 2.0
# Half way from random mixing to the ordered crystals L1_0 (AB) and L1_2 (A3B): both have 4/3 of
# the unlike bonds of random mixing (8 of 12 where 6 are expected; all 12 of a B atom for 9).
_ORDERED_FROM = 7.0 / 6.0
# As far below 1 as ordered mixing is above.
_APART_UP_TO = 5.0 / 6.0
# A layer is of one element, or an element in one place, if no more than one atom in ten is not.
_ALMOST_ALL = 0.9
# The two halves of a ball have their centroids 3/4 of its radius apart, a smaller cap and the rest
# more; where the composition changes steadily from one side to the other, 2/5. Both elements must
# show at the surface, at least half as much as at random, or it is a core that is off the centre.
_JANUS_FROM = 0.5
_SHOWS_FROM = 0.5
# So few atoms of an element, and at most one in ten of all, have places but no order: they are
# counted.
_FEW = 4
_DILUTE = 0.1

_NUMBERS = ("no", "one", "two", "three", "four")


def elements_of(symbols: Sequence[str]) -> tuple[str, ...]:
    """Return the elements there are, sorted by their symbols."""
    return tuple(sorted({str(symbol) for symbol in symbols}))


def chemical_order(
    positions: NDArray[np.float64], symbols: Sequence[str], bonds: Signatures
) -> NDArray[Any]:
    """Measure how the elements are arranged in each structure.

    Parameters
    ----------
    positions
        Shape (n_structures, n_atoms, 3), Å.
    symbols
        Chemical symbol of every atom, the same in all structures, n_atoms long.
    bonds
        What ``cna.signatures`` made of the positions.

    Returns
    -------
    structured ndarray, shape (n_structures,)
        One row a structure, the fields those of ``COLUMNS`` and ``ELEMENT_COLUMNS``; the latter
        of shape (n_structures, n_elements), in the order of ``elements_of(symbols)``.

    Raises
    ------
    NanochartError
        Positions, symbols and bonds are not of the same structures.
    """
    n_structures, n_atoms = len(bonds), bonds.n_atoms
    if positions.shape != (n_structures, n_atoms, 3):
        raise NanochartError(
            f"positions have shape {positions.shape}, but the bonds are of {n_structures} "
            f"structures of {n_atoms} atoms"
        )
    if len(symbols) != n_atoms:
        raise NanochartError(f"{len(symbols)} chemical symbols for structures of {n_atoms} atoms")
    elements = elements_of(symbols)
    kinds = np.searchsorted(np.array(elements), np.array([str(one) for one in symbols]))
    own = np.arange(len(elements))[:, np.newaxis] == kinds  # (n_elements, n_atoms) bool
    n_neighbours = np.zeros((n_structures, n_atoms), dtype=np.int64)
    unlike = np.zeros((n_structures, len(elements)), dtype=np.int64)
    _count(bonds.first, bonds.atoms, kinds, n_neighbours, unlike)
    columns: list[Any] = [(name, kind) for name, kind, _ in COLUMNS]
    columns += [(name, kind, (len(elements),)) for name, kind, _ in ELEMENT_COLUMNS]
    rows = np.zeros(n_structures, dtype=np.dtype(columns, align=True))
    with np.errstate(divide="ignore", invalid="ignore"):
        _measure_bonds(n_neighbours, unlike, own, rows)
        _measure_places(positions, own, rows)
    return rows


@numba.njit(nogil=True, cache=True)
def _count(
    first: NDArray[np.int64],
    atoms: NDArray[np.int32],
    kinds: NDArray[np.int64],
    n_neighbours: NDArray[np.int64],
    unlike: NDArray[np.int64],
) -> None:
    """Count each atom's neighbours (n, n_atoms) and each element's unlike bonds (n, n_elements)."""
    for s in range(n_neighbours.shape[0]):
        for bond in range(first[s], first[s + 1]):
            one, other = atoms[bond]
            n_neighbours[s, one] += 1
            n_neighbours[s, other] += 1
            if kinds[one] != kinds[other]:
                unlike[s, kinds[one]] += 1
                unlike[s, kinds[other]] += 1


def _measure_bonds(
    n_neighbours: NDArray[np.int64],
    unlike: NDArray[np.int64],
    own: NDArray[np.bool_],
    rows: NDArray[Any],
) -> None:
    """Fill the columns that follow from the bonds; ``own`` says which atoms are of each element."""
    n_atoms, n = own.shape[1], own.sum(axis=1)  # n: (n_elements,) atoms of each
    rest = n_atoms - n
    n_bonds = 0.5 * n_neighbours.sum(axis=1, keepdims=True)  # (n_structures, 1)
    # Ordered pairs of bonds that have one atom in common.
    adjacent = (n_neighbours * (n_neighbours - 1)).sum(axis=1, keepdims=True)
    ways = n_atoms * (n_atoms - 1)
    one = 2.0 * n * rest / ways  # probability that a bond is unlike
    # … that two are: with a common atom one/2; without, four atoms are drawn.
    two = 4.0 * n * (n - 1) * rest * (rest - 1) / max(1, ways * (n_atoms - 2) * (n_atoms - 3))
    expected = n_bonds * one
    variance = (
        expected
        + 0.5 * adjacent * one
        + (n_bonds * (n_bonds - 1) - adjacent) * two
        - expected * expected
    )
    rows["mixing"] = unlike / expected
    rows["mixing_spread"] = np.sqrt(np.maximum(variance, 0.0)) / expected
    rows["unlike_bonds"] = unlike.sum(axis=1) / expected.sum(axis=1)
    rows["coordination"] = _means(n_neighbours, own) / n_neighbours.mean(axis=1, keepdims=True)
    surface = n_neighbours < FULL_SHELL
    rows["n_surface"] = surface.sum(axis=1)
    rows["surface_share"] = _means(surface, own) * n / rows["n_surface"][:, np.newaxis]


def _measure_places(
    positions: NDArray[np.float64], own: NDArray[np.bool_], rows: NDArray[Any]
) -> None:
    """Fill the columns that follow from the positions."""
    n_atoms, n = own.shape[1], own.sum(axis=1)
    centred = positions - positions.mean(axis=1, keepdims=True)
    squares = np.einsum("sax,sax->sa", centred, centred)  # (n_structures, n_atoms) Å²
    distances = np.sqrt(squares)
    mean = distances.mean(axis=1, keepdims=True)
    rows["radius"] = _means(distances, own) / mean
    rows["radius_spread"] = (distances.std(axis=1, keepdims=True) / mean) * np.sqrt(
        (n_atoms - n) / (n * (n_atoms - 1))
    )
    centroids = _means(centred, own)  # (n_structures, n_elements, 3) Å
    radius = np.sqrt(5.0 / 3.0 * squares.mean(axis=1, keepdims=True))
    # The centroid of all is the origin, so that of the rest lies opposite.
    apart = np.linalg.norm(centroids, axis=2) * n_atoms / (n_atoms - n)
    rows["offset"] = apart / radius


def _means(values: NDArray[Any], own: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the mean over the atoms of each element, (n_structures, n_elements, …).

    Structure by structure, so that the bits do not depend on how many there are.
    """
    return np.stack([values.compress(atoms, axis=1).mean(axis=1) for atoms in own], axis=1)


@dataclass(frozen=True)
class _Element:
    """What was measured of one element against the rest; fields as in ``ELEMENT_COLUMNS``."""

    name: str
    rest: str
    n: int
    n_atoms: int
    n_surface: int
    mixing: float
    mixing_spread: float
    coordination: float
    radius: float
    radius_spread: float
    surface_share: float
    offset: float

    @property
    def share(self) -> float:
        """Share of all atoms."""
        return self.n / self.n_atoms

    @property
    def n_at_surface(self) -> int:
        """Its atoms at the surface."""
        return round(self.surface_share * self.n_surface) if self.n_surface else 0

    @property
    def pair(self) -> str:
        """The element and the rest, as they are told."""
        return " and ".join(sorted((self.name, self.rest)))

    @property
    def inner_share(self) -> float:
        """Share of the atoms that are not at the surface; 0 without such."""
        return (self.n - self.n_at_surface) / max(1, self.n_atoms - self.n_surface)

    @property
    def preference(self) -> float:
        """Mixing over what the coordination alone makes of it.

        An element inside has more bonds of any kind, one at the surface fewer; that is no order.
        """
        of_rest = (1.0 - self.share * self.coordination) / (1.0 - self.share)
        return self.mixing / max(self.coordination * of_rest, 1e-9)

    def is_notable(self, preference: float) -> bool:
        """Return whether mixing would be notably far from random at this preference."""
        return abs(preference - 1.0) >= _NOTABLE * self.mixing_spread

    @property
    def surface_excess(self) -> float:
        """Surface atoms beyond those expected at random, in standard deviations (0 if it has none).

        The number of draws of this element among n_surface: a hypergeometric distribution.
        """
        inside = (self.n_atoms - self.n_surface) / (self.n_atoms - 1)
        spread = math.sqrt(self.n_surface * self.share * (1.0 - self.share) * inside)
        excess = self.n_at_surface - self.n_surface * self.share
        return excess / spread if spread > 0.0 else 0.0

    @property
    def has_notable_place(self) -> bool:
        """Whether the surface, the radius or the side holds notably many of its atoms."""
        return (
            abs(self.surface_excess) >= _NOTABLE
            or abs(self.radius - 1.0) >= _NOTABLE * self.radius_spread
            or self.is_offset
        )

    @property
    def is_offset(self) -> bool:
        """Whether its centroid is notably far from that of the rest.

        At random the mean square is 3/5 N² / (n (N − n) (N − 1)) of the squared cluster radius.
        """
        ways = self.n * (self.n_atoms - self.n) * (self.n_atoms - 1)
        return self.offset >= _NOTABLE_OFFSET * math.sqrt(0.6 * self.n_atoms**2 / ways)


def order_in_words(row: Any, symbols: Sequence[str]) -> tuple[str, str]:
    """Say how the elements of one structure are arranged.

    Parameters
    ----------
    row
        One row of what ``chemical_order`` returned.
    symbols
        Chemical symbol of every atom.

    Returns
    -------
    phrase : str
        A few words, such as "Ag shell on a Cu core"; empty of one element, or without bonds.
    clause : str
        The numbers behind it, for a sentence.
    """
    counts = sorted(Counter(str(symbol) for symbol in symbols).items())
    if len(counts) < 2 or math.isnan(row["unlike_bonds"]):
        return "", ""
    elements = []
    for place, (name, n) in enumerate(counts):
        rest = "-".join(other for other, _ in counts if other != name)
        measured = (float(row[column][place]) for column, _, _ in ELEMENT_COLUMNS)
        elements.append(_Element(name, rest, n, len(symbols), int(row["n_surface"]), *measured))
    # Of two elements either says it all.
    views = elements if len(elements) > 2 else [min(elements, key=lambda one: one.n)]
    few = [one for one in views if _is_few(one)]
    if few and len(elements) == 2:
        return _places(few[0])
    *most, last = (name for name, _ in counts)
    together = f"{', '.join(most)} and {last}"
    # The most telling arrangement of any element against the rest.
    _, phrase = min((_arrangement(one, together) for one in views), key=lambda found: found[0])
    return phrase, _clause(elements, float(row["unlike_bonds"]))


def _arrangement(one: _Element, together: str) -> tuple[int, str]:
    """Return how an element and the rest are arranged, and how much that tells: 0 is most."""
    for shell, share, core, core_share in (
        (one.name, one.surface_share, one.rest, 1.0 - one.inner_share),
        (one.rest, 1.0 - one.surface_share, one.name, one.inner_share),
    ):
        if min(share, core_share) >= _ALMOST_ALL and one.n_surface < one.n_atoms:
            return 0, f"{shell} shell on {'an' if core[0] in 'AEIO' else 'a'} {core} core"
    preference = one.preference
    clear = one.is_notable(preference)
    apart = clear and preference <= _APART_UP_TO
    shown = min(one.surface_share / one.share, (1.0 - one.surface_share) / (1.0 - one.share))
    if apart and one.is_offset and one.offset >= _JANUS_FROM and shown >= _SHOWS_FROM:
        return 1, f"Janus, {one.pair} sides"
    if clear and preference >= _ORDERED_FROM:
        return 2, f"ordered mixing of {one.pair}"
    at_surface = one.n_at_surface / one.n
    if abs(one.surface_excess) >= _NOTABLE and not 1.0 - _ALMOST_ALL < at_surface < _ALMOST_ALL:
        place = "at the surface" if at_surface > 0.5 else "inside"
        return 3, f"{one.name} {'gathered ' if apart else ''}{place}"
    if apart:
        return 4, f"{one.pair} segregated"
    if not _APART_UP_TO < preference < _ORDERED_FROM:
        return 7, f"{together} in no clear order"
    if abs(one.surface_excess) >= _NOTABLE:
        more = one.name if one.surface_excess > 0.0 else one.rest
        return 5, f"{together} mixed, more {more} at the surface"
    # Random can be told only where order would be notable.
    at_random = one.is_notable(_ORDERED_FROM) and not (
        one.is_notable(one.mixing) or one.has_notable_place
    )
    return (8, f"{together} mixed at random") if at_random else (6, f"{together} mixed")


def _is_few(one: _Element) -> bool:
    return one.n == 1 or (one.n <= _FEW and one.share <= _DILUTE)


def _places(one: _Element) -> tuple[str, str]:
    """Say where the few atoms of an element are."""
    number, at_surface = _NUMBERS[one.n], one.n_at_surface
    atoms = f"{number} {one.name} atom{'s' if one.n > 1 else ''}"
    if at_surface in (0, one.n):
        phrase = f"{atoms} {'at the surface' if at_surface else 'inside'}"
    else:
        phrase = f"{atoms}, {_NUMBERS[at_surface]} at the surface"
    if one.n > 1:
        return (
            phrase,
            f"of {one.n} {one.name} atoms {at_surface} have fewer than {FULL_SHELL} neighbours",
        )
    bound = "fewer than" if at_surface else "at least"
    return phrase, f"the {one.name} atom has {bound} {FULL_SHELL} neighbours"


def _clause(elements: Sequence[_Element], unlike_bonds: float) -> str:
    surface = ", ".join(f"{100 * one.surface_share:.0f} % {one.name}" for one in elements)
    cluster = ", ".join(f"{100 * one.share:.0f} % {one.name}" for one in elements)
    clause = (
        f"surface {surface} (all atoms {cluster}), {unlike_bonds:.2f} times the unlike neighbours "
        "of random mixing"
    )
    if len(elements) > 2:
        return clause
    return f"{clause}, centroids of the elements {elements[0].offset:.2f} radii apart"
