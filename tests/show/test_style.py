"""The style file: ours, the user's on top of it, and what is wrong with theirs in a line."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest

from nanochart.errors import NanochartError
from nanochart.show.figures import draw_swaps
from nanochart.show.style import own_style, style


def axis_label_size() -> float:
    figure = draw_swaps(np.array([300.0, 320.0]), [10], [4])
    return float(figure.axes[0].xaxis.label.get_fontsize())


def test_the_users_style_replaces_ours_and_nothing_outlives_it(tmp_path):
    before, ours = dict(matplotlib.rcParams), axis_label_size()
    path = tmp_path / "mine.mplstyle"
    path.write_text("# larger\naxes.labelsize: 14  # points\n\nfont.family: serif\n")
    with own_style(path):
        assert axis_label_size() == 14 != ours
        with style():
            assert matplotlib.rcParams["font.family"] == ["serif"]
            assert matplotlib.rcParams["axes.linewidth"] == 0.6  # of ours what is left alone
    assert axis_label_size() == ours
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("axes.labelsize: 9\nno.such.key: 3\n", "line 2"),
        ("axes.labelsize: huge\n", "line 1"),
        ("axes.labelsize 9\n", "line 1"),
    ],
)
def test_a_bad_style_is_refused_by_line(tmp_path, text, line):
    path = tmp_path / "bad.mplstyle"
    path.write_text(text)
    with pytest.raises(NanochartError, match=line), own_style(path):
        pass
    with pytest.raises(NanochartError, match="cannot be read"), own_style(tmp_path / "none"):
        pass
