"""Choices made after the run: what a transplant or a next therapy does to a time, and which causes compete.

The stored times ignore transplant and re-infusion. Trials treat them differently, and the same simulated patients can
be analysed in each of the ways.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.trial.incidence import cumulative_incidence
from sim.trial.outcomes import Outcomes
from sim.trial.response import PHENOTYPES
from sim.trial.survival import SurvivalCurve, kaplan_meier

__all__ = [
    "CompetingTimes",
    "Endpoint",
    "Rule",
    "Times",
    "apply_transplant_rule",
    "endpoint_times",
    "event_free",
    "relapse_causes",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Endpoint = Literal["efs", "rfs", "remission", "os"]
Rule = Literal["ignored", "censored", "event", "competing"]


class Times(NamedTuple):
    """Times to an endpoint, of the rows that have one.

    Attributes
    ----------
    days : ndarray, shape (n,)
    cause : ndarray of int, shape (n,)
        0 censored, 1 the endpoint's own event, 2 transplant or next therapy as competing event.
    row : ndarray of int, shape (n,)
        Rows of the outcomes.
    """

    days: Floats
    cause: Ints
    row: Ints


class CompetingTimes(NamedTuple):
    """Times to the first of several causes, as `sim.trial.incidence.cumulative_incidence` takes them.

    Attributes
    ----------
    days : ndarray, shape (n,)
    cause : ndarray of int, shape (n,)
        0 censored, k the k-th of ``causes``.
    causes : tuple of str
    row : ndarray of int, shape (n,)
        Rows of the outcomes.
    """

    days: Floats
    cause: Ints
    causes: tuple[str, ...]
    row: Ints


def apply_transplant_rule(days: Floats, cause: Ints, therapy: Floats, rule: Rule) -> tuple[Floats, Ints]:
    """Treat a therapy that comes before the end of a time.

    Parameters
    ----------
    days : ndarray, shape (n,)
        Time to the event or the censoring.
    cause : ndarray of int, shape (n,)
        0 for censored, 1 (or another cause) for an event.
    therapy : ndarray, shape (n,)
        Time of the transplant or next therapy, from the same start; NaN for none.
    rule : {"ignored", "censored", "event", "competing"}
        Leave the time alone; end the observation; count the therapy as the event (cause 1); or as a cause of its own
        (cause 2).

    Returns
    -------
    days : ndarray, shape (n,)
    cause : ndarray of int, shape (n,)

    Raises
    ------
    ValueError
        If the rule is none of these.

    Notes
    -----
    A therapy before the start counts at time 0. One on the day of the event comes after it: the event was its reason.

    Examples
    --------
    >>> days, cause = apply_transplant_rule(np.array([200.0, 50.0]), np.array([1, 1]), np.array([90.0, 90.0]), "censored")
    >>> days.tolist(), cause.tolist()
    ([90.0, 50.0], [0, 1])
    """
    codes = {"censored": 0, "event": 1, "competing": 2}
    if rule == "ignored":
        return days, cause
    if rule not in codes:
        raise ValueError(f"rule: {rule!r}; ignored, censored, event or competing; give one of them")
    at = np.maximum(therapy, 0.0)
    first = at < days
    return np.where(first, at, days), np.where(first, codes[rule], cause)


def endpoint_times(
    outcomes: Outcomes, endpoint: Endpoint, *, transplant: Rule = "ignored", next_therapy: Rule = "ignored"
) -> Times:
    """Return the times to an endpoint under a choice of rules.

    Parameters
    ----------
    outcomes : Outcomes
        Rows of one arm or several.
    endpoint : {"efs", "rfs", "remission", "os"}
        Which; rows without it (no response, not evaluable) are left out.
    transplant, next_therapy : {"ignored", "censored", "event", "competing"}
        What a transplant, and a re-infusion, does to a time that it precedes.

    Returns
    -------
    Times
        Ready for `event_free`.
    """
    days = outcomes[f"{endpoint}_days"]
    row = np.flatnonzero(np.isfinite(days))
    start = outcomes["cr_day" if endpoint in ("rfs", "remission") else "origin_day"][row]
    days, cause = days[row], outcomes[f"{endpoint}_event"][row].astype(np.int64)
    # The later therapy never overtakes the earlier one, whichever rule is applied first.
    for name, rule in (("transplant_day", transplant), ("reinfusion_day", next_therapy)):
        days, cause = apply_transplant_rule(days, cause, outcomes[name][row] - start, rule)
    return Times(days, cause, row)


def event_free(days: Floats, cause: Ints, *, level: float = 0.95) -> SurvivalCurve:
    """Return the share free of an endpoint's event over time.

    Parameters
    ----------
    days : ndarray, shape (n,)
        At least one.
    cause : ndarray of int, shape (n,)
        As in `Times`.
    level : float
        Of the band.

    Returns
    -------
    SurvivalCurve
        Kaplan and Meier's, where nothing competes; otherwise 1 - F with F the cumulative incidence of the event (Aalen and Johansen):
        a patient whose therapy came first never has the event, and stays among those free of it. One who is censored at his
        therapy instead is taken to fare like those who had none.

    Examples
    --------
    >>> days, cause = np.array([1.0, 2.0, 3.0, 4.0]), np.array([2, 1, 2, 1])
    >>> event_free(days, cause).survival.tolist()
    [1.0, 0.75, 0.75, 0.5]
    """
    if not (cause == 2).any():
        return kaplan_meier(days, cause == 1, level=level)
    found = cumulative_incidence(days, cause, ("event", "therapy"), level=level)
    event, therapy = found.events
    return SurvivalCurve(
        time=found.time,
        at_risk=found.at_risk,
        events=event,
        censored=found.censored,
        competing=therapy,
        survival=1.0 - found.incidence[0],
        variance=found.variance[0],
        lower=1.0 - found.upper[0],
        upper=1.0 - found.lower[0],
        size=found.size,
        level=level,
    )


def relapse_causes(
    outcomes: Outcomes,
    *,
    by: Literal["phenotype"] | None = None,
    transplant: Rule = "ignored",
    next_therapy: Rule = "ignored",
) -> CompetingTimes:
    """Return the times from response to relapse, with death in remission competing.

    Parameters
    ----------
    outcomes : Outcomes
        Rows of one arm or several; those without a response are left out.
    by : {"phenotype"}, optional
        Divide relapse by the antigens that it lost. Death of leukaemia before an examination found the relapse is a
        relapse ``unclassified``.
    transplant, next_therapy : {"ignored", "censored", "event", "competing"}
        As in `endpoint_times`; ``event`` counts the therapy as (unclassified) relapse, ``competing`` as a cause
        ``transplant or next therapy``.

    Returns
    -------
    CompetingTimes
    """
    days, event, row = endpoint_times(outcomes, "rfs")
    relapsed = np.isfinite(outcomes["relapse_day"][row])
    leukaemic = relapsed | (outcomes["death_cause"][row] == "leukaemia")
    names = (*PHENOTYPES, "unclassified") if by == "phenotype" else ("relapse",)
    death, therapy = len(names) + 1, len(names) + 2
    number = np.full(len(row), len(names))
    if by == "phenotype":
        phenotype = outcomes["relapse_phenotype"][row]
        for place, name in enumerate(PHENOTYPES, start=1):
            number[phenotype == name] = place
    cause = np.where(event == 0, 0, np.where(leukaemic, number, death))
    codes = {0: 0, 1: len(names), 2: therapy}
    for name, rule in (("transplant_day", transplant), ("reinfusion_day", next_therapy)):
        when = outcomes[name][row] - outcomes["cr_day"][row]
        before, untouched = days, np.full(len(row), -1)
        days, changed = apply_transplant_rule(before, untouched, when, rule)
        for code, meaning in codes.items():
            cause = np.where(changed == code, meaning, cause)
    causes = (*names, "death in remission")
    if "competing" in (transplant, next_therapy):
        causes = (*causes, "transplant or next therapy")
    return CompetingTimes(days, cause.astype(np.int64), causes, row)
