"""How long work tells how far it is: a callable, so that no library module draws anything."""

from typing import Protocol


class Progress(Protocol):
    """Called by long work after each piece: how much is done, of how much, and live figures.

    A total of 0 means that nobody knows: a file is read once, from its beginning.
    """

    def __call__(self, done: int, total: int, **figures: float) -> None: ...


def silent(done: int, total: int, **figures: float) -> None:
    """Ignore progress: the default of every library function."""
