"""What a benchmark ran on: the scripts beside this one write it into their records."""

from __future__ import annotations

import platform
from pathlib import Path


def cpu_model() -> str:
    """Return the name of this machine's processor."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
