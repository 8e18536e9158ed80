"""Print the table of invariances of docs/model-behaviour.md: what no form of the model may change, and what the same comparison must see.

.venv/bin/python -m tests.models.measure_invariance [--replicates 6000]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from sim.network.simulation import Hybrid
from sim.trial.courses import HYBRID
from tests.models.test_invariance import (
    TWINS,
    apart,
    course,
    extinct,
    largest_bias,
    same_share,
    surviving_founders,
)

__all__ = ["main"]

LEVELS = (0.3, 0.5, 0.2)


def founders(_replicates: int) -> Iterator[tuple[str, str, str]]:
    """The founder figure."""
    growth = "CD19-negative founders whose line survives, one growth to 3e11 cells, birth 0.105, death 0.04, u1 = 1e-7"
    for second_hit in (1e-7, 1e-6):
        yield f"{growth}, u2 = {second_hit:g}", f"{surviving_founders(second_hit):.4g}", ""


def mean_courses(_replicates: int) -> Iterator[tuple[str, str, str]]:
    """What holds for mean courses, as the largest relative difference over a year."""
    whole = course()
    yield (
        "product in two identical halves: mean course",
        f"{apart(whole, course(TWINS)):.0e} apart",
        f"a threshold of 1,400 for 1,500 in one half: {apart(whole, course(TWINS, threshold_twin_cd22=1400.0)):.1g} apart",
    )
    one, three, spread = (
        course(levels=levels, cd22_spread=spread)
        for levels, spread in (((0.0, 1.0, 0.0), 0.0), (LEVELS, 0.0), (LEVELS, 0.05))
    )
    yield (
        "classes of equal antigen: mean course",
        f"{apart(one, three):.0e} apart",
        f"a spread of 0.05 log10 between them: {apart(one, spread):.2g} apart",
    )
    child, adult_dose = course(weight=20.0), course(weight=20.0, dose=7e6)
    yield (
        "child of 20 kg against adult of 70 kg in cells/kg",
        f"{apart(whole, child, scale=20 / 70):.0e} apart",
        f"the adult's number of cells: {apart(whole, adult_dose, scale=20 / 70):.2g} apart",
    )


def luck(replicates: int) -> Iterator[tuple[str, str, str]]:
    """What holds for chance: replicates without leukaemia on day 55, with the options of a trial."""

    def gone(*net: object, **changes: object) -> int:
        return extinct(*net, kernel=HYBRID, n=replicates, **changes)[1]  # type: ignore[arg-type]

    for what, pair, control, different in (
        (
            "product in two identical halves",
            (gone(), gone(TWINS)),
            "a threshold of 1,200 in one half",
            gone(TWINS, threshold_twin_cd22=1200.0),
        ),
        (
            "classes of equal antigen",
            (gone(cd22_spread=0.0), gone(cd22_spread=0.0, levels=LEVELS)),
            "a spread of 0.05 log10 between them",
            gone(cd22_spread=0.05, levels=LEVELS),
        ),
    ):
        p = same_share(*pair, n=replicates)
        yield (
            f"{what}: extinct by day 55, of {replicates:,}",
            f"{pair[0]:,} and {pair[1]:,} (Fisher p = {p:.2f})",
            f"{control}: {different:,}",
        )


def bias(_replicates: int) -> Iterator[tuple[str, str, str]]:
    """Hybrid means against the mean field."""
    trial, tight = (
        " and ".join(f"{largest_bias(kernel, density):.1%}" for density in (2000.0, 3000.0))
        for kernel in (HYBRID, Hybrid(tolerance=0.02, rtol=1e-5))
    )
    coarse = largest_bias(Hybrid(tolerance=3.0, rtol=1e-2), 2000.0)
    yield (
        "hybrid means against the mean field, down to 1e5 cells, at two densities of CD22",
        f"{trial} with the options of a trial, {tight} at tolerance 0.02 and rtol 1e-5",
        f"tolerance 3, rtol 1e-2: {coarse:.1%}",
    )


def main() -> None:
    """Print the rows as they are measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=6000)
    replicates = parser.parse_args().replicates
    sys.stdout.write("| statement | measured | control that the same comparison must see |\n|---|---|---|\n")
    for part in (founders, mean_courses, luck, bias):
        for row in part(replicates):
            sys.stdout.write(f"| {' | '.join(row)} |\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
