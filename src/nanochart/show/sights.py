"""A structure and how to look at it: along its five-fold axis, or across its hcp planes.

The direction is what `nanochart.structure.defects` found in the structure itself. Whole clusters
are seen a little from above, their surface half transparent; cross-sections straight.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nanochart.show.atoms import environment_colours, picture, rotation_showing
from nanochart.structure.cna import Environment

#: Of the atoms of rosettes.
ROSETTE_COLOUR = (0.86, 0.12, 0.14)
_ANGLE = 0.35  # rad: a whole cluster is seen a little from above
_TILT = np.array(
    [
        [1.0, 0.0, 0.0],
        [0.0, np.cos(_ANGLE), -np.sin(_ANGLE)],
        [0.0, np.sin(_ANGLE), np.cos(_ANGLE)],
    ]
)
#: Environments whose atoms are seen through the others.
_SEEN = (
    Environment.FCC,
    Environment.HCP,
    Environment.FIVE_FOLD_AXIS,
    Environment.ICOSAHEDRON_CENTRE,
)
#: Share of other atoms from which on a cluster is drawn solid.
_HARDLY_ANY = 0.9
Renderer = Literal["built-in", "ovito"]


@dataclass(frozen=True, eq=False)
class Sight:
    """One structure, with what was found in it."""

    positions: NDArray[np.float64]  #: (n_atoms, 3) Å
    environments: NDArray[np.int8]  #: (n_atoms,) codes of ``cna.Environment``
    direction: NDArray[np.float64]  #: (3,) unit vector to show it by, or zeros
    along: bool  #: look along it (an axis); otherwise it points up (the normal of planes)
    bond_length: float  #: Å
    rosettes: NDArray[np.bool_]  #: (n_atoms,) atoms to be highlighted

    @property
    def colours(self) -> NDArray[np.float64]:
        """RGB of the atoms, (n_atoms, 3)."""
        colours = environment_colours(self.environments)
        colours[self.rosettes] = ROSETTE_COLOUR
        return colours

    @property
    def rotation(self) -> NDArray[np.float64]:
        """Rows: right, up and towards the viewer."""
        return rotation_showing(self.direction, along=self.along, positions=self.positions)


def draw_whole(
    sight: Sight, *, pixels: int = 200, renderer: Renderer = "built-in"
) -> NDArray[np.uint8]:
    """Return a picture of the whole cluster, (pixels, pixels, 3); the surface is seen through."""
    ghosts = ~np.isin(sight.environments, _SEEN) & ~sight.rosettes
    if ghosts.mean() > _HARDLY_ANY:  # nothing much to be seen through it
        ghosts[:] = False
    return _draw(sight, _TILT @ sight.rotation, ghosts, False, pixels, renderer)


def draw_section(
    sight: Sight, *, pixels: int = 200, renderer: Renderer = "built-in"
) -> NDArray[np.uint8]:
    """Return a picture of the cluster cut through the middle, (pixels, pixels, 3)."""
    solid = np.zeros(len(sight.positions), dtype=bool)
    return _draw(sight, sight.rotation, solid, True, pixels, renderer)


def _draw(
    sight: Sight,
    rotation: NDArray[np.float64],
    ghosts: NDArray[np.bool_],
    cut: bool,
    pixels: int,
    renderer: Renderer,
) -> NDArray[np.uint8]:
    # Whole and cut have one scale: that of the farthest atom.
    away = np.linalg.norm(sight.positions - sight.positions.mean(axis=0), axis=1).max()
    radius = (sight.bond_length or 2.8) / 2.0
    extent = float(away) + 1.02 * radius
    if renderer == "ovito":
        from nanochart.show.raytraced import raytraced

        return raytraced(
            sight.positions,
            sight.colours,
            rotation=rotation,
            radius=radius,
            pixels=pixels,
            cut=cut,
            extent=extent,
            ghosts=ghosts,
        )
    return picture(
        sight.positions,
        sight.colours,
        rotation=rotation,
        radius=radius,
        pixels=pixels,
        cut=cut,
        extent=extent,
        ghosts=ghosts,
    )
