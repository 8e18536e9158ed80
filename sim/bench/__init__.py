"""How fast this package is here, against what it was when the baseline was stored: `cartsim bench`."""

from sim.bench.cases import Case, all_cases
from sim.bench.measuring import Figure, compare, measure, read_baseline

__all__ = ["Case", "Figure", "all_cases", "compare", "measure", "read_baseline"]
