"""Where everything about single cells stands: signals, layout, rows of values and marks, streams (sim/kernels/agents.py)."""

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
WALK19, WALK22, NOISE19, NOISE22, MEAN19, MEAN22, SHED, LAW = range(8)
"""Places of the law of the densities, taken from the signals once a step."""
WAITS, CHOICES, SURVIVORS, DENSITIES, MUTATIONS, STREAMS = range(6)
"""Rows of a chunk's streams, one for each decision: when a candidate comes, what happens at it, who survives an event of the step, what daughters
inherit, and whether they are mutants."""
