"""The plates of what the network learned, and of how its families were found."""

from __future__ import annotations

import numpy as np

from nanochart.chart.bandwidth import plateaus
from nanochart.show.content import ReportContent
from nanochart.show.curve_figures import draw_dimensions
from nanochart.show.family_figures import scan_figure, tree_figure
from nanochart.show.figures import draw_loss
from nanochart.show.network_figure import draw_network
from nanochart.show.plates import Absent, Plate, absent


def network_plate(content: ReportContent) -> Plate | Absent:
    """Return the network (Fig. 1)."""
    name, title = "fig1", "the network"
    if not content.layers:
        return absent(content, name, title, "The network was not given.")
    return Plate(
        name,
        title,
        "The network, drawn from its own modules: channels × length of every signal. The input "
        "is squeezed through the bottleneck in the middle, whose numbers are the coordinates on "
        "the chart, and rebuilt from them.",
        lambda width: draw_network(content.layers, width=width),
        ("layer", "inputs", "outputs", "kernel", "parameters"),
        lambda: (
            (
                one.kind,
                " x ".join(map(str, one.inputs)),
                " x ".join(map(str, one.outputs)),
                one.kernel or "",
                one.n_parameters,
            )
            for one in content.layers
        ),
    )


def loss_plate(content: ReportContent) -> Plate | Absent:
    """Return the course of the training."""
    name, title = "loss", "training and validation error"
    loss = content.loss
    if loss is None or not len(loss.validation):
        return absent(content, name, title, "This run has no training history.")
    return Plate(
        name,
        title,
        "Mean squared error on inputs scaled to [0, 1], bin by bin; the scale is logarithmic. "
        "The dot marks the model that was kept.",
        lambda width: draw_loss(
            loss.train,
            loss.validation,
            loss.best_epoch,
            pca_mse=loss.pca_mse,
            halvings=loss.halvings,
            width=width,
        ),
        ("epoch", "training", "validation"),
        lambda: (
            (k + 1, f"{a:.6g}", f"{b:.6g}")
            for k, (a, b) in enumerate(zip(loss.train, loss.validation, strict=True))
        ),
    )


def dimensions_plate(content: ReportContent) -> Plate | Absent:
    """Return the loss against the dimension of the chart (Fig. S2)."""
    name, title = "figS2", "loss against dimension"
    scan = content.dimensions
    if scan is None:
        return absent(content, name, title, "Charts of other dimensions were not trained.")
    columns = [scan.losses] + [one for one in (scan.r2, scan.pca) if one is not None]
    header = ["dimensions", "loss"]
    header += ["r2"] * (scan.r2 is not None) + ["pca_loss"] * (scan.pca is not None)
    return Plate(
        name,
        title,
        "Best validation error of networks that differ in the size of their bottleneck alone.",
        lambda width: draw_dimensions(
            scan.dimensions,
            scan.losses,
            r2=scan.r2,
            pca=scan.pca,
            elbow=scan.elbow,
            chosen=content.n_cvs,
            width=width,
        ),
        tuple(header),
        lambda: (
            (int(d), *(f"{column[i]:.6g}" for column in columns))
            for i, d in enumerate(scan.dimensions)
        ),
    )


def scan_plate(content: ReportContent) -> Plate | Absent:
    """Return the number of families against the bandwidth (Fig. S3)."""
    name, title = "figS3", "families against the bandwidth"
    scan, taken = content.scan, content.bandwidth
    if scan is None or taken is None:
        return absent(content, name, title, "The bandwidth was not scanned.")
    candidates = plateaus(scan)
    return Plate(
        name,
        title,
        "Above: number of families against the one parameter of mean shift. Shaded: plateaus, "
        "where the number of families hardly depends on it. Below: how much of its family a "
        "structure finds again in bootstrap samples; the finest plateau above the line is taken.",
        lambda width: scan_figure(scan, candidates, taken, width=width),
        ("bandwidth", "families", "major_families", "reproducibility"),
        lambda: (
            (f"{b:.6g}", int(n), int(m), "" if np.isnan(r) else f"{r:.4f}")
            for b, n, m, r in zip(
                scan.bandwidths, scan.n_families, scan.n_major, scan.reproducibility, strict=True
            )
        ),
    )


def tree_plate(content: ReportContent) -> Plate | Absent:
    """Return the tree of the major families."""
    name, title = "tree", "tree of the families"
    tree = content.tree
    if tree is None or tree.n_families < 2:
        return absent(content, name, title, "One family alone has no tree.")
    named = {family.id: family.label for family in content.families}
    names = [named.get(i, f"family {i}") for i in range(tree.n_families)]
    return Plate(
        name,
        title,
        "How the major families hang together: two merge where the density of structures falls "
        "least between them. Across: the logarithm of the lower peak over the saddle; groups of "
        "one colour are parted by saddles of less than half the lower peak.",
        lambda width: tree_figure(tree, names, width=width),
        ("first", "second", "barrier"),
        lambda: ((int(one[0]), int(one[1]), f"{one[2]:.5f}") for one in tree.merges),
    )
