from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ase.cluster import Icosahedron
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from torch import nn

from nanochart.chart.bandwidth import BandwidthScan
from nanochart.chart.hierarchy import FamilyTree, Merge
from nanochart.chart.layers import layers_of
from nanochart.sampling.heat_capacity import HeatCapacity
from nanochart.show.content import (
    DimensionScan,
    FamilyRow,
    LossHistory,
    ReportContent,
    StageTiming,
)
from nanochart.show.sights import Sight
from nanochart.show.trajectory_figures import Trajectory
from nanochart.structure.classes import CLASS_NAMES
from nanochart.structure.cna import Environment

HOSTILE = "</script><img onerror=alert(1) src=x> $title ${x} $\\frac{$ & \"quoted\" 'too'"


def sight(n_shells: int = 2, *, n_rosette_atoms: int = 0) -> Sight:
    """A Mackay icosahedron, 13 atoms of it for two shells of ASE's, with a known centre."""
    positions = Icosahedron("Au", n_shells).positions
    environments = np.zeros(len(positions), dtype=np.int8)
    environments[np.linalg.norm(positions - positions.mean(axis=0), axis=1).argmin()] = int(
        Environment.ICOSAHEDRON_CENTRE
    )
    environments[-2:] = int(Environment.FCC), int(Environment.HCP)
    rosettes = np.arange(len(positions)) < n_rosette_atoms
    return Sight(positions, environments, np.array([0.0, 0.0, 1.0]), True, 2.88, rosettes)


