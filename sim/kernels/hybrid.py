"""Kernel `hybrid`: the exact law of small populations beside the ODE of large ones.

A count is continuous above a threshold and discrete below half of it. Each step first solves the whole network as an ODE from the
present state, under error control; then every discrete population is replaced by a draw from its law along that solution:

=====  ===================================================================================================================
order  what happens in a step from t to t + dt
=====  ===================================================================================================================
1      Rodas4 step of all species; reactions that are counted event by event are masked out
2      the step is cut at the first trigger of an event and at the first counted reaction (its integrated rate meets a
       unit exponential)
3      hazards at start, middle and end of the step
4      each discrete population: its cells are followed to the end of the step together, by Kendall's transition law
       (branching.py); to leave for another population is one more way to be gone, and who leaves and whom cells bring (mutants,
       immigrants, whatever continuous populations give) are newcomers
5      newcomers, each from a time of its own (newcomers.py), in the same way, and those whom they bring in turn, until none
       is left (drawing.py)
6      continuous species take the ODE's value and what chance has done to it (feedback.py); the counted reaction of 2 fires
=====  ===================================================================================================================

In a given environment births, deaths and newcomers have their exact law over any step, and means are exact where rates are a parabola in
time; drawing.py says what is not. What a discrete population does to the environment within one step follows its mean; where that would
matter the step is shorter (step_bounds.py). What it does to a continuous species by single firings is seen as its mean, corrected at the end
of the step by what chance has made of the population (feedback.py). Above the threshold a population has no
chance of its own: means and extinction do not depend on the threshold, the small noise of large numbers does (of 20,000
cells in exchange with few, noise of 0.6 % of the count has 0.44 to 1.75 of its variance), and near-critical ones, whose fluctuations add up over very long
times, want a higher threshold; so does a rate that turns at some number of cells. A count that a comparison within a rate depends on is drawn
event by event: the rate jumps with it. A rate that turns over fewer than two cells without a comparison is to be written with one: between
whole numbers the method takes it for what it is not. Where nothing continuous moves the method is
Gillespie's; beside triggers that wait for a few cells `ssa` is much faster, where it can run the network.

Reference: Kendall, Ann. Math. Stat. 19 (1948) 1, doi:10.1214/aoms/1177730285. On failure the row keeps what was saved; the rest is NaN.
"""

import math

import numpy as np
from numba import types

from sim.kernels import events
from sim.kernels._jit import jit, jit_as, jit_merged
from sim.kernels.counted import (
    any_masked,
    counted_rate,
    fire_counted,
    fire_due,
    integral_of_parabola,
    negative_counted,
    parabola,
    time_of_counted,
)
from sim.kernels.course import (
    TINY,
    all_finite,
    any_nan,
    crossing,
    hold,
    is_reached,
    negative_propensity,
    state_within,
)
from sim.kernels.drawing import draw
from sim.kernels.feedback import correct_course
from sim.kernels.pausing import BEGUN, GROUPS, NEED, NOW, PAUSE, PAUSED, SAVED, STEP, STEPS, keep, take_up
from sim.kernels.populations import (
    ARRIVING,
    allocate_laws,
    choose_modes,
    forget_modes,
    gather,
    listed,
)
from sim.kernels.random import STATE_WORDS, seed_stream, uniform
from sim.kernels.rosenbrock import (
    GROW_MOST,
    allocate,
    drift,
    first_step,
    growth,
    interpolate,
    linearise,
    scaled_error,
    step,
)
from sim.kernels.samplers import exponential
from sim.kernels.status import EVENT_BUDGET, MAX_STEPS, NEGATIVE_PROPENSITY, NON_FINITE, OK, STEP_TOO_SMALL
from sim.kernels.step_bounds import (
    COUPLED,
    bend,
    bounded_step,
    entry,
    negative_discrete,
    overshoots,
    within_error,
)
from sim.kernels.structure import BRANCHING, FACTOR, FUNCTION_TYPES, HAZARD, OBSERVE, ROLE, STRUCTURE_TYPE
from sim.kernels.trigger_bounds import as_foreseen, chance_triggers, watchful_step

