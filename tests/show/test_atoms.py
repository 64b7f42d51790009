"""Pictures of atoms: right colours in right places, whichever order the atoms come in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase.cluster import Decahedron, Octahedron
from PIL import Image

from nanochart.errors import NanochartError
from nanochart.show.atoms import environment_colours, picture, rotation_showing
from nanochart.show.raytraced import raytraced
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


def test_ghosts_are_seen_through() -> None:
    positions = np.array([[0.0, 0.0, -2.0], [0.0, 0.0, 2.0]])  # red behind blue
    colours = np.array([RED, BLUE])
    options = {"rotation": UPRIGHT, "radius": 1.5, "pixels": 50}
    solid = picture(positions, colours, **options)[25, 25].astype(int)
    ghost = picture(positions, colours, ghosts=np.array([False, True]), **options)[25, 25]
    assert ghost[0] > solid[0] + 50  # the red one shines through
    assert ghost[2] > 60  # and the blue one is still there
    # A ghost in the back changes nothing in front of it.
    behind = picture(positions, colours, ghosts=np.array([True, False]), **options)[25, 25]
    np.testing.assert_array_equal(behind, solid)


def test_edges_are_smooth() -> None:
    image = picture(np.zeros((1, 3)), np.zeros((1, 3)), rotation=UPRIGHT, radius=1.0, pixels=60)
    row = image[30, :, 0].astype(int)
    assert {int(v) for v in row if 20 < v < 235}  # between ink and paper there is a step


def test_the_picture_is_the_one_kept() -> None:
    """Compare with a picture that was looked at: a decahedron, whole with ghosts, and cut."""
    atoms = Decahedron("Au", 3, 2, 0)
    x = atoms.positions - atoms.positions.mean(axis=0)
    inside = np.linalg.norm(x, axis=1) < 4.0
    colours = np.where(inside[:, None], RED, np.full(3, 0.9))
    rotation = rotation_showing(np.array([0.0, 0.0, 1.0]), along=True, positions=x)
    options = {"rotation": rotation, "radius": 1.44, "pixels": 64}
    made = np.hstack(
        [picture(x, colours, ghosts=~inside, **options), picture(x, colours, cut=True, **options)]
    )
    kept = np.asarray(Image.open(Path(__file__).parent / "decahedron.png").convert("RGB"))
    difference = np.abs(made.astype(int) - kept.astype(int))
    assert made.shape == kept.shape
    assert difference.mean() < 1.0
    assert (difference > 24).mean() < 0.005


@pytest.mark.parametrize("cut", [False, True])
def test_the_ray_tracer_sees_the_same(require_oracle, cut) -> None:
    require_oracle("ovito.vis")
    atoms = Decahedron("Au", 3, 2, 0)
    x = atoms.positions - atoms.positions.mean(axis=0)
    inside = np.linalg.norm(x, axis=1) < 4.0
    colours = np.where(inside[:, None], RED, np.full(3, 0.9))
    options = {
        "rotation": rotation_showing(np.array([0.0, 0.0, 1.0]), along=True, positions=x),
        "radius": 1.44,
        "pixels": 160,
        "cut": cut,
        "extent": 9.0,
        "ghosts": np.zeros(len(x), dtype=bool),
    }
    ours = picture(x, colours, **options).astype(int)
    refusal = ""
    try:
        theirs = raytraced(x, colours, **options).astype(int)
    except NanochartError as error:  # the newer ones want Vulkan, which a bare machine has not
        refusal = str(error)
    if refusal:
        assert refusal.startswith("OVITO cannot render on this machine")
        assert "\n" not in refusal
        return
    for test in (
        lambda image: (image < 250).any(axis=2),  # not paper
        lambda image: image[..., 0] - image[..., 1] > 60,  # red
    ):
        both, either = test(ours) & test(theirs), test(ours) | test(theirs)
        assert both.sum() >= 0.85 * either.sum()
