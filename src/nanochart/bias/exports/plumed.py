"""What PLUMED's two actions for models share: a restraint towards a family, and the COLVAR file."""

from __future__ import annotations

from nanochart.bias.exports.subject import Subject


def restraint_lines(subject: Subject, labels: list[str]) -> list[str]:
    """Return PLUMED's lines for the families, a restraint towards the largest, and a COLVAR."""
    joined = ",".join(labels)
    return [
        "",
        *(
            f"# family {one['id']} ({one['name']}): AT={_numbers(one['centre'])}"
            for one in subject.families
        ),
        "restraint: RESTRAINT ...",
        f"  ARG={joined}",
        f"  AT={_numbers(subject.centre)}",
        f"  KAPPA={','.join('1.0' for _ in labels)}  # energy per CV²: choose it",
        "...",
        f"PRINT ARG={joined},restraint.bias FILE=COLVAR STRIDE=100",
    ]


def _numbers(values: list[float]) -> str:
    return ",".join(f"{value:.6g}" for value in values)