NOTICED = 0.02
"""Least change of a continuous species by chance, in units of the tolerance, that is given to it."""


@jit_merged
def survey(x, depends_on_time, structure, work, laws):
    """Look at the present state (hazards in work.values).

    Returns
    -------
    moving : bool
        Something follows the ODE, or a branching population is present.
    stochastic : bool
        A discrete population is present or may receive newcomers, so saves must be met exactly.
    counted : float
        Total rate of the reactions that are counted event by event.
    """
    moving, stochastic, counted = False, False, 0.0
    for s in range(structure.n_species):
        if laws.discrete[s] == 1:
            if x[s] > 0.0:
                stochastic = True
                if structure.species[s, ROLE] == BRANCHING:
                    moving = True
        elif work.slope_here[s] != 0.0:
            moving = True
    reaction = structure.reaction
    gather(structure, work.values, 0, laws)
    if not (stochastic and moving):
        begins = moving or depends_on_time  # newcomers may come although there are none at this moment
        for r in listed(ARRIVING, laws):
            s = reaction[r, FACTOR]
            outside = s == structure.n_species or laws.discrete[s] == 0
            if (outside and begins) or work.values[reaction[r, HAZARD]] * x[s] > 0.0:
                stochastic = True
                moving = True
    for r in structure.maskable:
        if work.mask[r] == 0.0:
            counted += work.values[reaction[r, HAZARD]] * x[reaction[r, FACTOR]]
    return moving, stochastic, counted


@jit
def begin(x0, t, static, event_times, conditions, structure, threshold, work, laws, stream, fired):
    """Set the state, the modes and the events of a row; return a status."""
    x, n = work.x, structure.n_species
    for s in range(n):
        x[s] = x0[s]
    forget_modes(laws)
    for k in range(fired.shape[0]):
        fired[k] = math.nan
    static(work.p, work.a)
    if not all_finite(x, n) or any_nan(work.p):
        return NON_FINITE
    for s in range(n):
        if structure.is_count[s] == 1 and x[s] < 0.0:
            return NEGATIVE_PROPENSITY
    choose_modes(x, structure, threshold, work, laws, stream)
    return events.start(t, x, structure, event_times, conditions, work, fired)


@jit_merged
def hazards_along(t, h, theta, structure, hazards, work, laws):
    """Write the hazards at the middle and the end of the fraction theta of a step h, whose last state stands in laws.x_end."""
    interpolate(0.5 * theta, structure, work, laws.x_middle)
    hazards(t + 0.5 * theta * h, laws.x_middle, work.p, work.a, work.d, laws.middle)
    hazards(t + theta * h, laws.x_end, work.p, work.a, work.d, laws.end)
    gather(structure, laws.middle, 1, laws)
    gather(structure, laws.end, 2, laws)


@jit_merged
def solve_step(
    t, h, target, bound, stochastic, left, structure, hazards, slopes, factorise, solve, relative, absolute,
    tolerance, work, laws,
):  # fmt: skip
    """Solve the network from t by a step of about h, shorter if its error or the bend of hazards asks for it.

    Returns
    -------
    outcome : int
        A status; `MAX_STEPS` after ``left`` rejections.
    used : float
        The step; its end stands in work.x_new and laws.x_end.
    error : float
        Its error in units of the tolerance.
    rejected : int
        Steps that were tried before.
    """
    n, rejected = structure.n_species, 0
    while True:
        limit = min(h, bound)
        used = target - t if t + 1.0001 * limit >= target else limit
        if used <= 4e-16 * abs(t) or used <= 1e-300:
            return STEP_TOO_SMALL, used, 0.0, rejected
        step(t, used, structure, slopes, factorise, solve, work)
        error = scaled_error(structure, work, relative, absolute, laws.watched)
        accepted = error <= 1.0 and all_finite(work.x_new, n)
        factor = min(growth(error), 0.9)
        if accepted:
            for s in range(n):
                laws.x_end[s] = work.x_new[s]
            if stochastic:
                hazards_along(t, used, 1.0, structure, hazards, work, laws)
                if bend(used, structure, work, laws, work.x, work.x_new) > tolerance:
                    accepted = False
                    factor = 0.5
            if accepted:
                return OK, used, error, rejected
        rejected += 1
        if rejected >= left:
            return MAX_STEPS, used, error, rejected
        h = used * factor


