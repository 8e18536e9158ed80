"""What a leukaemia network is made of: the choices that decide its structure, and the names that follow from them.

Two networks of one design have the same species, reactions and events in the same order, whatever the numbers, and so share compiled code.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sim.errors import InputError
from sim.models.antigen import ANTIGENS, AntigenClass, AntigenGrid, RecognitionForm

__all__ = ["AT_RELAPSE", "RULES", "Design", "ProductDesign", "total"]

DISH = "dish"
"""The one site without a host."""
AT_RELAPSE = ("relapse", "cd19_negative_relapse")
"""Rules that answer a relapse, whose day is not known beforehand: any, or one that lacks CD19."""
RULES = ("remission", "non_responder", *AT_RELAPSE, "finding")
"""What an infusion may wait for: marrow blasts below a limit on a day, at or above it on a day, or reaching it from a day on, the second kind
of relapse also that a share of the leukaemia lacks CD19 then; or what the assays of a visit find."""


@dataclass(frozen=True)
class ProductDesign:
    """One CAR T-cell product.

    Attributes
    ----------
    name : str
        A Python identifier; it ends the names of the product's species and parameters.
    targets : tuple of str
        One or two of "cd19" and "cd22".
    form : str
        "single" for one target; "additive" (tandem receptor, occupancies add up) or "either" (two receptors on one cell) for two.
    infusions : int
        How many infusion slots the network holds; a slot that a patient does not use has an infinite time.
    rules : tuple of str
        Further infusion slots that depend on the patient: each one of `RULES`.
    construct : str
        What the host's immunity recognises; products of one construct share their anti-CAR lymphocytes. The name by default.
    """

    name: str
    targets: tuple[str, ...]
    form: RecognitionForm = "single"
    infusions: int = 1
    rules: tuple[str, ...] = ()
    construct: str = ""

    def __post_init__(self) -> None:
        """Check names and counts.

        Raises
        ------
        InputError
            When a target is unknown or doubled, or the form does not fit the number of targets.
        """
        object.__setattr__(self, "construct", self.construct or self.name)
        for name in (self.name, self.construct):
            if not name.isidentifier():
                raise InputError(f"products: {name!r}; a name has letters, digits and underscores; rename it")
        if (
            not self.targets
            or len(set(self.targets)) != len(self.targets)
            or not set(self.targets) <= set(ANTIGENS)
        ):
            raise InputError(
                f"products.{self.name}.targets: {list(self.targets)}; one or two of {', '.join(ANTIGENS)}; mend the list"
            )
        if (self.form == "single") != (len(self.targets) == 1):
            raise InputError(
                f"products.{self.name}: form {self.form!r} with {len(self.targets)} targets; one target is 'single', "
                "two are 'additive' or 'either'; change the form"
            )

    @property
    def rule_slots(self) -> tuple[str, ...]:
        """Names of the slots that wait for the patient's state, for example "cd19_relapse_0"."""
        return tuple(f"{self.name}_{rule}_{self.rules[:i].count(rule)}" for i, rule in enumerate(self.rules))


