"""The models that ship: what each describes and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ModelEntry", "ModelListing", "list_models"]


@dataclass(frozen=True)
class ModelEntry:
    """One model: its name, what it describes, and its origin."""

    name: str
    title: str
    source: str


class ModelListing(tuple[ModelEntry, ...]):
    """Shipped models; prints as a table, in a notebook too."""

    __slots__ = ()

    def __repr__(self) -> str:
        width = max((len(entry.name) for entry in self), default=0)
        return "\n".join(f"{entry.name:<{width}}  {entry.title}" for entry in self)

    def _repr_markdown_(self) -> str:
        rows = [f"| {entry.name} | {entry.title} | {entry.source} |" for entry in self]
        return "\n".join(["| name | title | source |", "|---|---|---|", *rows])


_MODELS = ModelListing(
    (
        ModelEntry(
            "leukaemia",
            "relapsed B-ALL under CAR T cells against CD19, CD22 or both: antigen loss and dimming, a finite programme, "
            "a protected niche, host, toxicity, deaths",
            "this project; parameters hand-set or from the literature, none calibrated",
        ),
    )
)


def list_models() -> ModelListing:
    """Return the models that ship.

    Examples
    --------
    >>> [entry.name for entry in list_models()]
    ['leukaemia']
    """
    return _MODELS
