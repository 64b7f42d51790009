"""Quenching many: order, failures kept in place, elements checked."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.cluster import Icosahedron
from hypothesis import given, settings
from hypothesis import strategies as st

from nanochart.errors import NanochartError
from nanochart.sampling.quench import QuenchSettings, quench
from nanochart.sampling.rgl import energy_and_forces, rgl

SILVER = rgl("Ag")
PERFECT = Icosahedron("Ag", 2, latticeconstant=np.sqrt(2.0) * SILVER.r0).positions


def shaken(n: int) -> np.ndarray:
    """Return n icosahedra of 13 silver atoms, shaken by up to 0.3 Å."""
    return PERFECT + np.random.default_rng(n).uniform(-0.3, 0.3, (n, 13, 3))


@settings(max_examples=3, deadline=None)
@given(n=st.integers(15, 40), broken=st.integers(0, 14))
def test_each_structure_keeps_its_place_and_a_broken_one_is_flagged(n: int, broken: int) -> None:
    starts = shaken(n)
    starts[broken] *= 40
    counts = []

    def watch(done: int, total: int, **figures: float) -> None:
        counts.append((done, total, figures["failed"]))

    minima = quench(starts, potential="Ag", progress=watch)
    assert np.flatnonzero(~minima.converged).tolist() == [broken]
    assert np.isnan(minima.energies[broken])
    assert np.array_equal(minima.positions[broken], starts[broken])
    assert counts[-1] == (n, n, 1)
    assert [done for done, _, _ in counts] == sorted(done for done, _, _ in counts)
    for i in set(range(n)) - {broken}:
        assert minima.energies[i] == pytest.approx(
            energy_and_forces(minima.positions[i], SILVER)[0], abs=1e-5
        )
        # All are in the basin of the icosahedron: it moves back by less than it was shaken.
        moved = minima.positions[i] - (starts[i] - starts[i].mean(axis=0))
        assert np.abs(moved).max() < 0.8
        assert np.abs(energy_and_forces(minima.positions[i], SILVER)[1]).max() < 1.1e-3


def test_the_icosahedron_of_thirteen_is_where_shaken_ones_come_to_rest() -> None:
    minima = quench(shaken(4), species="Ag", settings=QuenchSettings(force_tolerance=1e-5))
    radii = np.sort(np.linalg.norm(minima.positions, axis=2), axis=1)
    # One atom in the centre, twelve at one distance, 5 % shorter than the edges between them.
    assert np.allclose(radii[:, 0], 0.0, atol=1e-3)
    assert np.allclose(radii[:, 1:], radii[:, 1:].mean(), atol=1e-3)
    assert np.ptp(minima.energies) < 1e-6


def test_atoms_bring_their_element_and_its_potential() -> None:
    atoms = Atoms("Ag13", shaken(1)[0])
    minima = quench([atoms, atoms])
    energy, _ = energy_and_forces(minima.positions[0], SILVER)
    assert minima.energies.tolist() == pytest.approx([energy, energy], abs=1e-5)


def test_too_few_steps_leave_every_structure_flagged_but_present() -> None:
    minima = quench(shaken(3), potential=SILVER, settings=QuenchSettings(max_steps=1))
    assert minima.positions.shape == (3, 13, 3)
    assert not minima.converged.any()
    assert (minima.max_forces > 1e-3).all()


@pytest.mark.parametrize(
    ("structures", "options", "match"),
    [
        (Atoms("Au13", PERFECT), {"potential": "Ag"}, "holds Au, expected only Ag"),
        (Atoms("Fe13", PERFECT), {}, "unknown potential 'Fe'"),
        (PERFECT, {}, "give species="),
        (PERFECT, {"potential": "gold"}, "unknown potential 'gold'"),
        (np.full((2, 13, 3), np.nan), {"species": "Ag"}, "frame 0, atom 0"),
    ],
)
def test_what_cannot_be_quenched_is_told_before_any_work(
    structures: object, options: dict[str, str], match: str
) -> None:
    with pytest.raises(NanochartError, match=match):
        quench(structures, **options)
