"""RGL of alloys: LAMMPS' table against the formula, the formula against its limits."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from ase.build import bulk
from ase.cluster import Icosahedron
from scipy.optimize import minimize_scalar

from nanochart.errors import NanochartError
from nanochart.sampling.lammps import Engine
from nanochart.sampling.potentials import built_in
from nanochart.sampling.rgl import energy_and_forces, rgl
from nanochart.sampling.rgl_alloys import (
    ALLOY_SETS,
    RglAlloy,
    alloy_energy_and_forces,
    rgl_alloy,
)
from nanochart.sampling.rgl_energies import rgl_energies

ALLOYS = [f"{a}30{b}25" for a, b in (name.split("-") for name in ALLOY_SETS)]


def shaken_icosahedron(r0: float, seed: int) -> np.ndarray:
    """Return 55 atoms in random order, displaced by up to 0.2 Å a coordinate."""
    rng = np.random.default_rng(seed)
    sites = Icosahedron("Au", 3, latticeconstant=np.sqrt(2.0) * r0).positions
    sites = rng.permutation(sites) + rng.uniform(-0.2, 0.2, sites.shape)
    return sites - sites.mean(axis=0)


def plain_energy(positions: np.ndarray, symbols: list[str], alloy: RglAlloy) -> float:
    """The formula of the literature with loops and `math`, and the tails by their definition."""
    total = 0.0
    for i, a in enumerate(symbols):
        repulsion = bond = 0.0
        for j, b in enumerate(symbols):
            if i == j:
                continue
            one, r = alloy.pair(a, b), math.dist(positions[i], positions[j])
            terms = []
            for height, decay in ((one.repulsion, one.p), (one.hopping, one.q)):
                switch, end = math.sqrt(2) * one.r0, math.sqrt(3) * one.r0
                if r < switch:
                    terms.append(height * math.exp(-decay * (r / one.r0 - 1)))
                elif r < end:
                    k, value = decay / one.r0, height * math.exp(-decay * (switch / one.r0 - 1))
                    d = switch - end
                    matrix = [[d**n for n in (3, 4, 5)], [n * d ** (n - 1) for n in (3, 4, 5)]]
                    matrix.append([n * (n - 1) * d ** (n - 2) for n in (3, 4, 5)])
                    c = np.linalg.solve(matrix, [value, -k * value, k * k * value])
                    terms.append(sum(c[n - 3] * (r - end) ** n for n in (3, 4, 5)))
                else:
                    terms.append(0.0)
            repulsion += terms[0]
            bond += terms[1] ** 2
        total += repulsion - math.sqrt(bond)
    return total


@pytest.mark.parametrize("species", ALLOYS)
def test_lammps_table_is_the_formula(species: str) -> None:
    alloy = rgl_alloy(species)
    engine = Engine(alloy, 55)
    for seed in range(3):
        positions = shaken_icosahedron(alloy.r0, seed)
        expected, expected_forces = alloy_energy_and_forces(positions, alloy)
        energy, forces = engine.energy_and_forces(positions)
        # Cubic splines through 1,000 and 2,000 points.
        assert energy == pytest.approx(expected, abs=1e-6)
        assert np.abs(forces - expected_forces).max() < 2e-5
        assert rgl_energies(positions[np.newaxis], alloy)[0] == pytest.approx(expected, abs=1e-10)
    assert plain_energy(positions, list(engine.symbols), alloy) == pytest.approx(
        expected, abs=1e-10
    )


@pytest.mark.parametrize("species", ALLOYS)
def test_forces_are_the_slope_of_the_energy(species: str) -> None:
    alloy = rgl_alloy(species)
    positions = shaken_icosahedron(alloy.r0, 7)
    forces = alloy_energy_and_forces(positions, alloy)[1]
    for atom, axis in ((0, 0), (20, 1), (35, 2), (54, 0)):  # of both elements
        step = np.zeros_like(positions)
        step[atom, axis] = 1e-5
        rise = alloy_energy_and_forces(positions + step, alloy)[0]
        rise -= alloy_energy_and_forces(positions - step, alloy)[0]
        assert forces[atom, axis] == pytest.approx(-rise / 2e-5, abs=1e-6)


@pytest.mark.parametrize("name", ALLOY_SETS)
def test_an_alloy_of_one_metal_is_that_metal(name: str) -> None:
    # Both elements given one metal's numbers: its own potential, through the table of the alloy.
    for like in (ALLOY_SETS[name][0], ALLOY_SETS[name][2]):
        species = f"{'30'.join(name.split('-'))}25"
        same = RglAlloy(name, species, (like, like, like))
        positions = shaken_icosahedron(like.r0, 1)
        expected, expected_forces = energy_and_forces(positions, like)
        energy, forces = alloy_energy_and_forces(positions, same)
        assert energy == pytest.approx(expected, abs=1e-11)
        assert np.allclose(forces, expected_forces, atol=1e-11)
        energy, forces = Engine(same, 55).energy_and_forces(positions)
        assert energy == pytest.approx(expected, abs=1e-6)
        assert np.abs(forces - expected_forces).max() < 2e-5


def test_two_clusters_of_one_element_each_far_apart_add_up() -> None:
    alloy = rgl_alloy("Ag13Cu13")
    parts = [
        Icosahedron(one, 2, latticeconstant=np.sqrt(2.0) * rgl(one).r0).positions
        for one in ("Ag", "Cu")
    ]
    positions = np.concatenate([parts[0] - [8.0, 0, 0], parts[1] + [8.0, 0, 0]])
    expected = sum(
        energy_and_forces(own, rgl(one))[0] for own, one in zip(parts, ("Ag", "Cu"), strict=True)
    )
    assert alloy_energy_and_forces(positions, alloy)[0] == pytest.approx(expected, abs=1e-12)
    assert Engine(alloy, 26).energy_and_forces(positions)[0] == pytest.approx(expected, abs=1e-6)


def crystal_energy(alloy: RglAlloy, spots: str, edge: float) -> float:
    """Energy of a cell of four fcc sites (A at the corner, B on the faces), eV, from its shells."""
    cell = bulk("Au", cubic=True, a=edge)
    images = np.array(list(itertools.product(range(-2, 3), repeat=3))) * edge
    named = {"A": alloy.elements[0], "B": alloy.elements[1]}
    total = 0.0
    for i in range(4):
        repulsion = bond = 0.0
        for j in range(4):
            r = np.linalg.norm(cell.positions[j] + images - cell.positions[i], axis=1)
            r = r[r > 1e-6]
            pair = alloy.pair(named[spots[i]], named[spots[j]])
            repulsion += pair.repulsion_at(r)[0].sum()
            bond += (pair.hopping_at(r)[0] ** 2).sum()
        total += repulsion - np.sqrt(bond)
    return total


def heat_of_formation(alloy: RglAlloy, spots: str) -> float:
    """Of an ordered crystal, eV an atom, each crystal at its own best edge."""

    def lowest(of: str) -> float:
        found = minimize_scalar(lambda edge: crystal_energy(alloy, of, edge), bounds=(3.4, 4.3))
        return float(found.fun) / 4

    share = spots.count("A") / 4
    return lowest(spots) - share * lowest("AAAA") - (1 - share) * lowest("BBBB")


def test_silver_and_copper_unmix_and_the_others_order() -> None:
    # The phase diagrams: Ag-Cu has a wide miscibility gap; Ag-Au mixes in any proportion; Au-Cu
    # has Cu3Au, formed with -0.074 eV an atom (Hultgren et al., Selected Values, 1973), to which
    # its unlike pair was fitted.
    assert heat_of_formation(rgl_alloy("AgCu3"), "ABBB") > 0.02
    assert heat_of_formation(rgl_alloy("AgAu3"), "ABBB") < 0.0
    assert -0.11 < heat_of_formation(rgl_alloy("AuCu3"), "ABBB") < -0.04


def test_what_is_not_there_is_told() -> None:
    with pytest.raises(NanochartError, match="no RGL set 'Ag-Pt' for Ag30Pt8; there are Ag-Cu"):
        built_in("Ag30Pt8")
    with pytest.raises(NanochartError, match="Ag-Cu is for Ag and Cu, not Ag30Au8"):
        built_in("Ag30Au8", "Ag-Cu")
    with pytest.raises(NanochartError, match="is for Au, not Cu"):
        built_in("Cu", "Au-LoDiS")
    with pytest.raises(NanochartError, match="has 38 atoms, the structures have 55"):
        Engine(rgl_alloy("Ag32Cu6"), 55)
