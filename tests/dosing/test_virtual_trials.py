"""Virtual trials against exact laws: every path enumerated, 3+3 by its Markov chain, BOIN with SciPy's isotonic regression."""

from __future__ import annotations

from collections import Counter
from functools import cache
from itertools import product

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import isotonic_regression

from sim.dosing.designs import boin, boin_limits
from sim.dosing.virtual_trials import concatenate, run_decisions, run_three_plus_three

TOXICITY = (0.08, 0.25, 0.45)
COMMON = {"seed": 1, "window": 28.0, "gap": 10.0}


def chain_of_three_plus_three(toxicity, start=0):
    """Exact law of (selected, patients at each dose), by the tree of the chain: toxicities among the next three are binomial."""
    doses = len(toxicity)

    @cache
    def law(dose, n, y, limit):
        found = Counter()
        for more in range(4):
            chance = stats.binom.pmf(more, 3, toxicity[dose])
            patients = (*n[:dose], n[dose] + 3, *n[dose + 1 :])
            toxic = (*y[:dose], y[dose] + more, *y[dose + 1 :])
            for end, share in follow(dose, patients, toxic, limit).items():
                found[end] += chance * share
        return found

    def follow(dose, n, y, limit):
        if y[dose] >= 2:
            if dose == 0:
                return {(-1, n): 1.0}
            return {(dose - 1, n): 1.0} if n[dose - 1] == 6 else law(dose - 1, n, y, dose)
        if n[dose] == 3 and y[dose] == 1:
            return law(dose, n, y, limit)
        if dose + 1 < limit:
            return law(dose + 1, n, y, limit)
        return {(dose, n): 1.0} if n[dose] == 6 else law(dose, n, y, limit)

    return law(start, (0,) * doses, (0,) * doses, doses)


def chain_of_boin(toxicity, target, cohorts):
    """Exact law of (selected, patients at each dose), by all counts of toxicities of the cohorts."""
    up, down = boin_limits(target)
    doses, law = len(toxicity), Counter()

    def sure(n, y):
        return n >= 3 and stats.beta.sf(target, 1 + y, 1 + n - y) > 0.95

    for counts in product(range(4), repeat=cohorts):
        n, y, dose, limit, chance, over = [0] * doses, [0] * doses, 0, doses, 1.0, False
        for step, more in enumerate(counts):
            if over:
                # What a trial that is over would have seen: counted once.
                chance = chance if more == 0 else 0.0
                continue
            chance *= stats.binom.pmf(more, 3, toxicity[dose])
            n[dose] += 3
            y[dose] += more
            if sure(n[dose], y[dose]):
                limit, over = dose, dose == 0
                dose = max(dose - 1, 0)
            elif y[dose] / n[dose] >= down:
                dose = max(dose - 1, 0)
            elif y[dose] / n[dose] <= up and dose + 1 < limit:
                dose += 1
            assert step < cohorts
        known = [k for k in range(limit) if n[k]]
        selected = -1
        if known:
            a, b = np.array([y[k] + 0.05 for k in known]), np.array([n[k] - y[k] + 0.05 for k in known])
            fitted = isotonic_regression(a / (a + b), weights=(a + b) ** 2 * (a + b + 1) / (a * b)).x
            selected = known[int(np.abs(fitted + 1e-10 * (np.array(known) + 1) - target).argmin())]
        law[selected, tuple(n)] += chance
    return law


def distance(law, trials):
    """The p-value of Pearson's test of what happened against a law; rare ends are one."""
    seen = Counter(
        (int(one), tuple(map(int, n))) for one, n in zip(trials.selected, trials.patients, strict=True)
    )
    size = len(trials.selected)
    assert set(seen) <= {end for end, chance in law.items() if chance > 0}
    often = [end for end, chance in law.items() if chance * size >= 10]
    expected = np.array([law[end] * size for end in often])
    observed = np.array([seen[end] for end in often], dtype=float)
    expected, observed = (
        np.append(expected, size - expected.sum()),
        np.append(observed, size - observed.sum()),
    )
    keep = expected > 5
    return stats.chi2.sf(((observed - expected)[keep] ** 2 / expected[keep]).sum(), keep.sum() - 1)


