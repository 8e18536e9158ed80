"""The measuring weight of a machine: multiply-adds, whose rate makes times of two machines comparable.

Eight chains x <- x a + b run beside each other, as many as keep the units of a core busy without a number leaving its registers; neither
memory nor division nor a call takes part. What a kernel takes is then told in multiply-adds of the machine that it ran on.
Assumes nothing; returns the sum of the chains, so that no compiler may leave them out, and cannot fail.
"""

from sim.kernels._jit import jit

CHAINS = 8


@jit
def multiply_adds(rounds: int, factor: float, added: float) -> float:
    """Return the sum of eight chains that begin at 1, 2, .. 8, after so many rounds of one multiply-add each."""
    x0, x1, x2, x3, x4, x5, x6, x7 = 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0
    for _ in range(rounds):
        x0 = x0 * factor + added
        x1 = x1 * factor + added
        x2 = x2 * factor + added
        x3 = x3 * factor + added
        x4 = x4 * factor + added
        x5 = x5 * factor + added
        x6 = x6 * factor + added
        x7 = x7 * factor + added
    return float(x0 + x1 + x2 + x3 + x4 + x5 + x6 + x7)