@jit
def simulate_row(
    static, hazards, slopes, derivatives, factorise, solve, observe, event_times, conditions, effects, reach, structure,
    t_save, x0, relative, absolute, threshold, tolerance, max_step, max_steps, max_events, depends_on_time,
    pause_at, pause, work, laws, stream, out, fired, statistics,
):  # fmt: skip
    """Simulate one row whose parameters stand in work.p; return its status, or `PAUSED` at the time `pause_at`.

    The loop goes through the table above, and says when a step ends early. It is long because it is one: what it keeps from step to
    step (clock, step, saves) is in its locals, which every part would have to take and give back. A pause comes after the events of its
    time and before its saves, and leaves them in `pause`, from which the next call goes on; who pauses a row may change work.x meanwhile.
    """
    n, x = structure.n_species, work.x
    t_end, saves = t_save[-1], t_save.shape[0]
    triggers = events.has_triggers(structure)
    resumed = pause[BEGUN] > 0.0
    if resumed:
        t, need, h = pause[NOW], pause[NEED], pause[STEP]
        saved, steps, groups = int(pause[SAVED]), int(pause[STEPS]), int(pause[GROUPS])
    else:
        t = t_save[0]
        outcome = begin(
            x0, t, static, event_times, conditions, structure, threshold, work, laws, stream, fired
        )
        if outcome != OK:
            return outcome
        need = exponential(stream)
        laws.clock[0] = exponential(stream)
        h, saved, steps, groups = 0.0, 0, 0, 0
    restart = h == 0.0
    while True:
        outcome, number = events.settle(
            t, x, structure, conditions, effects, work, fired, True, stream, max_events - statistics[2]
        )
        statistics[2] += number
        if outcome == events.STOPPED:
            hold(saved, t_save, x, observe, work, out)
            return OK
        if outcome != OK:
            return outcome
        restart = restart or number > 0
        if t >= pause_at and not resumed:
            pause[BEGUN], pause[NOW], pause[NEED], pause[STEP] = 1.0, t, need, h
            pause[SAVED], pause[STEPS], pause[GROUPS] = saved, steps, groups
            return PAUSED
        resumed = False
        while saved < saves and t_save[saved] <= t:
            observe(t, x, work.p, work.a, out[saved])
            saved += 1
        if saved == saves:
            return OK
        choose_modes(x, structure, threshold, work, laws, stream)
        drift(t, x, work.p, work.a, work.d, work.values, work.mask, structure, slopes, work.slope_here)
        statistics[3] += 1
        if not all_finite(work.slope_here, n):
            return NON_FINITE
        moving, stochastic, counted = survey(x, depends_on_time, structure, work, laws)
        if counted == math.inf:
            return NON_FINITE
        if negative_counted(structure, work) or (
            negative_discrete(x, structure, work, laws)
            and not within_error(t, x, relative, absolute, structure, hazards, work, laws)
        ):
            return NEGATIVE_PROPENSITY
        for q in range(structure.n_hazards):
            laws.start[q] = work.values[q]
        target = min(t_end, events.next_time(structure, work))
        if pause_at > t:
            target = min(target, pause_at)
        if not moving and not depends_on_time:
            # Gillespie's method: nothing changes until the next counted reaction.
            wait = need / counted if counted > 0.0 else math.inf
            arrives = t + wait
            until = min(arrives, target)
            while saved < saves and t_save[saved] < until:
                observe(t_save[saved], x, work.p, work.a, out[saved])
                saved += 1
            if arrives < target:
                t = arrives
                need = exponential(stream)
                fire_counted(t, structure, hazards, work, laws, stream)
                statistics[2] += 1
                if statistics[2] > max_events:
                    return EVENT_BUDGET
            else:
                need -= (target - t) * counted
                t = target
            continue
        if steps >= max_steps:
            return MAX_STEPS
        steps += 1
        if stochastic and saved < saves:
            target = min(target, t_save[saved])
        if is_reached(t, target):
            t = target
            continue
        if restart:
            h = min(
                first_step(t, target, structure, work, relative, absolute),
                events.next_may_come(t, structure, work),
            )
            restart = False
        if negative_propensity(structure, work, min(h, target - t), relative, absolute):
            return NEGATIVE_PROPENSITY
        linearise(t, structure, derivatives, work)
        unwatched = False
        if stochastic:
            wanted = min(h, target - t, max_step)
            bound, course = bounded_step(
                t, wanted, x, structure, slopes, factorise, solve, absolute, tolerance, work, laws
            )
            if triggers:
                bound, unwatched = watchful_step(t, bound, x, tolerance, structure, reach, work, laws)
        else:
            bound, course = max_step, 0.0
        outcome, used, error, rejected = solve_step(
            t, h, target, min(bound, max_step), stochastic, max_steps - steps, structure, hazards, slopes, factorise, solve,
            relative, absolute, tolerance, work, laws,
        )  # fmt: skip
        statistics[1] += rejected
        statistics[3] += 5 * (rejected + (outcome == OK))
        steps += rejected
        if outcome != OK:
            return outcome
        if unwatched and not as_foreseen(used, x, structure, laws):
            statistics[1] += 1
            h = 0.5 * used
            continue
        whole = used == target - t
        statistics[0] += 1
        theta = min(1.0, entry(structure, threshold, work, laws))
        fires, rate_middle, rate_end, need_before = False, 0.0, 0.0, need
        if any_masked(structure, work):
            state_within(0.5, structure, work, laws.discrete, work.spare)
            rate_middle = counted_rate(t + 0.5 * used, work.spare, structure, hazards, work, work.values)
            state_within(1.0, structure, work, laws.discrete, work.spare)
            rate_end = counted_rate(t + used, work.spare, structure, hazards, work, work.values)
            met = time_of_counted(counted * used, rate_middle * used, rate_end * used, need)
            if met < theta:
                theta, fires = met, True
        crossed = False
        if triggers:
            met = crossing(t, used, theta, structure, conditions, work, laws.discrete)
            crossed = met <= theta
            if met < theta:
                theta, fires = met, False
        if fires:
            need = exponential(stream)
        else:
            need -= integral_of_parabola(counted * used, rate_middle * used, rate_end * used, theta)
        t_new = target if whole else t + used
        if theta < 1.0:
            t_new = min(t + theta * used, t_new)
            interpolate(theta, structure, work, laws.x_end)
        while saved < saves and t_save[saved] < t_new:
            interpolate((t_save[saved] - t) / used, structure, work, work.spare)
            for s in range(n):
                if laws.discrete[s] == 1:
                    work.spare[s] = x[s]
            observe(t_save[saved], work.spare, work.p, work.a, out[saved])
            saved += 1
        if stochastic:
            if theta < 1.0:
                hazards_along(t, used, theta, structure, hazards, work, laws)
            for s in range(n):
                laws.before[s] = x[s]
            fits, followed = draw(theta * used, COUPLED * tolerance, structure, laws, stream)
            groups += followed
            if groups > max_events:
                return EVENT_BUDGET
            if not fits or (
                structure.signed.shape[0] > 0
                and overshoots(t, t_new - t, relative, absolute, structure, hazards, work, laws)
            ):
                statistics[1] += 1
                need, h = need_before, 0.5 * theta * used
                if triggers:
                    conditions(t, x, work.p, work.a, work.condition_before)
                continue
            if (
                triggers
                and not (crossed or fires)
                and chance_triggers(t_new, structure, conditions, work, laws)
            ):
                # `watchful_step` has seen to it that one event has done this: it came at any time of the step.
                theta *= uniform(stream)
                t_new = t + theta * used
                interpolate(theta, structure, work, laws.x_end)
                need = need_before - integral_of_parabola(
                    counted * used, rate_middle * used, rate_end * used, theta
                )
            if course > NOTICED * tolerance:
                correct_course(t_new, used, theta, structure, slopes, solve, work, laws)
        for s in range(n):
            if laws.discrete[s] == 1:
                if stochastic:
                    x[s] = laws.after[s]
            else:
                x[s] = laws.x_end[s] if abs(laws.x_end[s]) > TINY else 0.0
        factor = growth(error)
        # A step that ends at a save, an event or a bound may say no more than that a longer one is as good.
        h = used * factor if factor < GROW_MOST else max(h, used * factor)
        t = t_new
        if fires:
            foreseen = parabola(counted, rate_middle, rate_end, theta)
            statistics[2] += fire_due(t, foreseen, structure, hazards, work, laws, stream)
            if statistics[2] > max_events:
                return EVENT_BUDGET