class TestLaws:
    """20,000 trials against the exact law of selection and patients at each dose together; false alarm 1e-7 each. A toxicity moved by 0.03 is
    found (negative control).
    """

    @pytest.mark.parametrize("start", [0, 1])
    def test_three_plus_three_is_its_markov_chain(self, start):
        law = chain_of_three_plus_three(TOXICITY, start)
        assert sum(law.values()) == pytest.approx(1.0)
        numbers = np.arange(20_000)
        assert (
            distance(law, run_three_plus_three(np.array(TOXICITY), numbers=numbers, start=start, **COMMON))
            > 1e-7
        )
        moved = run_three_plus_three(np.array(TOXICITY) + 0.03, numbers=numbers, start=start, **COMMON)
        assert distance(law, moved) < 1e-7

    def test_boin_is_all_its_paths(self):
        law = chain_of_boin(TOXICITY, 0.3, 5)
        assert sum(law.values()) == pytest.approx(1.0)
        common = {"numbers": np.arange(20_000), "cohort": 3, "cohorts": 5, "start": 0, **COMMON}
        decisions = boin(0.3, 15)
        assert distance(law, run_decisions(decisions, np.array(TOXICITY), 0.3, **common)) > 1e-7
        assert distance(law, run_decisions(decisions, np.array(TOXICITY) + 0.03, 0.3, **common)) < 1e-7


def test_three_plus_three_goes_on_from_a_dose_with_the_published_probability():
    # Of 0/3, or 1/3 and 0/3: 0.91, 0.71, 0.49, 0.31, 0.17 at toxicities of 0.1 to 0.5 (Storer 1989 and every text since).
    for toxicity, chance in ((0.1, 0.91), (0.2, 0.71), (0.3, 0.49), (0.4, 0.31), (0.5, 0.17)):
        law = chain_of_three_plus_three((toxicity, 1.0))
        seen_second = sum(share for (_, n), share in law.items() if n[1] > 0)
        assert seen_second == pytest.approx(chance, abs=5e-3)


class TestEdges:
    def test_without_toxicity_every_trial_ends_at_the_highest_dose(self):
        numbers = np.arange(50)
        found = run_three_plus_three(np.zeros(4), numbers=numbers, start=0, **COMMON)
        assert set(found.selected) == {3}
        assert (found.patients == [3, 3, 3, 6]).all()
        found = run_decisions(
            boin(0.3, 30), np.zeros(4), 0.3, numbers=numbers, cohort=3, cohorts=10, start=0, **COMMON
        )
        assert set(found.selected) == {3}
        assert (found.patients == [3, 3, 3, 21]).all()

    def test_where_everybody_is_toxic_no_dose_is_selected_after_three_patients(self):
        numbers = np.arange(50)
        for found in (
            run_three_plus_three(np.ones(3), numbers=numbers, start=0, **COMMON),
            run_decisions(
                boin(0.3, 30), np.ones(3), 0.3, numbers=numbers, cohort=3, cohorts=10, start=0, **COMMON
            ),
        ):
            assert set(found.selected) == {-1}
            assert (found.patients == [3, 0, 0]).all()
            assert (found.toxicities == [3, 0, 0]).all()

    def test_duration_is_the_windows_and_the_waits(self):
        common = {"numbers": np.arange(4000), "seed": 3, "start": 0, "window": 28.0}
        still = run_three_plus_three(np.array(TOXICITY), gap=0.0, **common)
        assert still.days == pytest.approx(28.0 * still.patients.sum(axis=1) / 3)
        slow = run_three_plus_three(np.array(TOXICITY), gap=10.0, **common)
        waits = (slow.days - still.days) / still.patients.sum(axis=1)
        # Means of exponential waits; 4,000 trials of 12 patients: SD of the mean 0.05.
        assert waits.mean() == pytest.approx(10.0, abs=0.4)

    def test_a_trial_is_the_same_in_any_company(self):
        common = {"cohort": 2, "cohorts": 8, "start": 0, **COMMON}
        decisions, toxicity = boin(0.25, 16), np.array(TOXICITY)
        whole = run_decisions(decisions, toxicity, 0.25, numbers=np.arange(40), **common)
        parts = [
            run_decisions(decisions, toxicity, 0.25, numbers=numbers, **common)
            for numbers in (np.arange(7), np.arange(7, 40))
        ]
        for one, two in zip(whole, concatenate(parts), strict=True):
            assert one.tobytes() == two.tobytes()
