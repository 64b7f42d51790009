"""Pictures of clusters by OVITO's ray tracer (Tachyon): soft shadows, for the printed page.

As `nanochart.show.atoms.picture`, with the extra ``nanochart[render]``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanochart.errors import NanochartError


def raytraced(
    positions: NDArray[np.float64],
    colours: NDArray[np.float64],
    *,
    rotation: NDArray[np.float64],
    radius: float,
    pixels: int,
    cut: bool,
    extent: float,
    ghosts: NDArray[np.bool_],
) -> NDArray[np.uint8]:
    """Return a picture of a cluster, shape (pixels, pixels, 3), on white.

    Parameters
    ----------
    positions, colours, rotation, radius, pixels, cut, extent, ghosts
        As of `nanochart.show.atoms.picture`.

    Raises
    ------
    NanochartError
        OVITO is not installed.
    """
    ovito: Any
    try:
        import ovito.data
        import ovito.pipeline
        import ovito.vis
    except ImportError:
        raise NanochartError(
            "the ray-traced pictures need OVITO: pip install 'nanochart[render]', or leave "
            "--renderer away"
        ) from None
    seen = (positions - positions.mean(axis=0)) @ rotation.T  # the viewer looks along −z
    keep = seen[:, 2] < 0.6 * radius if cut else np.ones(len(seen), dtype=bool)
    data = ovito.data.DataCollection()
    particles = data.create_particles(count=int(keep.sum()))
    particles.create_property("Position", data=seen[keep])
    particles.create_property("Color", data=colours[keep])
    particles.create_property("Radius", data=np.full(int(keep.sum()), radius))
    particles.create_property("Transparency", data=np.where(ghosts[keep], 0.6, 0.0))
    pipeline = ovito.pipeline.Pipeline(source=ovito.pipeline.StaticSource(data=data))
    try:
        pipeline.add_to_scene()
        viewport = ovito.vis.Viewport(
            type=ovito.vis.Viewport.Type.Ortho,
            camera_dir=(0.0, 0.0, -1.0),
            camera_up=(0.0, 1.0, 0.0),
            camera_pos=(0.0, 0.0, 0.0),
            fov=extent,
        )
        renderer = ovito.vis.TachyonRenderer(
            ambient_occlusion_brightness=0.65, direct_light_intensity=0.75
        )
        image = viewport.render_image(
            size=(pixels, pixels), background=(1.0, 1.0, 1.0), renderer=renderer
        )
    except RuntimeError as error:  # newer releases want a graphics library even for Tachyon
        told = " ".join(str(error).split(".")[0].split())
        raise NanochartError(
            f"OVITO cannot render on this machine ({told}); install what it asks for, or leave "
            "--renderer away"
        ) from None
    finally:
        pipeline.remove_from_scene()
    bits = np.frombuffer(image.constBits(), dtype=np.uint8)
    rows = bits.reshape(pixels, math.ceil(image.bytesPerLine() / 4), 4)[:, :pixels]
    return np.ascontiguousarray(rows[..., :3])  # red, green, blue, opacity
