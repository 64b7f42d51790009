"""Progress as a person sees it in a narrow terminal, and how a person or a queue stops it."""

from __future__ import annotations

import io
import signal

import pytest
import typer
from rich.console import Console

from nanochart import terminal
from nanochart.cli.options import resumable


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


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stop_by_a_person_or_a_queue_is_clean_and_told(
    number: signal.Signals, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    during = []

    def work() -> None:
        with resumable("md") as progress:
            progress(1, 10)
            try:
                signal.raise_signal(number)
            finally:  # what holds workers or a lock lets go
                during.append(signal.getsignal(signal.SIGTERM))

    with pytest.raises(typer.Exit) as stopped:
        work()
    assert stopped.value.exit_code == status
    assert "the same command goes on" in capsys.readouterr().err
    # A second SIGTERM ends at once, a later one is not ours.
    assert (during == [signal.SIG_DFL]) == (number == signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before
