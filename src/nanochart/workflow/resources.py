"""What a stage costs: the peak memory of this process and its workers together."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from types import TracebackType

_PROC = Path("/proc")
_INTERVAL = 0.25  # s between two looks; short enough for stages of seconds, costs nothing


class PeakMemory:
    """Watches the resident memory of the process tree while a block runs.

    Attributes
    ----------
    peak : float
        MB; 0 where there is no /proc to ask (macOS).
    """

    def __init__(self) -> None:
        self.peak = 0.0
        self._done = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> PeakMemory:
        if _PROC.exists():
            self._watcher.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        if self._watcher.is_alive():
            self._watcher.join()

    def _watch(self) -> None:
        page = os.sysconf("SC_PAGE_SIZE")
        while True:
            pages = sum(_resident_pages(pid) for pid in _process_tree(os.getpid()))
            self.peak = max(self.peak, pages * page / 1e6)
            if self._done.wait(_INTERVAL):
                return


def _process_tree(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        for task in (_PROC / str(parent) / "task").glob("*/children"):
            try:
                found.extend(int(child) for child in task.read_text().split())
            except OSError:
                continue  # ended between the listing and the look
    return found


def _resident_pages(pid: int) -> int:
    try:
        return int((_PROC / str(pid) / "statm").read_text().split()[1])
    except OSError:
        return 0
