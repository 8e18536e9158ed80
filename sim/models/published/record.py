"""What a published model is listed with: its paper, its network, and the paper's figures beside ours.

What the kinds of evidence mean for a parameter of a paper's model; they say what the paper did, not how far to trust the number:

========== ========================================================================================================
`fitted`   the paper, or the authors' program, estimated it from data by this model
`measured` someone measured it, apart from any model, and the source says so
`reported` the source states it, taken from the literature or set by the authors, or without saying where it is from
`assumed`  our choice, because no source that could be read has a value
========== ========================================================================================================

A number that one paper takes from the fit of another is `fitted` too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sim.network.network import Network

__all__ = ["VERDICTS", "Headline", "PublishedModel"]

VERDICTS = ("reproduced", "near", "in kind", "not reproduced", "own")
"""How our figure stands to the published one; `Headline.verdict` says what each asks for."""


@dataclass(frozen=True)
class Headline:
    """A figure that the model is known for.

    Attributes
    ----------
    name : str
        Key, unique within the model; ``headlines()`` of the script in tests/reference has the same.
    what : str
        The quantity in words that say enough alone.
    unit : str
    published : str
        What the paper says, or where the figure comes from when it is no paper's.
    ours : float
        What this network gives, to the digits shown; the tests compute it twice.
    verdict : str
        ``"reproduced"``: within 2 % of a number that the paper gives of its model. ``"near"``: within 20 % of a published number, be it
        of the model or of patients. ``"in kind"``: the paper has words or a range, and ours is what they say. ``"not reproduced"``:
        further than that from a number. ``"own"``: nobody published a figure that could be read; kept to notice a change.
    number : float, optional
        The published number, in the unit, where there is one.
    """

    name: str
    what: str
    unit: str
    published: str
    ours: float
    verdict: str
    number: float | None = None


@dataclass(frozen=True)
class PublishedModel:
    """A model of a paper.

    Attributes
    ----------
    name, title, source : str
        Name in `sim.load_model`, one line on what it describes, citation with DOI.
    terms : str
        The equations in words.
    build : callable
        Returns the network with the paper's parameters and initial state.
    headlines : tuple of Headline
    notes : tuple of str
        Choices between sources, what the network leaves out, and what to know before running it; one sentence or two each.
    """

    name: str
    title: str
    source: str
    terms: str
    build: Callable[[], Network]
    headlines: tuple[Headline, ...]
    notes: tuple[str, ...] = ()
