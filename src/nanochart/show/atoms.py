"""Pictures of clusters: shaded spheres with depth, whole or cut open, as arrays of pixels.

Every sphere is cast pixel by pixel into a depth buffer, so that touching atoms meet in the right
curves and no order of drawing matters. No graphics library is needed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nanochart.structure.cna import Environment

#: Atoms as in the paper's Fig. 4: fcc green, hcp red, all others white; five-fold ones are set off.
ENVIRONMENT_COLOURS = {
    Environment.FCC: (0.18, 0.65, 0.30),
    Environment.HCP: (0.85, 0.20, 0.15),
    Environment.FIVE_FOLD_AXIS: (0.15, 0.40, 0.85),
    Environment.ICOSAHEDRON_CENTRE: (0.95, 0.65, 0.10),
}
_OTHER_COLOUR = (0.92, 0.92, 0.92)
_LIGHT = np.array([-0.35, 0.45, 0.82])  # from the upper left, in front
_AMBIENT = 0.38
_HALFWAY = np.array([-0.183, 0.236, 0.954])  # between the light and the eye
_SHINE = 0.3
_RIM = 0.08  # 1 minus the squared distance from the middle of a sphere, where its rim begins
#: How much of a see-through atom is left.
_GHOST = 0.33
# Atoms further back are drawn paler by this much, over the depth of the cluster.
_FOG = 0.35


def environment_colours(codes: NDArray[np.int8]) -> NDArray[np.float64]:
    """Return the colour (n_atoms, 3), RGB from 0 to 1, of atoms by their environment."""
    table = np.full((max(Environment) + 1, 3), _OTHER_COLOUR)
    for environment, colour in ENVIRONMENT_COLOURS.items():
        table[environment] = colour
    return np.asarray(table[codes])


def rotation_showing(
    direction: NDArray[np.float64], *, along: bool, positions: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the rotation whose rows are the picture's right, up and towards the viewer.

    Parameters
    ----------
    direction
        Shape (3,): what the structure is shown by; zeros take the structure's longest direction.
    along
        Look along it (a five-fold axis); otherwise it points up (the normal of planes).
    positions
        Shape (n_atoms, 3), Å; their longest direction settles what ``direction`` leaves open.
    """
    centred = positions - positions.mean(axis=0)
    principal = np.linalg.eigh(centred.T @ centred)[1].T[::-1]  # rows, the longest first
    if not direction.any():
        direction, along = principal[0], False
    one = direction / np.linalg.norm(direction)
    # Of the two longest directions the one that lies less along it.
    side = principal[int(abs(principal[0] @ one) > abs(principal[1] @ one))]
    side = side - (side @ one) * one
    side /= np.linalg.norm(side)
    third = np.cross(one, side)
    rows = (side, -third, one) if along else (side, one, np.cross(side, one))
    rotation = np.array(rows)
    if np.linalg.det(rotation) < 0.0:  # a mirrored picture would swap left and right
        rotation[0] = -rotation[0]
    return rotation


