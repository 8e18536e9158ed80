"""Leukaemia cells one by one: each has densities, copies of CD19, a clone and a site; sites are well mixed.

Within a step the surroundings hold still (the caller takes them from its middle), and each cell lives its own life in continuous time.
Candidates for anything to happen come to every cell at one rate, the greatest that a cell can have; what happens at a candidate is
decided by the cell as it is at that moment (thinning), so no cell is looked at to whom nothing may happen:

=====  ========================================  ===========================================================================
order  at a candidate                            hazard
=====  ========================================  ===========================================================================
1      densities walk from the last look to now  exact law of the mean-reverting walk; losses at contacts are made up for
2      division, unless quiescent                DIVISION; the daughter may be a mutant, then both inherit with noise
3      death                                     DEATH
4      move between marrow and another site      entry or exit rate of the site
5      falling asleep, or awakening              QUIESCENCE, AWAKENING
6      killing                                   access * kappa * sum_k phi_k E*_k/(load_k + sum_m phi_m E*_m)
7      contact that is survived                  CONTACTS times killing: the antigens that the killer sees are lost in part
8      nothing                                   what is left of the greatest rate
=====  ========================================  ===========================================================================

Daughters live through the rest of the step in the same way. So the law of numbers, clones and densities in held surroundings is exact at
any step; only the hold is an approximation, of second order in the step.

Cells lie in chunks, each with streams of its own for when and what happens, for densities, and for mutations: neither the number of threads nor
what another chunk does changes a byte. The record of a cell has 27 bytes.

References: thinning: Lewis and Shedler, Nav. Res. Logist. Q. 26 (1979) 403, doi:10.1002/nav.3800260304; exact steps of the walk: Gillespie,
Phys. Rev. E 54 (1996) 2084, doi:10.1103/PhysRevE.54.2084.
"""

import math

import numpy as np
from numba import types

from sim.kernels._jit import inline_jit, jit, jit_as
from sim.kernels.random import uniform
from sim.kernels.samplers import exponential, normal
from sim.kernels.status import CAPACITY, NON_FINITE, OK

(
    DIVISION, DEATH, FIRST_HIT, SECOND_HIT, CD22_LOSS, SWITCH, CD19, CD22, SPREAD19, SPREAD22, RELAX19, RELAX22, INHERITED, CONTACTS,
    CONTACT_LOSS, RECOVERY, QUIESCENCE, AWAKENING, KILLING, STEEPNESS,
) = range(20)  # fmt: skip
"""Places of what every cell is told (sim/models/agents.py: `signals`), rates a day, densities in molecules per cell, spreads in log10."""
SITES, PRODUCTS, PAIRS, SITE_AT, HEAD = range(5)
"""Places of the layout: numbers of sites, products and pairs that compete; where the signals of sites begin; then, for each product, places
of its active cells and of its load, and whether it sees CD19 and CD22; then the two products of each pair."""
LN19, LN22, SHED19, SHED22, TOUCHED, VALUES = range(6)
"""Rows of a chunk's values (float32): ln of the density of two copies of CD19 and of CD22, ln of what contacts have left, day of the last look."""
COPIES, FLAGS, SITE, MARKS = range(4)
"""Rows of a chunk's marks (uint8)."""
LOST, SWITCHED, QUIESCENT, DEAD = 1, 2, 4, 128
"""Bits of FLAGS."""
EVENTS, DENSITIES, MUTATIONS, STREAMS = range(4)
"""Rows of a chunk's streams."""
WALK19, WALK22, NOISE19, NOISE22, MEAN19, MEAN22, SHED, LAW = range(8)
"""Places of the law of the densities, taken from the signals once a step."""
LN10 = math.log(10.0)
LOW_CD22 = 0.5
"""Share of the patient's median CD22 below which a cell counts as CD22-low; as in sim/models/observables.py."""
OUTSTANDING = 1024
"""Daughters of a step that wait for their turn; each is followed before the next is taken up, so that a few wait at most."""

_step = types.void(types.float64, types.float64, types.float64[::1], types.float64[::1])
RECOGNISE = _step
"""recognise(d19, d22, y, phi): phi of every product, or psi, for a cell of such densities under the signals y."""


@jit
def law_of_densities(y, law):
    """Write the law of the densities that the signals tell."""
    for k in range(2):
        spread, relaxation = LN10 * y[SPREAD19 + k], y[RELAX19 + k]
        made = y[INHERITED] if relaxation < math.inf and y[DIVISION] > 0.0 else 0.0
        law[WALK19 + k] = spread * math.sqrt(1.0 - made)
        law[NOISE19 + k] = spread * math.sqrt(made / (relaxation * y[DIVISION])) if made > 0.0 else 0.0
        law[MEAN19 + k] = math.log(y[CD19 + k])
    law[SHED] = math.log1p(-y[CONTACT_LOSS]) if y[CONTACT_LOSS] < 1.0 else -100.0


