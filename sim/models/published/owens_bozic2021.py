"""Owens, Bozic 2021: chemotherapy before the infusion lets CAR T cells win.

    dT/dt = a T (1 - b T) - D_E - D_C - K_T (1 - e^-M) T                        D_X = d_X T X^l/(s T^l + X^l)
    dE/dt = g - m_E E - j_E ln((E + C)/K) D_E^2/(k + D_E^2) E - q_E E T - K_E (1 - e^-M) E
    dC/dt =   - m_C C - j_C ln((E + C)/K) D_C^2/(k + D_C^2) C - q_C C T - K_C (1 - e^-M) C
    dM/dt = -gamma M

T is the tumour, E the patient's own effectors, C CAR T cells, all in cells, and M the chemotherapy. The Gompertz term is division below K
cells and death above, so that no rate is negative. A run begins on the day of the chemotherapy; the infusion is on day 0.

Reference: Owens, Bozic, "Modeling CAR T-cell therapy with patient preconditioning", Bull. Math. Biol. 83 (2021). Read at second hand only, in the transcription of
R. Pandey (github.com/Rohan-Pandey1729/CAR-T-Cell, Monolix/owens_bozic.txt and .ipynb): values of its first patient. It does not say
which dose and which chemotherapy are his: 2.5e8 cells and 6 are among those it lists, and day -4 is our choice.
"""

from __future__ import annotations

from sim.models.published.record import Headline, PublishedModel
from sim.network.network import Network

__all__ = ["MODELS", "build"]

PATIENT = "Owens, Bozic 2021, patient 1, by the transcription of Pandey"
LISTED = "listed in the transcription of Pandey, for no patient in particular"


