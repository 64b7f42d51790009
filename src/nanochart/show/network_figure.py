"""The network, layer by layer: the paper's Fig. 1, drawn from the modules that a model is made of.

A sheet a channel (up to six), as high as its signal is long; what is one vector is a bar, the
bottleneck's few numbers are dots. Normalisations and activations are named with their layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Polygon, Rectangle

from nanochart.chart.layers import Layer
from nanochart.show.palette import ACCENT, INK, MUTED, PAPER
from nanochart.show.style import WIDE, bare_figure, style

_HEIGHT = 1.0  # inches: the longest signal
_SHEET = 0.022  # inches by which the sheets of a layer stand apart
_MOST_DOTS = 16  # numbers drawn one by one
#: What changes the shape of a signal, by a part of the name of its class: words and colour.
_KINDS = {
    "ConvTranspose": ("transposed convolution", "#EE9A00"),
    "Conv": ("convolution", "#0072B2"),
    "Linear": ("fully connected", "#009E73"),
}
_SHORT = {"BatchNorm1d": "batch norm.", "LayerNorm": "layer norm."}


@dataclass(frozen=True)
class _State:
    """A signal between two layers that change it, and what made it."""

    shape: tuple[int, ...]
    made_by: Layer | None
    then: tuple[str, ...]  # what is done to it without changing its shape


def draw_network(layers: Sequence[Layer], *, width: float = WIDE) -> Figure:
    """Draw a network's signals from left to right, with what turns each into the next.

    Parameters
    ----------
    layers
        Of `nanochart.chart.layers.layers_of`.
    width
        Inches.
    """
    states = _states(layers)
    size = 7.0 if width > 5 else 5.5
    labels = [_label(state) for state in states]
    below = max(len(label) for label in labels) * size * 0.0077 + 0.12
    above = 0.62 if width > 5 else 0.76
    height = above + _HEIGHT + below
    with style():
        figure = bare_figure(width, height)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, width), ylim=(-_HEIGHT / 2 - below, _HEIGHT / 2 + above))
        axes.axis("off")
        signals = [state.shape for state in states if len(state.shape) > 1]
        longest = max(shape[-1] for shape in signals or [state.shape for state in states])
        places = np.linspace(0.2, width - 0.3, len(states))
        halves = [_half(state.shape, longest) for state in states]
        for k in range(len(states) - 1):
            _connect(axes, places[k], halves[k], places[k + 1], halves[k + 1], states[k + 1])
        inner = min(range(len(states)), key=lambda k: int(np.prod(states[k].shape)))
        for k, state in enumerate(states):
            colour = ACCENT if k == inner else _colour(state)
            _draw_signal(axes, places[k], halves[k], state.shape, colour)
            axes.text(
                *(places[k], -_HEIGHT / 2 - 0.1),
                labels[k],
                rotation=90,
                ha="center",
                va="top",
                fontsize=size,
                color=ACCENT if k == inner else INK,
            )
        top = _HEIGHT / 2 + 0.14
        for text, left, right in (
            ("encoder", places[0], places[inner - 1] if inner else places[0]),
            ("decoder", places[min(inner + 1, len(states) - 1)], places[-1]),
        ):
            axes.plot([left, right], [top, top], color=MUTED, linewidth=0.8)
            axes.text((left + right) / 2, top + 0.03, text, ha="center", va="bottom")
        n_cvs = int(np.prod(states[inner].shape))
        axes.text(
            *(places[inner], top + 0.03),
            f"{n_cvs} CV{'s' * (n_cvs != 1)}",
            ha="center",
            va="bottom",
            color=ACCENT,
            fontweight="bold",
        )
        _draw_legend(axes, states, layers, width, top + 0.26)
    return figure


def _states(layers: Sequence[Layer]) -> list[_State]:
    """Return the signals: the input, and what every layer that has a shape of its own makes."""
    states: list[_State] = []
    for layer in layers:
        if not states:
            states.append(_State(layer.inputs, None, ()))
        if any(part in layer.kind for part in _KINDS):
            states.append(_State(layer.outputs, layer, ()))
        elif layer.n_parameters or layer.inputs == layer.outputs:
            last = states[-1]
            states[-1] = _State(last.shape, last.made_by, (*last.then, layer.kind))
    return states


def _kind(layer: Layer) -> tuple[str, str]:
    return next(told for part, told in _KINDS.items() if part in layer.kind)


def _colour(state: _State) -> str:
    return INK if state.made_by is None else _kind(state.made_by)[1]


def _label(state: _State) -> str:
    shape = " × ".join(str(n) for n in state.shape)
    if state.made_by is None:
        return f"{shape}, input"
    return f"{shape}, kernel {state.made_by.kernel}" if state.made_by.kernel else shape


def _half(shape: tuple[int, ...], longest: int) -> float:
    """Return half the height of a signal, inches."""
    if len(shape) == 1 and shape[0] <= _MOST_DOTS:
        return 0.07 * shape[0]
    if len(shape) == 1:  # a flattened one is longer than any: as high as there is room
        return _HEIGHT / 2 * min(1.0, max(0.25, shape[0] / longest))
    return _HEIGHT / 2 * max(0.12, shape[-1] / longest)


def _draw_signal(axes: Axes, x: float, half: float, shape: tuple[int, ...], colour: str) -> None:
    if len(shape) == 1 and shape[0] <= _MOST_DOTS:
        for y in np.linspace(-half, half, shape[0]) if shape[0] > 1 else [0.0]:
            axes.add_patch(Circle((x, y), 0.05, facecolor=colour, edgecolor="none", zorder=4))
        return
    n = 1 if len(shape) == 1 else max(1, round(np.log2(max(shape[0], 1))))
    for sheet in reversed(range(n)):
        shift = _SHEET * (sheet - (n - 1) / 2)
        axes.add_patch(
            Rectangle(
                (x + shift - 0.03, -half + shift),
                0.06,
                2 * half,
                facecolor=colour,
                edgecolor=PAPER,
                linewidth=0.4,
                zorder=3,
            )
        )


def _connect(axes: Axes, a: float, half_a: float, b: float, half_b: float, to: _State) -> None:
    """Shade what leads from one signal to the next."""
    axes.add_patch(
        Polygon(
            [(a, half_a), (b, half_b), (b, -half_b), (a, -half_a)],
            facecolor=_colour(to),
            edgecolor="none",
            alpha=0.14,
            zorder=1,
        )
    )


def _draw_legend(
    axes: Axes, states: Sequence[_State], layers: Sequence[Layer], width: float, top: float
) -> None:
    """Name the kinds of layers by colour, and what follows them; count the parameters."""
    told: dict[str, str] = {}
    followed: dict[str, tuple[str, ...]] = {}
    for state in states:
        if state.made_by is not None:
            word, colour = _kind(state.made_by)
            told[word] = colour
            followed[word] = max(followed.get(word, ()), state.then, key=len)
    total = sum(layer.n_parameters for layer in layers)
    entries: list[tuple[str, str | None]] = []
    for word, colour in told.items():
        then = ", ".join(_SHORT.get(one, one) for one in followed[word])
        entries.append((f"{word} ({then})" if then else word, colour))
    entries.append((f"{total:,} parameters", None))
    size = 7.0 if width > 5 else 6.0
    x, y, step = 0.12, top + (0.0 if width > 5 else 0.14), 0.14
    for text, entry_colour in entries:
        long = 0.0076 * size * len(text) + (0.16 if entry_colour else 0.0)
        if x + long > width - 0.05 and x > 0.12:
            x, y = 0.12, y - step
        if entry_colour:
            axes.add_patch(Rectangle((x, y - 0.035), 0.09, 0.09, facecolor=entry_colour))
        axes.text(x + (0.13 if entry_colour else 0), y, text, fontsize=size, va="center")
        x += long + 0.14