@dataclass(frozen=True)
class Design:
    """Structure of a leukaemia network.

    Attributes
    ----------
    products : tuple of ProductDesign
        The CAR T-cell products; none for an untreated course.
    grid : AntigenGrid
        The leukaemia classes.
    niche : bool
        Whether the marrow has a protected niche, a second instance of the classes.
    extramedullary : tuple of str
        Names of further sites (nodes, a sanctuary), each another instance of the classes with an access factor of its own.
    lymphodepletions, chemotherapies : int
        Numbers of slots for these courses.
    transplant : bool
        Whether a transplant in remission can happen.
    transplant_decision : bool
        Whether it may wait for what the assays of a visit find.
    supportive : bool
        Whether tocilizumab and steroids can be given.
    agents : bool
        Whether the leukaemia cells are agents with densities of their own: the network is then what surrounds them (sim/models/agents.py), with
        their number at each site in place of the classes.
    host : bool
        Whether the cells are in a patient. Otherwise they are in a dish: one site, a medium that does not change, and nothing else
        (sim/models/dish.py).
    car_t_agents : bool
        Whether the CAR T cells are agents too; in a dish, where they are few enough, and beside leukaemia cells that are.
    single_cells : bool
        Whether classes may become single cells and back (sim/models/handover.py): parameters that only those have are declared, and no more.

    Examples
    --------
    >>> design = Design(products=(ProductDesign("cd22", ("cd22",)),))
    >>> len(design.grid.classes), design.sites
    (13, ('marrow', 'niche'))
    """

    products: tuple[ProductDesign, ...] = ()
    grid: AntigenGrid = field(default_factory=AntigenGrid)
    niche: bool = True
    extramedullary: tuple[str, ...] = ()
    lymphodepletions: int = 1
    chemotherapies: int = 0
    transplant: bool = False
    transplant_decision: bool = False
    supportive: bool = True
    agents: bool = False
    single_cells: bool = False
    host: bool = True
    car_t_agents: bool = False

    def __post_init__(self) -> None:
        """Check that no name stands for two things.

        Raises
        ------
        InputError
            When two products or two sites share a name, or two choices exclude each other.
        """
        if not self.host and (self.extramedullary or self.transplant):
            raise InputError(
                "host: False; a dish has no other sites and no transplant; take host=True, or leave them out"
            )
        if self.car_t_agents and (self.host or not self.agents):
            raise InputError(
                "car_t_agents: True; CAR T cells are agents in a dish beside leukaemia cells that are; take host=False, agents=True"
            )
        for place, names in (("products", [p.name for p in self.products]), ("sites", list(self.sites))):
            doubled = sorted({name for name in names if names.count(name) > 1})
            if doubled:
                raise InputError(f"{place}: {doubled[0]!r} twice; names are unique; rename one")

    @property
    def sites(self) -> tuple[str, ...]:
        """Every instance of the leukaemia classes: marrow first, then the niche, then the extramedullary sites; or the dish."""
        if not self.host:
            return (DISH,)
        return ("marrow", *(("niche",) if self.niche else ()), *self.extramedullary)

    @property
    def constructs(self) -> dict[str, tuple[ProductDesign, ...]]:
        """Construct -> its products, in the order of declaration."""
        names = dict.fromkeys(p.construct for p in self.products)
        return {name: tuple(p for p in self.products if p.construct == name) for name in names}

    @property
    def courses(self) -> tuple[str, ...]:
        """Every lymphodepletion slot: numbers for planned courses, names of rule slots for the others."""
        waiting = tuple(slot for product in self.products for slot in product.rule_slots)
        return (*(str(i) for i in range(self.lymphodepletions)), *waiting)

    def cells(self, site: str, antigen_class: AntigenClass) -> str:
        """Name of the species of one class at one site."""
        return f"{site}_{antigen_class.name}"

    def leukaemia(
        self, sites: Iterable[str] | None = None, classes: Iterable[AntigenClass] | None = None
    ) -> tuple[str, ...]:
        """Names of leukaemia species, of all sites and classes unless narrowed; of agents, one a site."""
        if self.agents:
            return tuple(f"{site}_cells" for site in (self.sites if sites is None else sites))
        chosen = tuple(self.grid.classes if classes is None else classes)
        return tuple(self.cells(site, c) for site in (self.sites if sites is None else sites) for c in chosen)

    def access(self, site: str) -> str:
        """Front of a term that is weighted by how well CAR T cells reach a site."""
        return "" if site == self.sites[0] else f"{site}_access*"

    def cut(self, share: str) -> tuple[dict[str, str], dict[str, str]]:
        """Survival, and values to set, of an event that spares a share of the leukaemia cells."""
        if not self.agents:
            return dict.fromkeys(self.leukaemia(), share), {}
        struck = [name for site in self.sites for name in (f"{site}_cells", f"{site}_spared")]
        return {}, {name: f"{name}*({share})" for name in struck}


def total(terms: Iterable[str]) -> str:
    """Join terms into a sum; "0" when there is none.

    Examples
    --------
    >>> total(["a", "b"]), total([])
    ('a + b', '0')
    """
    return " + ".join(terms) or "0"
