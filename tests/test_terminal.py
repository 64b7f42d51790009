"""Progress as a person sees it in a narrow terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from nanochart import terminal


@pytest.mark.parametrize("width", [60, 130])
def test_live_figures_and_the_eta_are_whole_in_any_width(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = io.StringIO()
    console = Console(
        file=file, force_terminal=True, width=width, highlight=False, color_system=None
    )
    monkeypatch.setattr(terminal, "_messages", console)
    figures = {f"cv{i}": 1.25 * i for i in range(1, 9)} | {"metad.bias": 0.25, "family": 15.0}
    with terminal.progress_of("bias") as progress:
        progress(0, 40_000)
        progress(150, 40_000, **figures)
    shown = file.getvalue().replace("\n", " ")
    for what in ("bias ", "150/40000", "ETA", "cv8 10", "metad.bias 0.25", "family 15"):
        assert what in " ".join(shown.split()), what
