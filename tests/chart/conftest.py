"""A small data set to train on in a second or two: shaken rods, plates and blocks of 12 atoms."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nanochart.chart.families import find_families
from nanochart.chart.making import train
from nanochart.chart.training import TrainingSettings
from nanochart.descriptor.rdf import RdfGrid
from nanochart.structure.family_words import FamilyWords

GRID = RdfGrid(0.0, 15.0, 151)  # a step of 0.1 Å
WINDOW = (15, 140)  # 1.5 to 13.9 Å: all the pairs there are


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def shapes(n, seed=0):
    """Return n clusters of 12 atoms cut from a cubic lattice of 2.5 Å: rods, plates and blocks."""
    rng = np.random.default_rng(seed)
    blocks = [
        np.stack(np.meshgrid(*(np.arange(k) for k in sides)), axis=-1).reshape(-1, 3) * 2.5
        for sides in ((2, 1, 6), (1, 3, 4), (2, 2, 3))
    ]
    picked = np.stack([blocks[k] for k in rng.integers(3, size=n)])
    return picked + rng.normal(0, 0.08, picked.shape)


@pytest.fixture(scope="session")
def make_structures():
    return shapes


@pytest.fixture(scope="session")
def structures():
    return shapes(120)


@pytest.fixture(scope="session")
def chart(structures):
    """A chart of the small data set, with its families."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    made = train(
        structures,
        species="Au",
        grid=GRID,
        window=WINDOW,
        settings=TrainingSettings(epochs=30, batch_size=16),
        families=False,
        provenance={"seed": 0, "words": "Å"},
    )
    torch.set_num_threads(before)
    families, _ = find_families(made.transform(structures))
    words = FamilyWords("a rod", "long and thin", "intermediate", 0.75)
    return made.with_families(families.told({0: words}))