def make_content(
    *, n_unique: int = 240, n_families: int = 4, n_temperatures: int = 5, **changes: object
) -> ReportContent:
    """A run with made-up numbers: families are blobs in the chart, classes follow them."""
    rng = np.random.default_rng(7)
    n_classes, n_bins, n_snapshots = len(CLASS_NAMES), 40, 5 * n_unique
    family_ids = np.arange(n_unique) % n_families
    centres = rng.normal(scale=3, size=(n_families, 3))
    classes = (family_ids % n_classes).astype(np.int8)
    energies = -320 + family_ids * 0.3 + rng.random(n_unique)
    owner = rng.integers(n_unique, size=n_snapshots)
    families = tuple(
        FamilyRow(
            id=i,
            n_unique=int((family_ids == i).sum()),
            n_snapshots=int((family_ids[owner] == i).sum()),
            centre=centres[i],
            composition=np.bincount(classes[family_ids == i], minlength=n_classes),
            lowest_energy=float(energies[family_ids == i].min()),
            name=f"blob {i}",
            words=HOSTILE if i == 0 else "",
            macro_family=("faulted fcc", "Ih", "amorphous")[i % 3],
            stability=0.8,
            sight=sight(n_rosette_atoms=6 * (i == 1)),
        )
        for i in range(n_families)
    )
    by_class = rng.dirichlet(np.ones(n_classes), size=n_temperatures)
    by_family = rng.dirichlet(np.ones(n_families), size=n_temperatures)
    values: dict[str, object] = {
        "title": "Made-up run",
        "species": "Au",
        "n_atoms": 90,
        "command": "nanochart run made-up.toml",
        "run_file": "[system]\nspecies = 'Au' # <b>\n",
        "temperatures": np.linspace(250.0, 550.0, n_temperatures),
        "snapshot_classes": classes[owner],
        "snapshot_temperatures": np.arange(n_snapshots) % n_temperatures,
        "unique_classes": classes,
        "rdf_grid": np.linspace(2, 16, n_bins),
        "rdf": rng.random((n_unique, n_bins)).astype(np.float32),
        "cvs": (centres[family_ids] + rng.normal(size=(n_unique, 3))).astype(np.float32),
        "family_ids": family_ids,
        "energies": energies,
        "families": families,
        "class_fractions": by_class,
        "class_errors": 0.1 * by_class,
        "family_fractions": by_family,
        "family_errors": 0.1 * by_family,
        "temperature_counts": np.full(n_temperatures, n_snapshots // n_temperatures),
        "swaps_attempted": np.full(n_temperatures - 1, 100),
        "swaps_accepted": np.full(n_temperatures - 1, 25),
        "time_per_replica_ns": 1.3,
        "burn_in_ns": 0.2,
        "snapshot_interval_ps": 10.0,
        "loss": LossHistory(
            train=0.1 / np.arange(1, 41),
            validation=0.12 / np.arange(1, 41),
            best_epoch=40,
            n_training=192,
            n_validation=48,
            r2=0.9,
            pca_mse=0.006,
            pca_r2=0.8,
            halvings=(30,),
        ),
        "bandwidth": 1.0,
        "scan": BandwidthScan(
            bandwidths=np.array([0.5, 1.0, 1.5, 2.0]),
            n_families=np.array([9, 4, 4, 3]),
            n_major=np.array([0, 4, 4, 4]),
            largest_share=np.full(4, 0.4),
            major_share=np.full(4, 0.9),
            reproducibility=np.array([0.4, 0.8, 0.9, 0.9]),
            resampled_major=np.array([[0, 1], [4, 4], [4, 3], [3, 3]]),
            smallest_share=0.01,
        ),
        "tree": FamilyTree(
            tuple(
                Merge(k if k == 0 else n_families + k - 1, k + 1, 0.2 * k, k + 2)
                for k in range(max(n_families - 1, 0))
            ),
            n_families,
        ),
        "layers": layers_of(nn.Sequential(nn.Linear(40, 8), nn.ReLU(), nn.Linear(8, 3)), 40),
        "heat": HeatCapacity(
            np.linspace(250.0, 550.0, n_temperatures),
            3 + rng.random(n_temperatures),
            np.full(n_temperatures, 0.1),
        ),
        "dimensions": DimensionScan(
            np.array([1, 2, 3]), np.array([0.02, 0.01, 0.005]), r2=np.array([0.5, 0.7, 0.8])
        ),
        "cautions": ("This run is short: it is not equilibrium.",),
        "provenance": {"seed": "1", "torch": "2"},
        "timings": (StageTiming("sample", 75.0, 300.0), StageTiming("train", 9.0)),
    }
    return ReportContent(**{**values, **changes})  # type: ignore[arg-type]


@pytest.fixture
def content() -> Callable[..., ReportContent]:
    """Give a maker of report contents: ``content(n_families=1, loss=None)``."""
    return make_content


@pytest.fixture
def hostile() -> str:
    return HOSTILE


def make_trajectory(n: int = 4000, n_cvs: int = 3) -> Trajectory:
    """A jump at a quarter and one at three quarters, with noise of a tenth of them."""
    times = np.linspace(0.0, 100.0, n)
    state = np.digitize(times, [25.0, 75.0])
    jumps = np.array([[0.0, 0, 0], [3, 1, -1], [6, 2, 1]])[state, :n_cvs]
    noise = np.random.default_rng(1).normal(0, 0.3, (n, n_cvs))
    return Trajectory(times, jumps + noise, state.astype(np.int64))


@pytest.fixture
def trajectory() -> Callable[..., Trajectory]:
    """Give a maker of trajectories with two jumps."""
    return make_trajectory


@pytest.fixture
def a_sight() -> Callable[..., Sight]:
    """Give a maker of small icosahedra to look at."""
    return sight


@pytest.fixture
def clipped(monkeypatch: pytest.MonkeyPatch) -> Callable[[Figure], list[str]]:
    """Give a function that returns the words of a figure that run over its edge."""
    drawn: dict[Text, Bbox] = {}
    original = Text.draw

    def note(self: Text, renderer: RendererAgg, *args: object, **kwargs: object) -> None:
        if self.get_visible() and self.get_text().strip():
            # Now, for a text in 3-D has its place while it is drawn only.
            drawn[self] = self.get_window_extent(renderer)
        original(self, renderer, *args, **kwargs)

    monkeypatch.setattr(Text, "draw", note)

    def over_the_edge(figure: Figure) -> list[str]:
        drawn.clear()
        FigureCanvasAgg(figure).draw()
        width, height = figure.bbox.width + 1, figure.bbox.height + 1  # a pixel is no harm
        return [
            text.get_text()
            for text, box in drawn.items()
            if box.x0 < -1 or box.y0 < -1 or box.x1 > width or box.y1 > height
        ]

    return over_the_edge
