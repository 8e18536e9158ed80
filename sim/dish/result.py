"""What a killing assay gave: counts by well and hour, lysis against wells without CAR T cells, kills by cell; tables and figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.dish.assay import CONTROL, KillingAssay
from sim.dish.wells import MOST_KILLS, Well
from sim.errors import InputError
from sim.kernels import status as codes
from sim.trial.tables import Columns

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["AssayResult", "kill_columns", "well_columns"]

COUNTED = ("targets", "cd19_density", "cd22_density", "memory", "effectors", "exhausted", "division_age")
WORDS = frozenset({"line", "product"})


def well_columns(assay: KillingAssay, wells: list[Well]) -> dict[str, np.ndarray[Any, Any]]:
    """Return a row for each well and hour: line, product, ratio, well, hour, status, and what was counted."""
    hours = len(assay.dish.sampled)
    out: dict[str, np.ndarray[Any, Any]] = {
        "line": np.repeat([well.condition.line for well in wells], hours),
        "product": np.repeat([well.condition.product for well in wells], hours),
        "ratio": np.repeat([well.condition.ratio for well in wells], hours),
        "well": np.repeat([well.number for well in wells], hours),
        "hour": np.tile(np.array(assay.dish.sampled, dtype=np.float64), len(wells)),
        "status": np.repeat(np.array([well.status for well in wells], dtype=np.int8), hours),
    }
    values = np.concatenate([well.values for well in wells])
    out |= {name: values[:, k] for k, name in enumerate(COUNTED)}
    out["lysis"] = _lysis(out)
    return out


def _lysis(columns: Mapping[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    """Specific lysis: one less the targets over their mean in wells of the line, product and hour without CAR T cells."""
    targets = columns["targets"]
    keys = np.stack(
        [np.unique(columns[name], return_inverse=True)[1] for name in ("line", "product", "hour")]
    )
    place = np.ravel_multi_index(tuple(keys), tuple(int(k.max()) + 1 for k in keys))
    control = (columns["ratio"] == CONTROL) & np.isfinite(targets)
    size = int(place.max()) + 1
    number = np.bincount(place[control], minlength=size)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(place[control], weights=targets[control], minlength=size) / number
        found: np.ndarray[Any, Any] = 1.0 - targets / mean[place]
    return found


def kill_columns(wells: list[Well]) -> dict[str, np.ndarray[Any, Any]]:
    """Return a row for each well and number of kills: line, product, ratio, well, status, kills (the last counts all from there on), cells."""
    treated = [well for well in wells if well.condition.ratio > CONTROL]
    each = MOST_KILLS + 1
    return {
        "line": np.repeat([well.condition.line for well in treated], each),
        "product": np.repeat([well.condition.product for well in treated], each),
        "ratio": np.repeat([well.condition.ratio for well in treated], each),
        "well": np.repeat([well.number for well in treated], each),
        "status": np.repeat(np.array([well.status for well in treated], dtype=np.int8), each),
        "kills": np.tile(np.arange(each), len(treated)),
        "cells": np.concatenate([well.kills for well in treated]),
    }


@dataclass(frozen=True, eq=False)
class AssayResult:
    """A killing assay that was run.

    Attributes
    ----------
    assay : KillingAssay
        What was simulated, with every override in it.
    seed : int
    wells : mapping of str to ndarray
        A row for each well and hour: line, product, ratio (0: without CAR T cells), well, hour, status, targets, cd19_density and
        cd22_density (means over the targets, molecules/cell), memory, effectors, exhausted, division_age (mean e-folds), lysis.
    kills : mapping of str to ndarray
        A row for each well and number of kills: CAR T cells alive at the end that have killed so many targets.
    provenance : mapping
        Versions, platform, seed, hash.
    path : Path or None
        The run directory, when there is one.
    """

    assay: KillingAssay
    seed: int
    wells: Columns
    kills: Columns
    provenance: Mapping[str, Any] = field(default_factory=dict)
    path: Path | None = None

    @property
    def failed(self) -> int:
        """Wells that failed to compute."""
        last = self.wells["hour"] == self.wells["hour"].max()
        return int(np.count_nonzero(self.wells["status"][last] != codes.OK))

    @cached_property
    def labels(self) -> dict[str, str]:
        """What tables and figures call each line and product."""
        lines = {name: line.label or name for name, line in self.assay.lines.items()}
        return lines | {name: product.label or name for name, product in self.assay.products.items()}

    def summary(self) -> pd.DataFrame:
        """Return the end of the assay by condition: columns line, product, ratio, wells, targets, cd22_density, lysis, lysis_sd, car_t, kills_per_cell.

        ``cd22_density`` is the mean over the wells in which targets are left, ``lysis`` that over all, ``lysis_sd`` the standard deviation
        between wells, ``car_t`` all CAR T cells, ``kills_per_cell`` the mean over those alive at the end.
        """
        import pandas as pd

        return pd.DataFrame(self.rows())

    def rows(self) -> list[dict[str, Any]]:
        """Return the lines of `summary`."""
        w, k = self.wells, self.kills
        end = (w["hour"] == w["hour"].max()) & (w["status"] == codes.OK)
        found = []
        for line in self.assay.lines:
            for product in self.assay.products:
                for ratio in (CONTROL, *self.assay.dish.ratios):
                    here = end & (w["line"] == line) & (w["product"] == product) & (w["ratio"] == ratio)
                    by = (
                        (k["status"] == codes.OK)
                        & (k["line"] == line)
                        & (k["product"] == product)
                        & (k["ratio"] == ratio)
                    )
                    found.append(self._row(line, product, float(ratio), here, by))
        return found

    def _row(
        self, line: str, product: str, ratio: float, here: np.ndarray[Any, Any], by: np.ndarray[Any, Any]
    ) -> dict[str, Any]:
        w, k, n = self.wells, self.kills, int(np.count_nonzero(here))
        cells = k["cells"][by].sum()

        def mean(values: np.ndarray[Any, Any], of: np.ndarray[Any, Any] = here) -> float:
            return float(values[of].mean()) if of.any() else float("nan")

        return {
            "line": line,
            "product": product,
            "ratio": ratio,
            "wells": n,
            "targets": mean(w["targets"]),
            # Of no target a density is told as 0, which is none.
            "cd22_density": mean(w["cd22_density"], here & (w["targets"] > 0.0)),
            "lysis": mean(w["lysis"]),
            "lysis_sd": float(w["lysis"][here].std(ddof=1)) if n > 1 else float("nan"),
            "car_t": mean(w["memory"] + w["effectors"] + w["exhausted"]),
            "kills_per_cell": float((k["kills"][by] * k["cells"][by]).sum() / cells)
            if cells
            else float("nan"),
        }

    def killing(self) -> list[Axes]:
        """Draw specific lysis over time, a panel for each line and product, a curve for each ratio; and the kills of single cells below.

        Raises
        ------
        InputError
            Where no well was computed.
        """
        from sim import cell_plots

        if not (self.wells["status"] == codes.OK).any():
            raise InputError(
                f"{self.assay.name}: no well was computed; nothing to draw; look at the status of the wells"
            )
        return cell_plots.killing(self.wells, self.kills, self.labels)

    def __repr__(self) -> str:
        dish = self.assay.dish
        failed = f"; {self.failed} wells failed" if self.failed else ""
        return (
            f"<AssayResult {self.assay.name}: {len(self.assay.lines)} lines, {len(self.assay.products)} products, "
            f"{len(dish.ratios)} ratios, {dish.wells} wells each; seed {self.seed}{failed}>"
        )

    def _repr_html_(self) -> str:
        """Return the summary as a notebook's table."""
        return str(self.summary().to_html(index=False, float_format="{:.3g}".format))
