"""What a person sees in the terminal: progress with an ETA, tables, one line for an error.

Progress goes to the standard error, so that results can be piped; where that is no terminal, a
line every few seconds takes the place of the bar.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from nanochart.progress import Progress

_messages = Console(stderr=True, highlight=False)
_results = Console(highlight=False)
#: Seconds between two lines where there is no terminal for a bar.
_QUIET = 10.0


def say(text: str) -> None:
    """Tell the person at the terminal something that is not a result."""
    _messages.print(escape(text), soft_wrap=True)


def print_table(title: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a result as a table: numbers to the right, words to the left; no empty header."""
    table = Table(title=title, title_justify="left", show_header=any(header))
    lines = [[str(cell) for cell in row] for row in rows]
    columns = zip(*lines, strict=True) if lines else [()] * len(header)
    for name, cells in zip(header, columns, strict=True):
        words = any(cell[:1].isalpha() for cell in cells)
        table.add_column(name, justify="left" if words else "right")
    for line in lines:
        table.add_row(*(escape(cell) for cell in line))
    _results.print(table)


@contextmanager
def progress_of(name: str) -> Iterator[Progress]:
    """Give a progress callable that draws a bar with an ETA, or prints a line now and then."""
    if not _messages.is_terminal:
        yield _Lines(name)
        return
    columns = (
        TextColumn("{task.description:<9}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
    )
    with _BarsAndFigures(*columns, console=_messages) as bars:
        task = bars.add_task(name, total=None, figures="")

        def update(done: int, total: int, **figures: float) -> None:
            bars.update(task, completed=done, total=total or None, figures=_written(figures))

        yield update


class _BarsAndFigures(Bars):
    """A bar, and below it the live figures: beside it a narrow terminal would cut both."""

    def get_renderables(self) -> Iterator[RenderableType]:
        """Yield the bar, then the figures, in as many lines as they need."""
        yield from super().get_renderables()
        for task in self.tasks:
            if task.fields["figures"]:
                yield Text(f"  {task.fields['figures']}", overflow="fold")


class _Lines:
    """Progress where there is no terminal: the first call, one every few seconds, and the last."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._begun = self._told = time.monotonic()
        self._first: int | None = None

    def __call__(self, done: int, total: int, **figures: float) -> None:
        now = time.monotonic()
        if self._first is None:
            self._first = done
        elif now - self._told < _QUIET and done != total:
            return
        self._told = now
        work = done - self._first
        left = (now - self._begun) * (total - done) / work if work else float("nan")
        eta = f", ETA {left:.0f} s" if work and done < total else ""
        figures_text = f"  {_written(figures)}" if figures else ""
        of_all = f"/{total}" if total else ""
        say(f"{self._name:<9} {done}{of_all}{eta}{figures_text}")


def _written(figures: dict[str, float]) -> str:
    return "  ".join(f"{name.replace('_', ' ')} {value:.5g}" for name, value in figures.items())