@jit
def walk(i, now, y, law, values, stream):
    """Bring the densities of cell i to the day `now`."""
    past = now - values[TOUCHED, i]
    if not past > 0.0:
        return
    for k in range(2):
        if y[RELAX19 + k] < math.inf:
            left = math.exp(-past / y[RELAX19 + k])
            mean = law[MEAN19 + k]
            x = mean + (values[LN19 + k, i] - mean) * left
            if law[WALK19 + k] > 0.0:
                x += law[WALK19 + k] * math.sqrt(1.0 - left * left) * normal(stream)
            values[LN19 + k, i] = x
        if values[SHED19 + k, i] != 0.0:
            values[SHED19 + k, i] *= math.exp(-past / y[RECOVERY])
    values[TOUCHED, i] = now


@inline_jit
def cd19_of(i, values, marks):
    """Return the CD19 density of cell i, molecules/cell."""
    if marks[COPIES, i] == 0:
        return 0.0
    return 0.5 * marks[COPIES, i] * math.exp(values[LN19, i] + values[SHED19, i])


@inline_jit
def cd22_of(i, values, marks):
    """Return the CD22 density of cell i, molecules/cell."""
    if marks[FLAGS, i] & LOST:
        return 0.0
    return math.exp(values[LN22, i] + values[SHED22, i])


@inline_jit
def access_of(site, y, layout):
    """Return how well CAR T cells reach a site, 1 in the marrow."""
    return 1.0 if site == 0 else y[layout[SITE_AT] + 3 * (site - 1)]


@jit
def killing_of(phi, y, layout):
    """Return the hazard of a cell with such recognition in the marrow to be killed."""
    products, rivals, total = layout[PRODUCTS], 0.0, 0.0
    for k in range(products):
        rivals += phi[k] * y[layout[HEAD + 4 * k]]
    for k in range(products):
        if phi[k] > 0.0:
            total += phi[k] * y[layout[HEAD + 4 * k]] / (y[layout[HEAD + 4 * k + 1]] + rivals)
    return y[KILLING] * total if products > 0 else 0.0


@jit
def killer_of(u, phi, y, layout):
    """Return the product that has killed a cell, by u in [0, 1) and each product's share of the hazard."""
    products, rivals, total = layout[PRODUCTS], 0.0, 0.0
    for k in range(products):
        rivals += phi[k] * y[layout[HEAD + 4 * k]]
    for k in range(products):
        total += phi[k] * y[layout[HEAD + 4 * k]] / (y[layout[HEAD + 4 * k + 1]] + rivals)
    u *= total
    for k in range(products - 1):
        u -= phi[k] * y[layout[HEAD + 4 * k]] / (y[layout[HEAD + 4 * k + 1]] + rivals)
        if u < 0.0:
            return k
    return products - 1


@jit
def greatest_rate(y, layout):
    """Return a rate that no cell's hazards together exceed."""
    sites, products, at = layout[SITES], layout[PRODUCTS], layout[SITE_AT]
    access, leaving, away = 1.0, 0.0, 0.0
    for site in range(1, sites):
        access = max(access, y[at + 3 * (site - 1)])
        away += y[at + 3 * (site - 1) + 1]
        leaving = max(leaving, y[at + 3 * (site - 1) + 2])
    killing = 0.0
    for k in range(products):
        active = y[layout[HEAD + 4 * k]]
        if active > 0.0:
            killing += active / (y[layout[HEAD + 4 * k + 1]] + active)
    if products > 0:
        killing *= access * y[KILLING] * (1.0 + y[CONTACTS])
    return y[DIVISION] + y[DEATH] + max(away, leaving) + max(y[QUIESCENCE], y[AWAKENING]) + killing


@jit
def divide(i, n, y, law, values, marks, clone, streams):
    """Let cell i divide; its daughter is cell n."""
    for k in range(VALUES):
        values[k, n] = values[k, i]
    for k in range(MARKS):
        marks[k, n] = marks[k, i]
    clone[n] = clone[i]
    for k in range(2):
        if law[NOISE19 + k] > 0.0:
            more = law[NOISE19 + k] * normal(streams[DENSITIES])
            values[LN19 + k, i] += more
            values[LN19 + k, n] -= more
    u = uniform(streams[MUTATIONS])
    hit = 0.0
    if marks[COPIES, i] == 2:
        hit = 2.0 * y[FIRST_HIT]
    elif marks[COPIES, i] == 1:
        hit = y[SECOND_HIT]
    if u < hit:
        marks[COPIES, n] -= 1
        return
    u -= hit
    if not marks[FLAGS, i] & LOST:
        if u < y[CD22_LOSS]:
            marks[FLAGS, n] |= LOST
            return
        u -= y[CD22_LOSS]
    if not marks[FLAGS, i] & SWITCHED and u < y[SWITCH]:
        marks[COPIES, n] = 0
        marks[FLAGS, n] |= LOST | SWITCHED


