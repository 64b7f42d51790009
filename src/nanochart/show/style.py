"""How figures look: the style file of the package, and a file of the user's on top of it.

Widths are those of journals: one column and two. Every figure is drawn within ``style()``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from nanochart.errors import NanochartError

Floats = NDArray[np.floating]

WIDE, NARROW = 7.0, 3.37  #: inches: two columns of a journal, and one

_OWN: ContextVar[Any] = ContextVar("style", default=None)


def bare_figure(width: float, height: float) -> Figure:
    """Return a figure whose axes are placed by hand; call it within ``style()``."""
    figure = Figure(figsize=(width, height))
    figure.set_layout_engine("none")
    return figure


@cache
def _shipped() -> Any:  # Any: matplotlib's type of settings lists every key it knows
    with resources.as_file(resources.files("nanochart.show") / "nanochart.mplstyle") as path:
        return dict(matplotlib.rc_params_from_file(path, use_default_template=False))


def style() -> AbstractContextManager[None]:
    """Return the context in which figures are drawn and saved: the shipped style, and the own."""
    return matplotlib.rc_context({**_shipped(), **(_OWN.get() or {})})


@contextmanager
def own_style(path: Path | None) -> Iterator[None]:
    """Draw in the user's style: what a matplotlib style file sets replaces what we set.

    Parameters
    ----------
    path
        The file; None changes nothing.

    Raises
    ------
    NanochartError
        It cannot be read, or sets what matplotlib does not know.
    """
    token = _OWN.set(_read(path) if path is not None else None)
    try:
        yield
    finally:
        _OWN.reset(token)


def _read(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise NanochartError(f"{path}: the style cannot be read ({reason})") from None
    settings: Any = {}
    current: Any = matplotlib.rcParams
    for number, line in enumerate(text.splitlines(), 1):
        key, colon, value = line.split("#", 1)[0].partition(":")
        if not key.strip():
            continue
        try:
            if not colon:
                raise ValueError("no colon")
            with matplotlib.rc_context():  # matplotlib checks the value, and leaves no trace
                current[key.strip()] = value.strip().strip('"')
                settings[key.strip()] = current[key.strip()]
        except (KeyError, ValueError) as error:
            told = str(error).splitlines()[0]
            raise NanochartError(
                f"{path}: line {number} is no setting of matplotlib ({told}); write key: value"
            ) from None
    return settings
