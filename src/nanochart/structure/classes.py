"""The class of a whole cluster: Dh, Ih, Twin, Fcc, Mix or Amorphous, by one rule stated here.

An atom is *ordered* if its bonds match a row of the environment table (``cna``); f is the fraction
of such atoms. The first line that fits decides:

1. f < 2/5: **Amorphous**. Nothing but this number was fitted: over the quenched snapshots of Au90,
   f has its median at 0.40 at the melting temperature (420 K), so that half the structures of a
   cluster in the middle of melting are amorphous. ``benchmarks/class_rule.py`` does the fit on half
   of the Au90 snapshots and tries it on the other half, Au147, Ag147 and Cu147.
2. f <= 1/2: **Mix**. A cluster is called by a motif only if its ordered atoms outnumber the others.
3. An atom in the centre of an icosahedron: **Ih**. (So an icosahedron with a central vacancy is
   not seen as one, as in the paper: it becomes Mix, by its many five-fold axes.)
4. One five-fold axis, and no more tips of axes than its two ends: **Dh**. A tip elsewhere is a
   second five-fold feature, a restructured re-entrance for instance, and makes it Mix.
5. No five-fold atom (axis or tip), and hcp atoms: **Twin**, whatever their number. Twin planes,
   stacking faults, hcp islands and hcp crystals are one class.
6. No five-fold atom, no hcp atom, fcc atoms: **Fcc**. One hcp atom is a fault: only atoms with all
   12 neighbours can be hcp, so the surface cannot fake one, and noise rarely does.
7. **Mix**: poly-decahedra (several axes), five-fold features beside fcc or twin regions.

The names are those of the paper and of Settem et al. (J. Chem. Phys. 2023), whose thresholds are
not public; populations can be compared with theirs in trend only.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nanochart.structure.cna import Environment

#: A class's code (int8) is its place here. Codes are stored on disk: this order is fixed forever.
CLASS_NAMES = ("Dh", "Ih", "Twin", "Fcc", "Mix", "Amorphous")
_DH, _IH, _TWIN, _FCC, _MIX, _AMORPHOUS = range(len(CLASS_NAMES))

#: The paper's colours (its Fig. 2): blue, orange, green, red, purple, pink. The shades stay apart
#: (CIELAB distance >= 17) for protan, deutan and tritan eyes (Machado et al., TVCG 15, 1291, 2009).
CLASS_COLOURS = {
    "Dh": "#0072B2",
    "Ih": "#EE9A00",
    "Twin": "#009E73",
    "Fcc": "#CC3311",
    "Mix": "#4B0082",
    "Amorphous": "#F4A6C8",
}

#: Below this fraction of ordered atoms a cluster is amorphous (line 1 of the rule).
AMORPHOUS_BELOW = 0.4
#: Up to this fraction it is called by no motif (line 2): ordered atoms must outnumber the others.
MOTIF_ABOVE = 0.5
#: Ends of one five-fold axis (line 4).
_ENDS_OF_AN_AXIS = 2


def cluster_class(environments: NDArray[np.int8], n_axes: NDArray[np.int64]) -> NDArray[np.int8]:
    """Return the class code of each structure by the rule of this module.

    Parameters
    ----------
    environments
        ``Environment`` code of every atom, shape (n_structures, n_atoms).
    n_axes
        Number of five-fold axes, shape (n_structures,); ``cna.environments_and_axes`` gives both.

    Returns
    -------
    ndarray of int8, shape (n_structures,)
        Places in ``CLASS_NAMES``.
    """
    ordered = (environments != Environment.OTHER).mean(axis=1)
    n_tips = _count(environments, Environment.TIP)
    no_five_fold = (n_axes == 0) & (n_tips == 0)
    rule = [  # the numbered lines of the module's docstring; the first that fits decides
        (ordered < AMORPHOUS_BELOW, _AMORPHOUS),
        (ordered <= MOTIF_ABOVE, _MIX),
        (_count(environments, Environment.ICOSAHEDRON_CENTRE) > 0, _IH),
        ((n_axes == 1) & (n_tips <= _ENDS_OF_AN_AXIS), _DH),
        (no_five_fold & (_count(environments, Environment.HCP) > 0), _TWIN),
        (no_five_fold & (_count(environments, Environment.FCC) > 0), _FCC),
    ]
    fits, codes = zip(*rule, strict=True)
    return np.asarray(np.select(fits, codes, default=_MIX), dtype=np.int8)


def _count(environments: NDArray[np.int8], which: Environment) -> NDArray[np.int64]:
    """Return how many atoms of each structure have this environment, shape (n_structures,)."""
    return np.asarray(np.count_nonzero(environments == which, axis=1), dtype=np.int64)
