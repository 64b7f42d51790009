"""Compiled kernels are made anew when any of the modules they are made of changes."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import ModuleType

import pytest

from nanochart.structure import (
    axes,
    bonds,
    defects,
    icosahedra,
    lanes,
    neighbours,
    planes,
    surroundings,
)


@pytest.mark.parametrize(
    ("cached", "drawn_from"),
    [(bonds, (lanes, neighbours)), (defects, (axes, icosahedra, planes, surroundings))],
    ids=["bonds", "defects"],
)
def test_the_compiled_loops_know_of_every_edit(
    cached: ModuleType, drawn_from: tuple[ModuleType, ...]
) -> None:
    # numba compiles a module's kernels anew when its own text changes, but not when that of the
    # modules it draws from does. So it names their state: put the line below into it after an edit.
    text = "".join(Path(str(module.__file__)).read_text("utf-8") for module in drawn_from)
    line = f'SOURCES = "{hashlib.sha256(text.encode()).hexdigest()[:16]}"'
    assert line in Path(str(cached.__file__)).read_text("utf-8")
