"""Files replaced whole: a reader, or a resumed run, sees the old content or the new, never half."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nanochart.errors import NanochartError


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside ``path``; on success it takes ``path``'s place atomically.

    Parameters
    ----------
    path
        The file to write. Its folder must exist.

    Raises
    ------
    NanochartError
        The disk is full, or the folder cannot be written to; ``path`` is then as it was.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(target)
    except OSError as error:
        raise NanochartError(
            f"{target}: cannot be written ({error.strerror or error}); "
            "free some space or choose another folder, then run the same command again"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write ``text`` to ``path`` in UTF-8, atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
