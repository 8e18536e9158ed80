"""Settings of the whole suite."""

from __future__ import annotations

import os

from hypothesis import settings

# No window is opened, whatever the machine; set before any test imports matplotlib.
os.environ.setdefault("MPLBACKEND", "Agg")

# The same examples every time: a failure is met by whoever caused it. Compilation makes single examples slow.
settings.register_profile("suite", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("suite")
