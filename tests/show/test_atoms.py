"""Pictures of atoms: right colours in right places, whichever order the atoms come in."""

from __future__ import annotations

import numpy as np
import pytest
from ase.cluster import Octahedron

from nanochart.show.atoms import environment_colours, picture, rotation_showing
from nanochart.structure.cna import Environment

UPRIGHT = np.eye(3)
RED, BLUE = np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0])


def test_fcc_is_green_hcp_red_and_the_surface_white() -> None:
    colours = environment_colours(
        np.array([Environment.FCC, Environment.HCP, Environment.FACET_111], dtype=np.int8)
    )
    assert colours[0].argmax() == 1
    assert colours[1].argmax() == 0
    assert np.ptp(colours[2]) < 0.01


def test_the_nearer_atom_covers_the_farther_one() -> None:
    positions = np.array([[0.0, 0.0, -2.0], [0.0, 0.0, 2.0]])  # one behind the other
    colours = np.array([RED, BLUE])
    for order in ([0, 1], [1, 0]):
        image = picture(positions[order], colours[order], rotation=UPRIGHT, radius=1.5, pixels=51)
        middle = image[25, 25].astype(int)
        assert middle[2] > middle[0] + 50


def test_a_sphere_fills_the_right_share_of_the_picture() -> None:
    # One atom of radius 1 Å in a picture 4 Å wide: a disc of π/16 of the area.
    image = picture(
        np.zeros((1, 3)), RED[None], rotation=UPRIGHT, radius=1.0, pixels=400, extent=2.0
    )
    drawn = (image != 255).any(axis=2).mean()
    assert drawn == pytest.approx(np.pi / 16, rel=0.01)


def test_a_cut_shows_what_is_inside() -> None:
    atoms = Octahedron("Au", 5, 1)
    distances = np.linalg.norm(atoms.positions - atoms.positions.mean(axis=0), axis=1)
    colours = np.where((distances < distances.max() / 2)[:, None], RED, np.ones(3))
    options = {"rotation": UPRIGHT, "radius": 1.44, "pixels": 100}
    whole = picture(atoms.positions, colours, **options)
    cut = picture(atoms.positions, colours, cut=True, **options)

    def red(image: np.ndarray) -> float:
        return float(((image[..., 0] > 100) & (image[..., 1] < 80)).mean())

    assert red(whole) < 0.02 < 0.1 < red(cut)


def test_the_order_of_the_atoms_does_not_matter() -> None:
    atoms = Octahedron("Au", 4, 1)
    rng = np.random.default_rng(0)
    colours = rng.uniform(size=(len(atoms), 3))
    order = rng.permutation(len(atoms))
    rotation = rotation_showing(np.ones(3), along=False, positions=atoms.positions)
    options = {"rotation": rotation, "radius": 1.44, "pixels": 80}
    one = picture(atoms.positions, colours, **options)
    other = picture(atoms.positions[order], colours[order], **options)
    assert np.abs(one.astype(int) - other.astype(int)).max() <= 1


@pytest.mark.parametrize("along", [True, False])
@pytest.mark.parametrize("direction", [np.zeros(3), np.array([0.0, 0.0, 1.0]), np.ones(3)])
def test_rotations_are_rotations_and_show_the_direction(direction, along) -> None:
    positions = np.random.default_rng(1).normal(size=(30, 3)) * [1.0, 2.0, 3.0]
    rotation = rotation_showing(direction, along=along, positions=positions)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1.0)
    if direction.any():
        seen = rotation @ (direction / np.linalg.norm(direction))
        assert abs(seen[2 if along else 1]) == pytest.approx(1.0)


def test_flat_and_single_atoms_are_drawn() -> None:
    flat = np.array([[0.0, 0.0, 0.0], [2.9, 0.0, 0.0], [0.0, 2.9, 0.0]])
    rotation = rotation_showing(np.zeros(3), along=False, positions=flat)
    image = picture(flat, np.ones((3, 3)) * 0.5, rotation=rotation, radius=1.4, pixels=40)
    assert (image < 250).any()
