"""Read killing assays: by the name of a shipped one or by path."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from sim.dish.assay import KillingAssay
from sim.trial.scenario_io import read_as

__all__ = ["load_assay"]


def load_assay(
    name_or_path: str | os.PathLike[str], changes: Mapping[str, Any] | None = None
) -> KillingAssay:
    """Read a killing assay.

    Parameters
    ----------
    name_or_path : str or path
        Name of a shipped assay, or path of a YAML file.
    changes : mapping of str to value, optional
        Values to set by dotted path, as in ``KillingAssay.with_``.

    Raises
    ------
    ScenarioError
        When it cannot be found, read or accepted; one line for each problem.

    Examples
    --------
    >>> load_assay("killing-assay", {"dish.wells": 2}).dish.wells
    2
    """
    assay, _ = read_as(name_or_path, KillingAssay, changes, kind="killing assay")
    return assay
