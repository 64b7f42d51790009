"""Draw random structures of every class with their words, to be checked by eye.

    python docs/make_contact_sheets.py FOLDER [OUT [SEED]]

FOLDER holds au90.npz, au147.npz, ag147.npz and cu147.npz (and au147-hot.npz), each with positions
(n, n_atoms, 3) times scale in Å. Writes images/words-CLASS.jpg and words-CLASS.csv into OUT, by
default docs/images and docs: 50 structures a class, drawn from all files alike, each whole and cut
through the middle; fcc atoms are green, hcp red, five-fold axes blue, centres of icosahedra yellow.
"""

from __future__ import annotations

import csv
import sys
import textwrap
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt

from nanochart.parallel import available_cores
from nanochart.sampling.rgl import nearest_neighbour_distance
from nanochart.show.atoms import environment_colours, picture, rotation_showing
from nanochart.structure.classes import CLASS_NAMES
from nanochart.structure.cna import neighbour_cutoff
from nanochart.structure.description import Classification, describe_positions

FILES = {"au90": "Au", "au147": "Au", "au147-hot": "Au", "ag147": "Ag", "cu147": "Cu"}
#: Structures described of each file, all of different energy; 50 of each class are drawn of them.
DESCRIBED, DRAWN = 6000, 50
COLUMNS = 5
PIXELS = 200
SEED = 20231


def main(folder: Path, out: Path, seed: int) -> None:
    """Describe, draw lots, and write the sheets."""
    mpl.use("Agg")
    rng = np.random.default_rng(seed)
    found: list[tuple[str, int, np.ndarray, Classification, int]] = []
    for name, species in FILES.items():
        with np.load(folder / f"{name}.npz") as data:
            # A cold replica visits one minimum a thousand times: of each energy one structure.
            _, different = np.unique(data["energy"].round(3), return_index=True)
            rows = np.sort(rng.permutation(different)[:DESCRIBED])
            positions = data["positions"][rows] * float(data["scale"])
        cutoff = neighbour_cutoff(nearest_neighbour_distance(species))
        described = describe_positions(positions, cutoff, threads=available_cores())
        found += [(name, int(row), positions[i], described, i) for i, row in enumerate(rows)]
    for code, cluster_class in enumerate(CLASS_NAMES):
        mine = [one for one in found if one[3].codes[one[4]] == code]
        picked = rng.choice(len(mine), min(DRAWN, len(mine)), replace=False)
        draw(cluster_class, [mine[k] for k in sorted(picked)], out)


def draw(
    cluster_class: str, chosen: list[tuple[str, int, np.ndarray, Classification, int]], out: Path
) -> None:
    """Write the picture and the table of one class."""
    n_rows = -(-len(chosen) // COLUMNS)
    figure, axes = plt.subplots(
        n_rows, 2 * COLUMNS, figsize=(2.9 * COLUMNS, 1.95 * n_rows), squeeze=False
    )
    for panel in axes.flat:
        panel.axis("off")
    lines = []
    for number, (name, row, positions, described, i) in enumerate(chosen, start=1):
        place, measured, words = number - 1, described.defects[i], described.words[i]
        rotation = rotation_showing(
            measured["direction"], along=bool(measured["n_axes"]), positions=positions
        )
        whole, cut = axes[place // COLUMNS, 2 * (place % COLUMNS) :][:2]
        colours = environment_colours(described.environments[i])
        radius = float(measured["bond_length"]) / 2.0
        tilted = TILT @ rotation
        whole.imshow(picture(positions, colours, rotation=tilted, radius=radius, pixels=PIXELS))
        cut.imshow(
            picture(positions, colours, rotation=rotation, radius=radius, pixels=PIXELS, cut=True)
        )
        title = textwrap.fill(f"{number} ({name}): {words.name}", 46)
        whole.set_title(title, fontsize=6.5, loc="left", y=0.98)
        lines.append((number, name, row, words.name, words.macro_family, words.sentence))
    figure.subplots_adjust(0.0, 0.0, 1.0, 0.97, 0.02, 0.24)
    figure.savefig(
        out / "images" / f"words-{cluster_class}.jpg", dpi=110, pil_kwargs={"quality": 80}
    )
    plt.close(figure)
    with (out / f"words-{cluster_class}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("number", "file", "row", "name", "macro_family", "sentence"))
        writer.writerows(lines)


_ANGLE = 0.35  # rad: the whole cluster is seen a little from above
TILT = np.array(
    [
        [1.0, 0.0, 0.0],
        [0.0, np.cos(_ANGLE), -np.sin(_ANGLE)],
        [0.0, np.sin(_ANGLE), np.cos(_ANGLE)],
    ]
)

if __name__ == "__main__":
    folder, *others = sys.argv[1:]
    main(
        Path(folder),
        Path(others[0]) if others else Path(__file__).parent,
        int(others[1]) if len(others) > 1 else SEED,
    )