def picture(
    positions: NDArray[np.float64],
    colours: NDArray[np.float64],
    *,
    rotation: NDArray[np.float64],
    radius: float,
    pixels: int = 200,
    cut: bool = False,
    extent: float | None = None,
    ghosts: NDArray[np.bool_] | None = None,
) -> NDArray[np.uint8]:
    """Return a picture of a cluster, shape (pixels, pixels, 3), on white.

    Parameters
    ----------
    positions, colours
        Shape (n_atoms, 3): Å, and RGB from 0 to 1.
    rotation
        Rows: right, up and towards the viewer (``rotation_showing``).
    radius
        Of the spheres, Å; half a bond lets them touch.
    cut
        Leave out what lies in front of the plane through the centroid: a cross-section.
    extent
        Half the width of the picture, Å; by default the cluster fills it.
    ghosts
        Shape (n_atoms,): atoms to see through, as the paper's Fig. 4A shows the whole clusters.
    """
    # Rounded, so that the last bits, which the order of the atoms changes, decide nothing.
    seen = np.round((positions - positions.mean(axis=0)) @ rotation.T, 6)  # (n_atoms, 3)
    if extent is None:
        extent = float(np.abs(seen[:, :2]).max()) + radius
    if ghosts is None:
        ghosts = np.zeros(len(seen), dtype=bool)
    if cut:
        # A layer that the plane runs through stays whole.
        keep = seen[:, 2] < 0.6 * radius
        seen, colours, ghosts = seen[keep], colours[keep], ghosts[keep]
    # Four pixels are cast for each one shown: edges are smooth.
    image, depth = _cast(seen, colours, radius, extent, 2 * pixels, seen)
    if ghosts.any():
        solid = ~ghosts
        behind, nearer = _cast(seen[solid], colours[solid], radius, extent, 2 * pixels, seen)
        seen_through = depth > nearer  # a ghost lies in front, of an atom or of the paper
        mixed = _GHOST * image + (1.0 - _GHOST) * behind
        image = np.where(seen_through[..., None], mixed, image)
    image = image.reshape(pixels, 2, pixels, 2, 3).mean(axis=(1, 3))
    return np.asarray(np.round(255.0 * np.clip(image, 0.0, 1.0)), dtype=np.uint8)


def _cast(
    seen: NDArray[np.float64],
    colours: NDArray[np.float64],
    radius: float,
    extent: float,
    pixels: int,
    every: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the image, (pixels, pixels, 3), and its depth, (pixels, pixels), of spheres on white.

    ``every`` atom of the cluster, (n_atoms, 3), says how deep it is, for the haze.
    """
    scale = pixels / (2.0 * extent)
    depth = np.full((pixels, pixels), -np.inf)
    image = np.ones((pixels, pixels, 3))
    if not len(seen):
        return image, depth
    nearest, farthest = every[:, 2].max() + radius, every[:, 2].min()
    # All spheres look alike: one is shaded, to the nearest pixel of the cast, and set in place.
    reach = int(radius * scale) + 1
    offsets = np.arange(-reach, reach + 1) / (scale * radius)
    right, up = offsets[None, :], -offsets[:, None]
    rest = 1.0 - right**2 - up**2
    towards = np.sqrt(np.clip(rest, 0.0, None))
    shade = right * _LIGHT[0] + up * _LIGHT[1] + towards * _LIGHT[2]
    light = _AMBIENT + (1.0 - _AMBIENT) * np.clip(shade, 0.0, 1.0)
    light *= np.where(rest < _RIM, 0.45, 1.0)  # a dark rim sets touching atoms apart
    gloss = right * _HALFWAY[0] + up * _HALFWAY[1] + towards * _HALFWAY[2]
    shine = _SHINE * np.clip(gloss, 0.0, 1.0) ** 30
    size = len(offsets)
    order = np.lexsort(seen.T)  # where two spheres meet, the same one wins each time
    for (x, y, z), colour in zip(seen[order], colours[order], strict=True):
        top = round((extent - y) * scale - 0.5) - reach
        left = round((x + extent) * scale - 0.5) - reach
        part = (
            slice(max(0, -top), min(size, pixels - top)),
            slice(max(0, -left), min(size, pixels - left)),
        )
        if part[0].start >= part[0].stop or part[1].start >= part[1].stop:
            continue
        window = (
            slice(top + part[0].start, top + part[0].stop),
            slice(left + part[1].start, left + part[1].stop),
        )
        height = z + radius * towards[part]
        visible = (rest[part] > 0.0) & (height > depth[window])
        fog = (_FOG * (nearest - height) / max(nearest - farthest, 1e-9))[..., None]
        pixel = (light[part][..., None] * colour + shine[part][..., None]) * (1.0 - fog) + fog
        image[window][visible] = pixel[visible]
        depth[window][visible] = height[visible]
    return image, depth
