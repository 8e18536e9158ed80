"""What a published model is listed with: its paper, its network, and the paper's figures beside ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sim.network.network import Network

__all__ = ["Headline", "PublishedModel"]


@dataclass(frozen=True)
class Headline:
    """A figure that the model is known for.

    Attributes
    ----------
    name : str
        Key, unique within the model; ``headlines()`` of the script in tests/reference has the same.
    what : str
        The quantity in words.
    unit : str
    published : str
        What the paper says, or where the figure comes from when it is no paper's.
    ours : float
        What this network gives, to the digits shown; the tests compute it twice.
    verdict : str
        ``"reproduced"``, ``"near"``, ``"not reproduced"``, or ``"own"`` where nobody published a figure to compare.
    """

    name: str
    what: str
    unit: str
    published: str
    ours: float
    verdict: str


@dataclass(frozen=True)
class PublishedModel:
    """A model of a paper.

    Attributes
    ----------
    name, title, source : str
        Name in `sim.load_model`, one line on what it describes, citation with DOI.
    build : callable
        Returns the network with the paper's parameters and initial state.
    headlines : tuple of Headline
    notes : tuple of str
        Choices between sources, and what the network leaves out; one sentence each.
    """

    name: str
    title: str
    source: str
    build: Callable[[], Network]
    headlines: tuple[Headline, ...]
    notes: tuple[str, ...] = ()