@jit
def live(i, n, now, bound, y, law, layout, lysis, values, marks, clone, streams, phi, kills):
    """Decide what happens to cell i at a candidate; return the number of cells, one more after a division."""
    walk(i, now, y, law, values, streams[DENSITIES])
    stream = streams[EVENTS]
    u = uniform(stream) * bound
    site, asleep = marks[SITE, i], marks[FLAGS, i] & QUIESCENT
    if not asleep:
        if u < y[DIVISION]:
            divide(i, n, y, law, values, marks, clone, streams)
            return n + 1
        u -= y[DIVISION]
    if u < y[DEATH]:
        marks[FLAGS, i] |= DEAD
        return n
    u -= y[DEATH]
    at = layout[SITE_AT]
    if site == 0:
        for other in range(1, layout[SITES]):
            rate = y[at + 3 * (other - 1) + 1]
            if u < rate:
                marks[SITE, i] = other
                return n
            u -= rate
    else:
        rate = y[at + 3 * (site - 1) + 2]
        if u < rate:
            marks[SITE, i] = 0
            return n
        u -= rate
    rate = y[AWAKENING] if asleep else y[QUIESCENCE]
    if u < rate:
        marks[FLAGS, i] ^= QUIESCENT
        return n
    u -= rate
    if layout[PRODUCTS] == 0:
        return n
    lysis(cd19_of(i, values, marks), cd22_of(i, values, marks), y, phi)
    killing = access_of(site, y, layout) * killing_of(phi, y, layout)
    if u < killing:
        marks[FLAGS, i] |= DEAD
        kills[killer_of(u / killing, phi, y, layout)] += 1.0
        return n
    u -= killing
    if u < killing * y[CONTACTS]:
        lose(i, u / (killing * y[CONTACTS]), y, law, layout, values, phi)
    return n


@jit
def lose(i, u, y, law, layout, values, phi):
    """Take from cell i a part of the antigens that one product sees, the product chosen by its share of the killing."""
    products, total = layout[PRODUCTS], 0.0
    for k in range(products):
        total += phi[k] * y[layout[HEAD + 4 * k]]
    u *= total
    for k in range(products):
        u -= phi[k] * y[layout[HEAD + 4 * k]]
        if u < 0.0 or k == products - 1:
            for antigen in range(2):
                if layout[HEAD + 4 * k + 2 + antigen] == 1:
                    values[SHED19 + antigen, i] += law[SHED]
            return


@jit
def close_up(n, values, marks, clone):
    """Fill the places of dead cells from the end; return the number of cells."""
    i = 0
    while i < n:
        if marks[FLAGS, i] & DEAD:
            n -= 1
            for k in range(VALUES):
                values[k, i] = values[k, n]
            for k in range(MARKS):
                marks[k, i] = marks[k, n]
            clone[i] = clone[n]
        else:
            i += 1
    return n


_chunk = (
    types.float64,
    types.float64,
    types.float64[::1],
    types.int64[::1],
    types.FunctionType(RECOGNISE),
    types.float64[::1],
    types.float32[:, :, ::1],
    types.uint8[:, :, ::1],
    types.int32[:, ::1],
    types.int64[::1],
    types.uint64[:, :, ::1],
    types.float64[:, ::1],
    types.int64,
    types.int64,
)


