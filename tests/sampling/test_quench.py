"""Quenching many: order, failures kept in place, elements checked."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.cluster import Icosahedron
from hypothesis import given, settings
from hypothesis import strategies as st

from nanochart.errors import NanochartError
from nanochart.sampling.lammps import engine_for
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


def test_a_kick_leaves_the_saddle_that_symmetry_holds() -> None:
    # Thirteen atoms of a cuboctahedron: no force breaks its symmetry, and the icosahedron, to which
    # six of its squares fold without a barrier (Mackay, Acta Cryst. 15, 916 (1962)), is lower.
    corners = [np.roll([0, a, b], k) for k in range(3) for a in (-1, 1) for b in (-1, 1)]
    cuboctahedron = SILVER.r0 / np.sqrt(2.0) * np.array([[0, 0, 0], *corners], dtype=float)
    still, kicked, icosahedron = (
        quench(start, potential="Ag", settings=QuenchSettings(1e-5, kick=kick)).energies[0]
        for start, kick in ((cuboctahedron, 0.0), (cuboctahedron, 0.05), (PERFECT, 0.0))
    )
    assert kicked == pytest.approx(icosahedron, abs=1e-6)
    assert still > icosahedron + 0.1


def test_kicks_depend_on_the_structure_alone() -> None:
    starts = shaken(20)
    options = QuenchSettings(kick=0.05)
    together = quench(starts, potential="Ag", settings=options)
    alone = quench(starts[7], potential="Ag", settings=options)
    assert np.array_equal(alone.positions[0], together.positions[7])


def test_lammps_can_be_asked_for() -> None:
    starts = shaken(2)
    tight = {"force_tolerance": 1e-6}
    own = quench(starts, potential="Ag", settings=QuenchSettings(**tight))
    theirs = quench(starts, potential="Ag", settings=QuenchSettings(**tight, minimiser="lammps"))
    engine = engine_for(SILVER, 13)
    one = engine.quench(starts[1], force_tolerance=1e-6)
    assert np.array_equal(theirs.positions[1], one.positions)
    assert not np.array_equal(own.positions, theirs.positions)
    assert np.allclose(own.energies, theirs.energies, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "match"), [({"minimiser": "fire"}, "none of auto, lammps"), ({"kick": -1}, "kick")]
)
def test_settings_that_make_no_sense_are_told(options: dict[str, object], match: str) -> None:
    with pytest.raises(NanochartError, match=match):
        QuenchSettings(**options)