_SIGNATURE = types.void(
    *FUNCTION_TYPES,
    types.FunctionType(OBSERVE),
    STRUCTURE_TYPE,
    types.float64[::1],
    types.float64[:, ::1],
    types.float64[:, ::1],
    types.int64[::1],
    types.float64,
    types.float64[::1],
    types.float64,
    types.float64,
    types.float64,
    types.int64,
    types.int64,
    types.boolean,
    types.uint64,
    types.int64[::1],
    types.int64[::1],
    types.int64,
    types.float64,
    types.float64[:, ::1],
    types.uint64[:, ::1],
    types.float64[:, :, ::1],
    types.float64[:, ::1],
    types.int64[:, ::1],
    types.int64[::1],
)


@jit_as(_SIGNATURE, allocating=True)
def simulate_hybrid(
    static, hazards, slopes, derivatives, factorise, solve, observe, event_times, conditions, effects, reach, structure,
    t_save, parameters, initial, source, relative, absolute, threshold, tolerance, max_step, max_steps, max_events,
    depends_on_time, seed, patients, replicates, purpose, pause_at, carried, streams, out, fired, statistics, status,
):  # fmt: skip
    """Simulate a chunk of rows; arguments as `sim.kernels.ode.simulate_ode`, then the key of each row's random stream.

    With a row of `carried` (sim/kernels/pausing.py, zero at first) and of `streams` for each, rows pause at the time `pause_at`, with the status
    `PAUSED`, and the next call goes on from there. Both are empty where nothing pauses.
    ``reach`` says what the triggers may become where every species lies between two values (trigger_bounds.py).
    """
    work = allocate(structure)
    laws = allocate_laws(structure)
    stream = np.zeros(STATE_WORDS, np.uint64)
    pause = np.zeros(PAUSE)
    pauses = carried.shape[0] > 0
    for i in range(source.shape[0]):
        for k in range(structure.n_parameters):
            work.p[k] = parameters[source[i], k]
        if pauses and carried[i, BEGUN] > 0.0:
            take_up(carried[i], pause, structure, static, work, laws)
            stream[:] = streams[i]
        else:
            pause[BEGUN] = 0.0
            seed_stream(stream, seed, patients[i], replicates[i], purpose)
        status[i] = simulate_row(
            static, hazards, slopes, derivatives, factorise, solve, observe, event_times, conditions, effects, reach, structure,
            t_save, initial[source[i]], relative, absolute, threshold, tolerance, max_step, max_steps, max_events,
            depends_on_time, pause_at, pause, work, laws, stream, out[i], fired[i], statistics[i],
        )  # fmt: skip
        if pauses:
            keep(carried[i], pause, structure, work, laws)
            streams[i] = stream
