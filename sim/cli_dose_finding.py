"""``cartsim dose-finding``: operating characteristics of a phase 1 design, with the toxicity of each dose as the user gives it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sim.cli_common import JsonOption, SeedOption, ThreadsOption, read_scenario, whole
from sim.cli_output import print_json, terminal_width
from sim.errors import InputError

if TYPE_CHECKING:
    from sim.trial.estimates import Estimate

__all__ = ["command"]

_NEEDED = (
    "--toxicity: none given; the model has no calibrated toxicity, so that a probability of dose-limiting toxicity is needed for each dose; "
    "give for example --toxicity 0.05,0.1,0.25,0.4"
)


def command(
    toxicity: Annotated[
        str | None,
        typer.Option(
            metavar="P1,P2,...",
            help="Probability of a dose-limiting toxicity at each dose, from the lowest on. Must be given.",
            show_default=False,
        ),
    ] = None,
    design: Annotated[str, typer.Option(metavar="NAME", help="boin, keyboard or 3+3.")] = "boin",
    target: Annotated[float, typer.Option(metavar="P", help="Wanted probability of toxicity.")] = 0.3,
    cohort: Annotated[
        int, typer.Option(metavar="N", parser=whole("--cohort", 1, 100, 3), help="Patients of a cohort.")
    ] = 3,
    cohorts: Annotated[
        int, typer.Option(metavar="N", parser=whole("--cohorts", 1, 1000, 10), help="The most cohorts.")
    ] = 10,
    start: Annotated[
        int, typer.Option(metavar="N", parser=whole("--start", 1, 20, 1), help="First dose; 1 is the lowest.")
    ] = 1,
    window: Annotated[float, typer.Option(metavar="DAYS", help="For which a cohort is observed.")] = 28.0,
    gap: Annotated[float, typer.Option(metavar="DAYS", help="Mean time between two patients.")] = 10.0,
    trials: Annotated[
        int,
        typer.Option(metavar="N", parser=whole("--trials", 1, 10_000_000, 2000), help="Virtual trials."),
    ] = 2000,
    doses: Annotated[
        str | None,
        typer.Option(
            metavar="D1,D2,...", help="What the doses are; 1, 2, ... by default.", show_default=False
        ),
    ] = None,
    scenario: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="Simulate remission at each dose in this scenario; needs --dose-path and --doses.",
            show_default=False,
        ),
    ] = None,
    dose_path: Annotated[
        str | None,
        typer.Option(
            metavar="PATH", help="Dose to change, e.g. arms.higher.infusions.0.dose.", show_default=False
        ),
    ] = None,
    patients: Annotated[
        int,
        typer.Option(
            metavar="N",
            parser=whole("--patients", 1, 100_000, 200),
            help="Virtual patients at each dose, of --scenario.",
        ),
    ] = 200,
    seed: SeedOption = 0,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask how a dose-finding design behaves: which dose it selects, whom it treats where, how long it takes.

    The toxicity of each dose is yours to give: the model has none that is calibrated, and nothing is assumed in its place.

    \b
    Examples:
      cartsim dose-finding --toxicity 0.05,0.1,0.25,0.4
      cartsim dose-finding --toxicity 0.05,0.1,0.25,0.4 --design 3+3 --trials 10000
      cartsim dose-finding --toxicity 0.05,0.1,0.25 --scenario fry2018-cd22 \\
        --dose-path arms.higher.infusions.0.dose --doses 3e5,1e6,3e6
    """  # noqa: D301 - click ends a paragraph of its own lines with \b
    if toxicity is None:
        raise InputError(_NEEDED)
    known = _numbers("--toxicity", toxicity)
    names = None if doses is None else [part.strip() for part in doses.split(",")]
    efficacy: dict[str, Estimate] = {}
    if scenario is not None or dose_path is not None:
        if scenario is None or dose_path is None or names is None:
            raise InputError(
                "--scenario: remission at each dose needs --scenario, --dose-path and --doses; give all three"
            )
        if len(names) != len(known):
            raise InputError(f"--doses: {len(names)} for {len(known)} toxicities; one for each; give as many")
        numbers = dict(zip(names, _numbers("--doses", doses or ""), strict=True))
        efficacy = _efficacy(scenario, dose_path, numbers, patients, seed, threads)
    from sim.dosing.characteristics import dose_finding
    from sim.dosing.view import record, text

    found = dose_finding(
        known,
        design=design,  # type: ignore[arg-type]
        target=target,
        cohort=cohort,
        cohorts=cohorts,
        start=start,
        window=window,
        gap=gap,
        trials=trials,
        seed=seed,
        doses=names,
        efficacy=efficacy,
    )
    if as_json:
        print_json(record(found))
    else:
        print(text(found, max(60, min(125, terminal_width()))), end="")


def _numbers(option: str, words: str) -> list[float]:
    try:
        return [float(word) for word in words.split(",")]
    except ValueError:
        raise InputError(
            f"{option}: '{words[:60]}'; must be numbers with commas between; give for example 0.05,0.1,0.25"
        ) from None


def _efficacy(
    name: str, path: str, doses: dict[str, float], patients: int, seed: int, threads: int | None
) -> dict[str, Estimate]:
    """Return the share in remission at each dose by the name that the user gave it."""
    from sim.cli_progress import supervised
    from sim.trial.scenario_io import kind_of

    if kind_of(name) != "trial":
        raise InputError(f"--scenario: '{name}'; a killing assay has no remission; name a trial")
    scenario = read_scenario(name, [f"patients.size={patients}"])
    with supervised(scenario.name, figures=False) as progress:
        from sim.dosing.efficacy import remission_by_dose

        found = remission_by_dose(
            scenario, path, list(doses.values()), seed=seed, threads=threads, progress=progress
        )
    return dict(zip(doses, found.values(), strict=True))
