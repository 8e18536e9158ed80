"""Checks between the blocks of a scenario: each returns the problems it finds, and none stops the others."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from sim.trial.law_base import number_text
from sim.trial.laws import Law
from sim.trial.problems import Place, Problem, show, suggest

if TYPE_CHECKING:
    from sim.trial.scenario import Scenario
    from sim.trial.scenario_schema import Infusion, Lymphodepletion

__all__ = ["cross_check"]

_KINETIC = ("tmax", "cmax", "auc_0_28")
"""Endpoints of the CAR T cells alone."""
_COURSE = ("fludarabine", "cyclophosphamide", "depth", "log_kill")
"""What a lymphodepletion does, apart from when."""


def cross_check(scenario: Scenario) -> list[Problem]:
    """Return every problem between the blocks of a scenario, in the order of its blocks."""
    checks = (
        _model,
        _products,
        _patients,
        _arms,
        _bridging,
        _later,
        _assay,
        _residual_disease,
        _criteria,
        _reported,
    )
    return [problem for check in checks for problem in check(scenario)]


def _model(scenario: Scenario) -> Iterator[Problem]:
    sites = scenario.model.sites
    if sites[0] != "marrow" or len(set(sites)) != len(sites):
        yield Problem(
            ("model", "sites"),
            show(sites),
            "starts with marrow, each site once",
            "write [marrow] or [marrow, node]",
        )
    if scenario.model.node is not None and "node" not in sites:
        yield Problem(
            ("model", "node"),
            "{...}",
            "describes a site that the model does not have",
            "add node to model.sites",
        )


def _products(scenario: Scenario) -> Iterator[Problem]:
    for name, product in scenario.products.items():
        at: Place = ("products", name)
        if len(set(product.targets)) != len(product.targets):
            yield Problem((*at, "targets"), show(product.targets), "names a target once", "remove the double")
        elif len(product.targets) == 1 and product.architecture != "single":
            yield Problem(
                (*at, "architecture"),
                f"'{product.architecture}'",
                "one target goes with single",
                "write single, or add a target",
            )
        elif len(product.targets) == 2 and product.architecture == "single":
            yield Problem(
                (*at, "architecture"),
                "'single'",
                "two targets go with tandem or bicistronic",
                "write one of these",
            )
        for key in ("threshold", "arm_strength"):
            laws = getattr(product, key)
            if isinstance(laws, dict):
                for target in sorted(set(laws) - set(product.targets)):
                    yield Problem(
                        (*at, key, target),
                        target,
                        f"is no target of the product ({', '.join(product.targets)})",
                        "remove it, or add the target",
                    )


def _patients(scenario: Scenario) -> Iterator[Problem]:
    rows = scenario.patients.correlations
    pairs: set[frozenset[str]] = set()
    for i, row in enumerate(rows):
        pair = frozenset(row.between)
        at: Place = ("patients", "correlations", i, "between")
        if len(pair) == 1:
            yield Problem(at, show(row.between), "relates two different quantities", "name another one")
        elif pair in pairs:
            yield Problem(at, show(row.between), "a pair stands once", "remove the double")
        pairs.add(pair)
    if rows and not _possible([(row.between[0], row.between[1], row.rho) for row in rows]):
        yield Problem(
            ("patients", "correlations"),
            f"{len(rows)} of them",
            "must be possible together",
            "bring the coefficients nearer to 0",
        )


def _possible(rows: Sequence[tuple[str, str, float]]) -> bool:
    """Say whether the correlation matrix is positive definite: its Cholesky factor exists."""
    names = sorted({name for a, b, _ in rows for name in (a, b)})
    index = {name: i for i, name in enumerate(names)}
    n = len(names)
    matrix = [[1.0 if i == j else 0.0 for j in range(n)] for i in range(n)]
    for a, b, rho in rows:
        if a != b:
            matrix[index[a]][index[b]] = matrix[index[b]][index[a]] = rho
    factor = [[0.0] * n for _ in range(n)]
    for i in range(n):
        for j in range(i + 1):
            rest = matrix[i][j] - math.fsum(factor[i][k] * factor[j][k] for k in range(j))
            if i == j:
                if rest <= 1e-12:
                    return False
                factor[i][i] = math.sqrt(rest)
            else:
                factor[i][j] = rest / factor[j][j]
    return True


def _arms(scenario: Scenario) -> Iterator[Problem]:
    for name, arm in scenario.arms.items():
        at: Place = ("arms", name)
        if arm.patients is not None and scenario.patients.paired and len(scenario.arms) > 1:
            yield Problem(
                (*at, "patients"),
                "{...}",
                "paired arms treat the same people",
                "remove it, or set patients.paired: false",
            )
        if arm.node not in (None, "none") and "node" not in scenario.model.sites:
            yield Problem(
                (*at, "node"),
                "{...}",
                "describes a site that the model does not have",
                "add node to model.sites",
            )
        for i, infusion in enumerate(arm.infusions):
            yield from _infusion(scenario, infusion, (*at, "infusions", i))
        yield from _lymphodepletions(scenario, name)


def _lymphodepletions(scenario: Scenario, arm: str) -> Iterator[Problem]:
    """Infusions share the course that begins at one time; two different ones would be a regimen that nobody wrote."""
    first: dict[tuple[str, tuple[str, ...], float, float], tuple[int, Lymphodepletion]] = {}
    for i, infusion in enumerate(scenario.arms[arm].infusions):
        given = scenario.lymphodepletion_of(arm, infusion)
        if given is None:
            continue
        start = infusion.day + infusion.delay + given.start
        decided = 0.0 if infusion.only_if == "always" else infusion.day
        decision = (infusion.only_if, infusion.any_of, decided, start)
        earlier, shared = first.setdefault(decision, (i, given))
        differing = [key for key in _COURSE if getattr(given, key) != getattr(shared, key)]
        if differing:
            inherited = infusion.lymphodepletion == "inherit"
            at: Place = ("arms", arm, "infusions", i, "lymphodepletion")
            yield Problem(
                at if inherited else (*at, differing[0]),
                "inherit" if inherited else _written(getattr(given, differing[0])),
                f"infusions share the course that begins at one time, and that of infusions.{earlier} has another {differing[0]}",
                "write the same, none here, or another start",
            )


def _infusion(scenario: Scenario, infusion: Infusion, at: Place) -> Iterator[Problem]:
    horizon = scenario.engine.horizon
    if infusion.product not in scenario.products:
        yield Problem(
            (*at, "product"),
            f"'{infusion.product}'",
            "must be one of the products",
            suggest(infusion.product, scenario.products, "" if scenario.products else "add it to products"),
        )
    last = infusion.day + infusion.delay
    if last > horizon:
        yield _after_horizon((*at, "day"), last, horizon)
    for j, part in enumerate(infusion.split):
        if j > 0 and part.day <= infusion.split[j - 1].day:
            yield Problem(
                (*at, "split", j, "day"),
                show(part.day),
                "days of a split dose ascend",
                "put the parts in order",
            )
        if last + part.day > horizon:
            yield _after_horizon((*at, "split", j, "day"), last + part.day, horizon)
    whole = math.fsum(part.fraction for part in infusion.split)
    if infusion.split and abs(whole - 1.0) > 1e-6:
        yield Problem((*at, "split"), f"{whole:g}", "the fractions add up to 1", "correct them")
    if infusion.only_if == "always" and infusion.delay > 0.0:
        yield Problem(
            (*at, "delay"), show(infusion.delay), "only a rule waits", "remove it, or give a later day"
        )
    yield from _findings(scenario, infusion, at)


def _findings(scenario: Scenario, infusion: Infusion, at: Place) -> Iterator[Problem]:
    """Check that the rule `finding`, and no other, names what it reads of a visit."""
    if (infusion.only_if == "finding") != bool(infusion.any_of):
        fix = "write any_of: [mrd_positive], [b_cell_recovery] or both, or another rule"
        yield Problem(
            (*at, "any_of"),
            show(infusion.any_of),
            "only_if: finding names findings, and no other rule does",
            fix if infusion.only_if == "finding" else "write only_if: finding, or remove it",
        )
    if infusion.only_if == "finding":
        yield from _visit(scenario, infusion.day, (*at, "day"))


def _visit(scenario: Scenario, day: float, at: Place) -> Iterator[Problem]:
    if day not in scenario.assay.visits:
        visits = ", ".join(f"{visit:g}" for visit in scenario.assay.visits)
        yield Problem(
            at,
            f"day {day:g}",
            f"a decision reads a visit, and assay.visits has none on that day ({visits})",
            "take one of these, or add the visit",
        )


def _written(value: object) -> str:
    """Return a value or a law as a part of a line."""
    return value.describe() if isinstance(value, Law) else show(value)


def _bridging(scenario: Scenario) -> Iterator[Problem]:
    plans: list[tuple[Place, object]] = [(("bridging",), scenario.bridging)]
    plans += [(("arms", name, "bridging"), arm.bridging) for name, arm in scenario.arms.items()]
    for at, plan in plans:
        day = getattr(plan, "day", None)
        if isinstance(day, Law) and day.support()[1] > 0.0:
            yield Problem(
                (*at, "day"),
                day.describe(),
                "bridging comes before the first infusion (day 0 at the latest)",
                "write chemotherapy after it under consolidation",
            )


def _later(scenario: Scenario) -> Iterator[Problem]:
    plans: list[tuple[Place, object]] = [(("transplant",), scenario.transplant)]
    plans += [(("arms", name, "transplant"), arm.transplant) for name, arm in scenario.arms.items()]
    plans += [(("consolidation", i), course) for i, course in enumerate(scenario.consolidation)]
    for name, arm in scenario.arms.items():
        if not isinstance(arm.consolidation, str):
            plans += [(("arms", name, "consolidation", i), c) for i, c in enumerate(arm.consolidation)]
    for at, plan in plans:
        day = getattr(plan, "day", None)
        if isinstance(day, Law) and day.support()[0] > scenario.engine.horizon:
            yield _after_horizon((*at, "day"), day.support()[0], scenario.engine.horizon)
        decision = getattr(plan, "decision", None)
        if isinstance(day, Law) and decision is not None:
            yield from _visit(scenario, decision.visit, (*at, "decision", "visit"))
            if day.support()[0] <= decision.visit:
                yield Problem(
                    (*at, "day"),
                    day.describe(),
                    f"a transplant that waits for a visit comes after it (day {decision.visit:g})",
                    "raise it, or decide at an earlier visit",
                )


def _assay(scenario: Scenario) -> Iterator[Problem]:
    visits, horizon = scenario.assay.visits, scenario.engine.horizon
    if visits[0] < 0.0:
        yield Problem(("assay", "visits", 0), show(visits[0]), "a visit is on day 0 or later", "remove it")
    for i, (before, after) in enumerate(pairwise(visits), start=1):
        if after <= before:
            yield Problem(
                ("assay", "visits", i),
                show(after),
                f"visits ascend, and the one before is {before:g}",
                "put them in order",
            )
    late = next((i for i, visit in enumerate(visits) if visit > horizon), None)
    if late is not None:
        yield _after_horizon(("assay", "visits", late), visits[late], horizon)


def _residual_disease(scenario: Scenario) -> Iterator[Problem]:
    assay = scenario.assay
    usual = assay.usual_limit
    # A sensitive method may be read at a coarser limit, as trials do. The slack is for rounding.
    if assay.mrd_limit < usual * (0.1 - 1e-9):
        yield Problem(
            ("assay", "mrd_limit"),
            number_text(assay.mrd_limit),
            f"{assay.method} finds about {number_text(usual)}, and a limit is not below a tenth of that",
            "give another limit (null for that of the method), or another method",
        )
    needed = math.ceil((1.0 - 1e-9) / assay.mrd_limit)
    if assay.cells_analysed < needed:
        yield Problem(
            ("assay", "cells_analysed"),
            str(assay.cells_analysed),
            f"one positive cell must not lie above the limit ({number_text(assay.mrd_limit)})",
            f"analyse at least {needed}, or raise mrd_limit",
        )


def _criteria(scenario: Scenario) -> Iterator[Problem]:
    criteria, horizon = scenario.criteria, scenario.engine.horizon
    first, last = criteria.restaging
    if not first < last:
        yield Problem(
            ("criteria", "restaging"), show(criteria.restaging), "goes from a day to a later one", "swap them"
        )
    elif not any(first <= visit <= last for visit in scenario.assay.visits):
        yield Problem(
            ("criteria", "restaging"),
            show(criteria.restaging),
            "holds at least one visit",
            f"add a visit between {first:g} and {last:g}",
        )
    if criteria.best_by < last:
        yield Problem(
            ("criteria", "best_by"),
            show(criteria.best_by),
            f"is not before the end of the first restaging (day {last:g})",
            "raise it, or end the restaging earlier",
        )
    for place, chosen in (
        (("criteria", "efs_from"), criteria.efs_from),
        (("patients", "burden_at"), scenario.patients.burden_at),
    ):
        if chosen == "enrolment" and scenario.manufacturing is None:
            yield Problem(
                place,
                "'enrolment'",
                "enrolment is when the making of the product begins, and manufacturing is not described",
                "add manufacturing: {days: ...}, or write infusion",
            )
    for key, day in (("restaging", last), ("best_by", criteria.best_by)):
        if day > horizon:
            yield _after_horizon(("criteria", key), day, horizon)
    if criteria.relapse_blasts < criteria.remission_blasts:
        yield Problem(
            ("criteria", "relapse_blasts"),
            show(criteria.relapse_blasts),
            f"is at least remission_blasts ({criteria.remission_blasts:g})",
            "raise it, or use relapse: molecular",
        )


def _reported(scenario: Scenario) -> Iterator[Problem]:
    seen: set[str] = set()
    for i, row in enumerate(scenario.reported):
        at: Place = ("reported", i)
        if row.id in seen:
            yield Problem((*at, "id"), f"'{row.id}'", "is used by an earlier row", "choose another id")
        seen.add(row.id)
        named: list[tuple[Place, str]] = [] if row.arm is None else [((*at, "arm"), row.arm)]
        named += [((*at, "arms", j), arm) for j, arm in enumerate(row.arms)]
        for place, arm in named:
            if arm not in scenario.arms:
                yield Problem(place, f"'{arm}'", "must be one of the arms", suggest(arm, scenario.arms))
            elif scenario.arms[arm].kinetics_only and row.endpoint not in _KINETIC:
                rule = f"is there for its kinetics alone, and {row.endpoint} is an outcome"
                yield Problem(place, f"'{arm}'", rule, "leave it out, or take kinetics_only from the arm")
        if row.at is not None and row.at > scenario.engine.horizon:
            yield _after_horizon((*at, "at"), row.at, scenario.engine.horizon)


def _after_horizon(at: Place, day: float, horizon: float) -> Problem:
    return Problem(
        at,
        f"day {day:g}",
        f"must not be after the horizon (day {horizon:g})",
        "move it, or raise engine.horizon",
    )
