"""A verb under torchrun: the first process does it, the others train along when it comes to that.

So files are read once, a run folder is locked once, and an error is told once.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import ParamSpec

P = ParamSpec("P")


def once_under_torchrun(verb: Callable[P, None]) -> Callable[P, None]:
    """Return a verb that only the first of the processes does that torchrun started."""

    @functools.wraps(verb)
    def done_once(*args: P.args, **kwargs: P.kwargs) -> None:
        # Asked here, not of chart.team: most of the time nobody needs to wait for torch.
        if (os.environ.get("WORLD_SIZE") or "1") == "1":
            verb(*args, **kwargs)
            return
        from nanochart.chart.team import join_team
        from nanochart.chart.training import assist_training, dismiss_assistants

        if join_team().leads:
            verb(*args, **kwargs)
            dismiss_assistants()
        else:
            assist_training()

    return done_once