@jit_as(types.int64(*_chunk), allocating=True)
def step_cells(now, dt, y, layout, lysis, spared, values, marks, clone, number, streams, kills, begin, end):
    """Let the cells of some chunks live from the day `now` for `dt` days, then spare a share of them at each site.

    Parameters
    ----------
    now, dt : float
        Days.
    y : float64 (signals,)
        What the cells are told, of the middle of the step.
    layout : int64
        As `HEAD` says.
    lysis : `RECOGNISE`
    spared : float64 (sites,)
        Shares that events of the step have left.
    values, marks, clone : (chunks, VALUES, capacity) float32, (chunks, MARKS, capacity) uint8, (chunks, capacity) int32
    number : int64 (chunks,)
    streams : uint64 (chunks, STREAMS, words)
    kills : float64 (chunks, products)
        Cells that each product has killed are added.
    begin, end : int
        First chunk, and one after the last.

    Returns
    -------
    int
        OK; CAPACITY when a chunk has no room; NON_FINITE when a signal is none.
    """
    law, phi = np.zeros(LAW), np.zeros(max(1, layout[PRODUCTS]))
    waiting, since = np.zeros(OUTSTANDING, np.int64), np.zeros(OUTSTANDING)
    law_of_densities(y, law)
    bound = greatest_rate(y, layout)
    if not bound < math.inf:
        return NON_FINITE
    cuts = False
    for site in range(layout[SITES]):
        cuts = cuts or spared[site] < 1.0
    capacity = clone.shape[1]
    for c in range(begin, end):
        n, first = number[c], number[c]
        stream = streams[c, EVENTS]
        place = exponential(stream) / bound if bound > 0.0 else math.inf
        while place < first * dt:
            i = min(int(place / dt), first - 1)
            at = place - i * dt
            if n >= capacity:
                number[c] = close_up(n, values[c], marks[c], clone[c])
                return CAPACITY
            if not marks[c, FLAGS, i] & DEAD:
                before, n = (
                    n,
                    live(
                        i,
                        n,
                        now + at,
                        bound,
                        y,
                        law,
                        layout,
                        lysis,
                        values[c],
                        marks[c],
                        clone[c],
                        streams[c],
                        phi,
                        kills[c],
                    ),
                )
                wait = 0
                if n > before:
                    waiting[0], since[0], wait = before, at, 1
                while wait > 0:
                    wait -= 1
                    j, then = waiting[wait], since[wait]
                    while True:
                        if n >= capacity or wait >= OUTSTANDING - 1:
                            number[c] = close_up(n, values[c], marks[c], clone[c])
                            return CAPACITY
                        then += exponential(stream) / bound
                        if then >= dt or marks[c, FLAGS, j] & DEAD:
                            break
                        before, n = (
                            n,
                            live(
                                j,
                                n,
                                now + then,
                                bound,
                                y,
                                law,
                                layout,
                                lysis,
                                values[c],
                                marks[c],
                                clone[c],
                                streams[c],
                                phi,
                                kills[c],
                            ),
                        )
                        if n > before:
                            waiting[wait], since[wait] = before, then
                            wait += 1
            place += exponential(stream) / bound
        if cuts:
            for i in range(n):
                if not marks[c, FLAGS, i] & DEAD and uniform(stream) >= spared[marks[c, SITE, i]]:
                    marks[c, FLAGS, i] |= DEAD
        number[c] = close_up(n, values[c], marks[c], clone[c])
    return OK


_sums = (
    types.float64,
    types.float64[::1],
    types.int64[::1],
    types.FunctionType(RECOGNISE),
    types.FunctionType(RECOGNISE),
    types.float32[:, :, ::1],
    types.uint8[:, :, ::1],
    types.int64[::1],
    types.uint64[:, :, ::1],
    types.int64,
    types.int64,
    types.float64[:, ::1],
)


@jit_as(types.void(*_sums), allocating=True)
def sum_cells(now, y, layout, lysis, stimulation, values, marks, number, streams, begin, end, sums):
    """Bring all cells of some chunks to the day `now` and add up what they tell.

    Parameters as in `step_cells`; ``sums`` (chunks, sites * (2 products + pairs + 2) + 6) receives for each site the cells, phi of each product,
    psi of each, the lesser psi of each pair and the hazard of being killed; then the cells without CD19, that lost CD22, switched, low in CD22,
    and the sums of the densities of CD19 and CD22.
    """
    products, pairs = layout[PRODUCTS], layout[PAIRS]
    law, phi, psi = np.zeros(LAW), np.zeros(max(1, products)), np.zeros(max(1, products))
    law_of_densities(y, law)
    width = 2 + 2 * products + pairs
    body = layout[SITES] * width
    head = HEAD + 4 * products
    for c in range(begin, end):
        sums[c, :] = 0.0
        for i in range(number[c]):
            walk(i, now, y, law, values[c], streams[c, DENSITIES])
            site = marks[c, SITE, i]
            d19, d22 = cd19_of(i, values[c], marks[c]), cd22_of(i, values[c], marks[c])
            at = site * width
            sums[c, at] += 1.0
            if products > 0:
                lysis(d19, d22, y, phi)
                stimulation(d19, d22, y, psi)
                for k in range(products):
                    sums[c, at + 1 + k] += phi[k]
                    sums[c, at + 1 + products + k] += psi[k]
                for k in range(pairs):
                    sums[c, at + 1 + 2 * products + k] += min(
                        psi[layout[head + 2 * k]], psi[layout[head + 2 * k + 1]]
                    )
                sums[c, at + width - 1] += access_of(site, y, layout) * killing_of(phi, y, layout)
            sums[c, body] += 1.0 if marks[c, COPIES, i] == 0 else 0.0
            sums[c, body + 1] += 1.0 if marks[c, FLAGS, i] & LOST else 0.0
            sums[c, body + 2] += 1.0 if marks[c, FLAGS, i] & SWITCHED else 0.0
            sums[c, body + 3] += 1.0 if d22 < LOW_CD22 * y[CD22] else 0.0
            sums[c, body + 4] += d19
            sums[c, body + 5] += d22
