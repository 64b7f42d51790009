"""Write docs/exact.md, its numbers from raw results: run it without arguments."""

from __future__ import annotations

from make_results_page import ROOT, read

PAGE = """\
# What is exact, and what is not

For somebody who knows autoencoders, in a minute; for everybody else, what to believe. The numbers
are from `benchmarks/results/` (this page is made by `docs/make_exact_page.py`); the pages linked
have the commands.

## Exact, and tested against something we did not write

- **The RDF** is a Gaussian kernel density in a spline basis: within {rdf:.1e} Å⁻¹ of
  scikit-learn's, {scaled:.1e} in the scaled units that the network sees ([results](results.md)).
- **Its gradient, and that of the CVs**: {exact:.0e} of autograd through the same splines in
  float64 ({gaussian:.0e} of autograd through the Gaussians themselves; [gradient](gradient.md)).
- **CNA**: {differences} differences from OVITO's fcc, hcp and icosahedral atoms, of {atoms:,}
  ([structures](structures.md)).
- **Mean shift**: the centres of scikit-learn from the same seeds to {centres:.0e}, with every
  structure a seed ([families](families.md)).
- **Resuming**: a run killed at any moment ends with the same bits, on the same kind of CPU with
  the same versions and threads ([methods](methods.md)).

## A choice, stated

- **The classes**: the paper's thresholds are not public. Ours have one fitted number, set on Au90
  and tested on the other three ([structures](structures.md)).
- **Duplicates, window, bandwidth, scaling**: where the paper leaves room, [methods](methods.md)
  says what was taken, and why.

## An approximation, with its size

- **The network** keeps three numbers of some 300. What it cannot rebuild it cannot tell apart: R²
  on held-out structures is {lowest:.2f} to {highest:.2f} over our systems and networks; linear
  PCA stands beside every one ([learning](learning.md)).
- **Families** depend on the sample, the network and its seed. Each tells how stable it is under
  the first; [judging](judging.md) is for the other two.
- **A distilled encoder** has the CVs of the chart to an R² of {distilled:.3f} or better, and
  gradients at a cosine of {cosine:.2f} to {best:.2f}, in the {tries} attempts with raw output
  ([gradient](gradient.md)).
- **A thermal chart** puts {thermal:.0f} % of held-out hot Au147 structures into the family of
  their minimum; the chart of minima, {quenched:.0f} % ([charts](charts.md)).
- **A quench** stops on a saddle or in a shallow valley in {saddles} of {kicked:,} cases, those that
  a kick of 0.1 Å finds; to 1e-3 eV/Å by LAMMPS, as the runs shown here were quenched, in about 2 %.
  And which minimum lies below a hot structure depends on the way down: L-BFGS and LAMMPS'
  conjugate gradient, both to 1e-5 eV/Å, part in {parted} of {pairs:,} ([sampling](sampling.md)).

## What an RDF cannot see

It knows the distances between all pairs of atoms, and nothing else.

- A structure and its mirror image are one.
- Different structures may have the same distances. That is rare, and the network makes it
  commoner: two structures whose RDFs differ a little are put on the same spot.
- A few atoms that move on the surface of a large ordered cluster change it very little
  ([learning](learning.md), structures without energies).
- Beyond its window it is blind: an atom that leaves looks like fewer pairs, which the domain
  notices, and a bias does not.
- Elements are not in it: two arrangements of an alloy on one shape look the same, except for the
  relaxation.
- Energy is not in it. Near on a chart is near in shape.

## Not measured, or not there

Populations in equilibrium; the paper's 2 µs trajectory in full ([reproducing](reproducing.md)); a
biased run in PLUMED, whose CVs and forces with our models were compared ([exports](exports.md));
several GPUs; alloys and colloids as charts ([what works](tutorials/other-systems.md)).
"""


def page() -> str:
    """Return the page."""
    rdf, cna, gradient = read("rdf")["results"], read("cna"), read("gradient")
    bits = gradient["largest difference over the largest element, 5 structures"]
    tries = read("distillation")["tries"]
    thermal = read("au147-thermal")
    fits = [
        one["r2"]
        for one in read("learning")["attempts"]
        if one["n_cvs"] == 3 and one["fraction"] == 1
    ]
    centres = [
        width["agreement"]["both from their bin seeds"]["largest difference of centres"]
        for sample in read("mean_shift")["results"].values()
        for name, width in sample.items()
        if name.startswith("bandwidth")
    ]
    energies = [one for system in read("quench")["systems"] for one in system["energies"]]
    kicks = [one for one in energies if one["one"] == "L-BFGS 1e-5, kick 0.1"]
    ways = [
        one for one in energies if (one["one"], one["other"]) == ("L-BFGS 1e-5", "LAMMPS cg 1e-5")
    ]
    return PAGE.format(
        saddles=sum(one["n"] - one["equal_within_0.1_meV"] for one in kicks),
        kicked=sum(one["n"] for one in kicks),
        parted=sum(one["n"] - one["equal_within_0.1_meV"] for one in ways),
        pairs=sum(one["n"] for one in ways),
        rdf=max(one["largest difference to sklearn, 1/Å"] for one in rdf.values()),
        scaled=max(one["largest difference to sklearn, scaled, window"] for one in rdf.values()),
        exact=bits["float64 to autograd through the same splines, float64"],
        gaussian=bits["float64 to autograd through the Gaussians, float64"],
        differences=cna["results"]["compared_with_ovito"]["differences"],
        atoms=cna["results"]["compared_with_ovito"]["atoms"],
        centres=max(centres),
        lowest=min(fits),
        highest=max(fits),
        distilled=min(min(one["r2_minima"]) for one in tries),
        cosine=min(one["gradient_cosine_minima"] for one in tries),
        best=max(one["gradient_cosine_minima"] for one in tries),
        tries=len(tries),
        thermal=100 * thermal["same_family"],
        quenched=100 * thermal["same_family_quenched_chart"],
    )


if __name__ == "__main__":
    (ROOT / "docs" / "exact.md").write_text(page(), encoding="utf-8")
