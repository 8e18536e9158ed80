"""Tests that draw too much for plain Python are left out where the compiler is off (`make coverage`)."""

from __future__ import annotations

import pytest

from sim.kernels._jit import DISABLED


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "many_draws: takes minutes with the compiler off; not run then")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if DISABLED:
        for item in items:
            if item.get_closest_marker("many_draws"):
                item.add_marker(pytest.mark.skip(reason="the compiler is off"))