def build() -> Network:
    """Return the network of the first patient.

    Returns
    -------
    Network
        `T` tumour, `E` own effectors, `C` CAR T cells, in cells, `M` chemotherapy; time in days since infusion.

    Notes
    -----
    The transcription gives two deaths of CAR T cells, 0.0293 and 0.293 per day. The notebook's is taken; the outcome with and without
    chemotherapy is the same with the other at this dose, and not at 1e8 cells.

    References
    ----------
    Owens, Bozic, Bull. Math. Biol. 83 (2021)

    Examples
    --------
    >>> from sim import simulate
    >>> run = simulate(build(), t=[-4, 0, 60], parameters={"chemotherapy": [0, 6]})
    >>> bool(run["T"][0, -1] > 1e12), bool(run["T"][1, -1] < 1)
    (True, True)
    """
    net = Network("owens-bozic2021", time_unit="day")
    net.species("T", 5e9, "count", "cells", "tumour cells")
    net.species("E", 4e5, "count", "cells", "the patient's own effectors")
    net.species("C", 0, "count", "cells", "CAR T cells")
    net.species("M", 0, "concentration", "1", "chemotherapy")
    for name, value, unit, description in (
        ("a", 0.255, "1/day", "growth of the tumour"),
        ("b", 1 / 2e12, "1/cell", "inverse of its capacity"),
        ("d_E", 2.03, "1/day", "killing by many own effectors"),
        ("d_C", 2.25, "1/day", "killing by many CAR T cells"),
        ("s", 0.305, "1", "effectors for a tumour cell at half-maximal killing, to the power l"),
        ("l", 1.395, "1", "steepness of the killing"),
        ("g", 1.4e3, "cells/day", "new effectors"),
        ("j_E", 0.011, "1/day", "stimulation of own effectors"),
        ("j_C", 0.242, "1/day", "stimulation of CAR T cells"),
        ("K", 1.65e9, "cells", "capacity for effectors"),
        ("k", 2.019e5, "cells^2/day^2", "squared killing at half-maximal stimulation"),
        ("m_E", 0.007, "1/day", "death of own effectors"),
        ("q_E", 3.42e-11, "1/(cell day)", "inactivation of own effectors by the tumour"),
        ("q_C", 3.0e-11, "1/(cell day)", "inactivation of CAR T cells by the tumour"),
        ("K_T", 0.7, "1/day", "death of tumour cells by chemotherapy"),
        ("K_E", 0.6, "1/day", "death of own effectors by chemotherapy"),
        ("K_C", 0.6, "1/day", "death of CAR T cells by chemotherapy"),
        ("gamma", 0.9, "1/day", "decay of chemotherapy"),
    ):
        net.parameter(name, value, unit, PATIENT, "reported", description)
    net.parameter("m_C", 0.293, "1/day", f"{PATIENT}; 0.0293 elsewhere in it", "reported", "death of C")
    net.parameter("dose", 2.5e8, "cells", LISTED, "assumed", "CAR T cells on day 0")
    net.parameter("chemotherapy", 6, "1", LISTED, "assumed", "amount of chemotherapy, 0 for none")
    net.parameter(
        "chemotherapy_day", -4, "day", "our choice; -5 to -3 end alike", "assumed", "day of chemotherapy"
    )

    # A tumour without a cell and effectors without one would make 0/0; 1e-30 of a cell makes it 0.
    for x, killing in (("E", "d_E"), ("C", "d_C")):
        net.define(f"killing_{x}", f"{killing}*{x}**l/(s*T**l + {x}**l + 1e-30)", "of one tumour cell")
        net.define(f"D_{x}", f"killing_{x}*T", "tumour cells killed in a day")
        net.define(f"signal_{x}", f"j_{x}*D_{x}**2/(k + D_{x}**2)", "stimulation of one effector")
    net.define("room", "log(K/max(E + C, 1))", "above 0 when there are fewer effectors than K")
    net.define("toxicity", "1 - exp(-M)", "effect of chemotherapy")

    net.reaction("tumour division", "T -> 2 T", "a*T")
    net.reaction("tumour crowding", "T -> 0", "a*b*T*T")
    net.reaction("killing by own effectors", "T -> 0", "killing_E*T")
    net.reaction("killing by CAR T cells", "T -> 0", "killing_C*T")
    net.reaction("tumour chemotherapy", "T -> 0", "K_T*toxicity*T")
    net.reaction("new effectors", "0 -> E", "g")
    for x in ("E", "C"):
        net.reaction(f"division {x}", f"{x} -> 2 {x}", f"signal_{x}*max(room, 0)*{x}")
        net.reaction(f"crowding {x}", f"{x} -> 0", f"signal_{x}*max(-room, 0)*{x}")
        net.reaction(f"death {x}", f"{x} -> 0", f"m_{x}*{x}")
        net.reaction(f"inactivation {x}", f"{x} -> 0", f"q_{x}*T*{x}")
        net.reaction(f"chemotherapy {x}", f"{x} -> 0", f"K_{x}*toxicity*{x}")
    net.reaction("decay of chemotherapy", {"M": -1}, "gamma*M")
    net.event("chemotherapy", at="chemotherapy_day", add={"M": "chemotherapy"})
    net.event("infusion", at=0, add={"C": "dose"})
    net.check()
    return net


TURNS = "lymphodepletion turns the outcome"

MODELS = (
    PublishedModel(
        name="owens-bozic2021",
        title="chemotherapy, own effectors and CAR T cells: lymphodepletion turns the outcome",
        source="Owens, Bozic, Bull. Math. Biol. 83 (2021), by github.com/Rohan-Pandey1729/CAR-T-Cell",
        terms="tumour killed by a ratio of effectors to it, effectors stimulated by what they kill, up to a capacity; chemotherapy kills all",
        build=build,
        headlines=(
            Headline("tumour_with", "tumour on day 60 after chemotherapy", "cells", TURNS, 0.0, "in kind"),
            Headline(
                "tumour_without", "tumour on day 60 without chemotherapy", "cells", TURNS, 2.0e12, "in kind"
            ),
            Headline(
                "tumour_with_other",
                "tumour on day 60 after chemotherapy, m_C = 0.0293",
                "cells",
                TURNS,
                0.0,
                "in kind",
            ),
            Headline(
                "tumour_without_other",
                "tumour on day 60 without chemotherapy, m_C = 0.0293",
                "cells",
                TURNS,
                2.0e12,
                "in kind",
            ),
        ),
        notes=(
            "m_C is 0.293 in one place of the transcription and 0.0293 in another; the former is taken. The outcome is the same with either.",
            "Dose, amount and day of the chemotherapy are no patient's: the transcription does not say whose they are, so only the turn counts.",
            "Chemotherapy and infusion are events of days -4 and 0: a run begins on day -4 or before, or it misses them.",
        ),
    ),
)
