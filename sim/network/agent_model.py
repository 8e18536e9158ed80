"""AgentModel: what cells simulated one by one are, for `sim.network.agents.simulate_agents`. Imports no kernel."""

from __future__ import annotations

from dataclasses import dataclass

from sim.network.network import Network

__all__ = ["AgentModel", "Killers", "Species"]


@dataclass(frozen=True)
class Species:
    """How the surroundings see the cells of one site: species of their number and of the share that events spare."""

    cells: str
    spared: str


@dataclass(frozen=True)
class Killers:
    """CAR T cells of one product as agents: how the surroundings see them.

    Attributes
    ----------
    memory, effectors, exhausted, age : str
        Species of their numbers by phenotype, and of the mean division age of the effectors.
    told : tuple of str
        Species, parameters and definitions that they are told, in the order of sim/kernels/t_cells.py.
    """

    memory: str
    effectors: str
    exhausted: str
    age: str
    told: tuple[str, ...]


@dataclass(frozen=True)
class AgentModel:
    """Cells in their surroundings.

    Attributes
    ----------
    surroundings : Network
        With the species of `sites` as concentrations and a parameter for each name of `told`.
    sites : tuple of Species
        The first is the one between which and the others cells move.
    signals : tuple of str
        Species, parameters and definitions that the cells are told, in the order of sim/kernels/agent_layout.py.
    told : tuple of str
        Parameters that the cells tell: for each site the means of lysis and of stimulation by each product, of the lesser stimulation of
        each pair, of the hazard of being killed, and the share of quiescent cells; then composition.
    products : tuple of (active, load, sees_cd19, sees_cd22)
        Names among the signals, and what the product sees.
    pairs : tuple of (int, int)
        Products that compete for the same stimulation.
    lysis, stimulation : tuple of str
        Text of recognition by each product, of ``d19``, ``d22`` and signals.
    site_at : int
        Where the signals of sites begin.
    killers : tuple of Killers
        For each product, where CAR T cells are agents too; else empty.
    """

    surroundings: Network
    sites: tuple[Species, ...]
    signals: tuple[str, ...]
    told: tuple[str, ...]
    products: tuple[tuple[str, str, bool, bool], ...]
    pairs: tuple[tuple[int, int], ...]
    lysis: tuple[str, ...]
    stimulation: tuple[str, ...]
    site_at: int
    killers: tuple[Killers, ...] = ()
