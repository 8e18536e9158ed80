"""Status codes of a row: failure is data. Every kernel returns one; names and sentences are for people."""

OK = 0
STEP_TOO_SMALL = 1
MAX_STEPS = 2
EVENT_BUDGET = 3
NON_FINITE = 4
NEGATIVE_PROPENSITY = 5
CAPACITY = 6
WALL_TIME = 7
INVALID_EVENT = 8

NAMES = (
    "ok",
    "step_too_small",
    "max_steps",
    "event_budget",
    "non_finite",
    "negative_propensity",
    "capacity",
    "wall_time",
    "invalid_event",
)

SENTENCES = (
    "finished",
    "the step became too small for the clock; look for a rate that grows without bound, or loosen rtol",
    "the cap on steps was reached; raise max_steps or loosen rtol",
    "the cap on events was reached; raise max_events or use kernel hybrid",
    "a value became NaN or infinite; look at the parameters of this row",
    "a reaction that changes counts had a negative rate or took a count below zero, or there were chances that add up to more than 1; let the rate vanish with the count, write two, or lower the chances",
    "a count reached 2**53, or single cells outgrew their room; start with fewer cells, use kernel hybrid, or give more room",
    "the time allowed for the run was used up; the same command resumes",
    "an event gave a negative amount or a survival outside 0 to 1; look at its expressions",
)
