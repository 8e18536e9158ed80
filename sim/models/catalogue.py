"""The models that ship: what each describes and where it comes from, and its network by name."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from sim.errors import InputError

if TYPE_CHECKING:
    from sim.models.published.record import PublishedModel
    from sim.network.network import Network

__all__ = [
    "ModelEntry",
    "ModelListing",
    "list_models",
    "load_model",
    "model_names",
    "published_model",
    "published_models",
    "variants",
]

_PAPERS = {
    "stein2019": "stein2019",
    "kimmel2021": "kimmel2021",
    "martinez-rubio2025": "martinez_rubio2025",
    "leon-triana2021-leukaemia": "leon_triana2021_leukaemia",
    "leon-triana2021-leukaemia-reduced": "leon_triana2021_leukaemia",
    "leon-triana2021-solid": "leon_triana2021_solid",
    "leon-triana2021-dual-target": "leon_triana2021_solid",
    "barros2021-hdlm2": "barros2021",
    "barros2021-raji": "barros2021",
    "liu2022-remission": "liu2022",
    "liu2022-negative-relapse": "liu2022",
    "owens-bozic2021": "owens_bozic2021",
    "chaudhury2020-lotka-volterra": "chaudhury2020",
    "chaudhury2020-saturating": "chaudhury2020",
    "hanson2016": "hanson2016",
}
"""Name of a paper's model -> module of sim.models.published whose ``MODELS`` has it, so that a name is known without importing any."""


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


_LEUKAEMIA = ModelEntry(
    "leukaemia",
    "relapsed B-ALL under CAR T cells against CD19, CD22 or both, treated or not",
    "this project; parameters hand-set or from the literature, none calibrated",
)


def model_names() -> tuple[str, ...]:
    """Return the names of the models that ship."""
    return (_LEUKAEMIA.name, *_PAPERS)


def variants(name: str) -> str:
    """Return ``did you mean 'x-a' or 'x-b'?`` for a paper's name that several models begin with, or nothing.

    >>> variants("barros2021")
    "did you mean 'barros2021-hdlm2' or 'barros2021-raji'?"
    """
    known = [repr(one) for one in model_names() if name and one.startswith(f"{name}-")]
    return f"did you mean {' or '.join(known)}?" if known else ""


def published_model(name: str) -> PublishedModel | None:
    """Return a paper's model with its figures, or None when no paper's model has this name."""
    if name not in _PAPERS:
        return None
    models: tuple[PublishedModel, ...] = import_module(f"sim.models.published.{_PAPERS[name]}").MODELS
    return next(model for model in models if model.name == name)


def published_models() -> tuple[PublishedModel, ...]:
    """Return the models of papers, with their figures."""
    return tuple(model for name in _PAPERS if (model := published_model(name)) is not None)


def list_models() -> ModelListing:
    """Return the models that ship: this project's, then those of papers.

    Examples
    --------
    >>> [entry.name for entry in list_models()][:3]
    ['leukaemia', 'stein2019', 'kimmel2021']
    """
    others = (ModelEntry(model.name, model.title, model.source) for model in published_models())
    return ModelListing((_LEUKAEMIA, *others))


def load_model(name: str) -> Network:
    """Return the network of a shipped model.

    Parameters
    ----------
    name : str
        A name of `list_models`; ``"leukaemia"`` is its untreated course.

    Returns
    -------
    Network
        A new one at each call, with the parameters and the initial state of the model's paper.

    Raises
    ------
    InputError
        When no model has this name.

    Examples
    --------
    >>> import sim
    >>> net = sim.load_model("kimmel2021")
    >>> run = sim.simulate(net, t=range(0, 401, 40), kernel="hybrid", n=200, seed=1)
    >>> bool(0.5 < (run["B"][:, -1] == 0).mean() < 0.9)
    True
    """
    if name == _LEUKAEMIA.name:
        from sim.models.leukaemia import build

        return build()
    model = published_model(str(name))
    if model is None:
        from sim.network.checks import suggestion

        fix = variants(str(name)) or suggestion(
            str(name), model_names(), f"choose one of {', '.join(model_names())}"
        )
        raise InputError(f"model: {str(name)[:60]!r}; no model of this name ships; {fix}")
    return model.build()
