"""Print the CVs of every frame of an xyz file (Å), and its families: python print_cvs.py FILE."""

import sys
from pathlib import Path

import numpy as np

from chart_cvs import ChartCvs

if len(sys.argv) < 2:
    sys.exit(__doc__)
chart = ChartCvs()
centres = np.array([family["centre"] for family in chart.facts["families"]])
lines = Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()
frame = 0
print("# frame, CVs, family with the nearest centre")
while lines and lines[0].strip():
    end = 2 + int(lines[0])  # a number, a comment, symbol x y z
    cvs = chart.cvs(np.array([line.split()[1:4] for line in lines[2:end]], dtype=float))
    nearest = np.linalg.norm(centres - cvs, axis=1).argmin() if len(centres) else -1
    print(frame, *cvs, nearest)
    lines, frame = lines[end:], frame + 1
