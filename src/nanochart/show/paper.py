"""What the paper prints, to stand beside what a run finds.

E. Telari, A. Tinti, M. Settem, L. Maragliano, R. Ferrando, A. Giacomello, "Charting nanocluster
structures via convolutional neural networks" (2023): tables of its Supporting Information.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PaperSystem:
    """One cluster of the paper; counts in the order Dh, Ih, Twin, Fcc, Mix, Amorphous."""

    all_snapshots: tuple[int, ...]  #: PTMD data, SI sections 1.2-1.5
    filtered: tuple[int, ...]  #: distinct structures, same sections
    best_loss: float  #: validation MSE on scaled inputs, SI section 2.4
    n_families: int  #: major families: section 2.1, captions of figures S4-S6
    correction: str = ""  #: where we do not print what the paper prints


#: By symbol and number of atoms.
PAPER = {
    ("Au", 90): PaperSystem(
        (15_520, 789, 83_471, 142_286, 406_164, 273_370),
        (1_431, 766, 5_946, 495, 19_946, 20_432),
        0.0029,
        27,
    ),
    ("Au", 147): PaperSystem(
        (278_405, 28_911, 29_553, 19_248, 69_641, 188_114),
        (11_873, 10_935, 8_839, 2_689, 26_615, 26_099),
        0.0016,
        22,
    ),
    ("Ag", 147): PaperSystem(
        (1_170, 117_844, 671, 1, 5_871, 53_643),
        (712, 3_065, 614, 1, 5_249, 20_764),
        0.0022,
        17,
    ),
    ("Cu", 147): PaperSystem(
        (579, 180_260, 734, 1, 6_422, 36_004),
        (467, 2_409, 691, 1, 5_670, 18_619),
        0.0023,
        22,
        "The paper prints 180,260 as the total for Cu147, which repeats the count of Ih; "
        "the classes add up to 224,000.",
    ),
}
