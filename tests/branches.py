"""Say which share of the kernels' branches the last coverage run took. `python -m tests.branches`; exit code 1 below `LEAST`.

`coverage report` mixes lines and branches in its percentage; this one is of branches alone, a branch being a way that a line may be left.
"""

from __future__ import annotations

import json
import subprocess
import sys

LEAST = 95.0
"""Percent."""


def main() -> int:
    told = subprocess.run(
        [sys.executable, "-m", "coverage", "json", "-q", "-o", "-"],
        capture_output=True,
        text=True,
        check=False,
    )
    if told.returncode != 0:
        sys.stderr.write(
            f"error: coverage: {told.stdout.strip() or told.stderr.strip()}; run `make coverage`\n"
        )
        return 1
    totals = json.loads(told.stdout)["totals"]
    share = 100.0 * totals["covered_branches"] / totals["num_branches"]
    sys.stdout.write(
        f"{totals['covered_branches']} of {totals['num_branches']} branches taken: {share:.1f} %\n"
    )
    return int(share < LEAST)


if __name__ == "__main__":
    sys.exit(main())
