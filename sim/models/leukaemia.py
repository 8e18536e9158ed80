"""Relapsed B-ALL under CAR T cells: one network from a design.

Leukaemia classes on the antigen grid, in the marrow, its protected niche and other sites; CAR T cells of each product with a finite
programme; B cells, host lymphocytes, IL-7/15, normal marrow; anti-CAR immunity; cytokine release; death by cause; treatment as events.
Time in days, cells as whole-body counts, densities in molecules per cell.

==============  ================================================  ==============================================
symbol          name in the network                               meaning
==============  ================================================  ==============================================
L_j             SITE_CD19_CD22, for example marrow_two_level1     leukaemia cells of a class
M E X Eb        memory_P effectors_P exhausted_P                  CAR T cells of product P
                blood_effectors_P
A_k, A0         division_age_P, programme_P                       mean division age of effectors, its capacity
Z_k, rho        anti_car_CONSTRUCT, rejection_rate                   anti-CAR lymphocytes, rejection by one of them
B N H           b_cells, host_lymphocytes, il7_15                 host
Y I6            myeloid_activation, il6                           cytokine release
c(t)            normal_marrow_fraction                            normal marrow
r_L, d_L        division_hazard, blast_death_rate                 division and death of leukaemia cells
u1, u2          first_hit_rate, second_hit_rate                   CD19 loss per division
K_L             leukaemia_capacity                                scale of crowding
phi_kj, psi_kj  lysis_P_STATE, stimulation_P_STATE                recognition for lysis and for proliferation
K, s, h, eta    threshold_P_ANTIGEN, stimulation_shift_P,         its thresholds, steepness, strength of an arm
                recognition_steepness, strength_P_ANTIGEN
E*_k, R_k, S_k  active_P, recognised_P, stimulation_P             active killers, recognised and stimulating targets
kappa, K_T      killing_rate, killing_saturation                  killing
sig_k, K_S, c   signal_P, signal_saturation, signal_crowding      signal of an effector
g, K_H          il7_15_drive, il7_15_half_drive                   homeostatic drive
r_E, e0, d_E    effector_division_rate_P,                         effectors
                antigen_only_division, effector_death_rate
eta_M, xi       memory_formation_rate, exhaustion_rate            ways out of the effectors
r_M, delta,     memory_division_rate, memory_activation_rate,     memory
d_M             memory_death_rate_P
w_B, w_S        b_cell_killing_weight, b_cell_stimulation_weight  B cells as targets
==============  ================================================  ==============================================

Cell-number constants are given for 70 kg and scale with body weight, so that in cells/kg the mean dynamics do not depend on it.
Trafficking between sites other than the exchange of leukaemia cells is not modelled: CAR T cells of the tissue are one pool, and a
site's access factor stands for how many of them reach it. Bystander killing is not modelled; loss of antigen at
contacts (modulation, trogocytosis) is one of single cells, not of classes.

Numbers without a source are assumed. Those of the rough fit are a start, not a calibration.
"""

from __future__ import annotations

from sim.models.agents import add_agents, declare_agents, declare_single_cells
from sim.models.blasts import add_blasts, add_killing, declare_blasts
from sim.models.design import Design
from sim.models.dish import declare_dish, define_dish_observables, define_dish_sizes
from sim.models.effectors import add_effectors, add_signals, declare_effectors
from sim.models.host import add_host, declare_host, define_sizes
from sim.models.mortality import add_mortality, declare_mortality
from sim.models.observables import add_burden, add_observables
from sim.models.therapy import add_therapy, declare_therapy
from sim.models.toxicity import add_toxicity, declare_toxicity
from sim.network.network import Network

__all__ = ["build"]


def build(design: Design | None = None, name: str = "leukaemia") -> Network:
    """Assemble the network of a design.

    Parameters
    ----------
    design : Design, optional
        Products, grid, sites and slots; an untreated course by default.
    name : str
        Name of the network.

    Returns
    -------
    Network
        Checked; its structure depends on the design alone, never on a number.

    Raises
    ------
    NetworkError
        When names of the design collide with names of the model.

    Examples
    --------
    >>> net = build()
    >>> len([s for s in net.all_species if s.name.startswith("marrow_")])
    13
    """
    design = Design() if design is None else design
    net = Network(name, time_unit="day")
    if design.host:
        declare_host(net)
        define_sizes(net, design)
    else:
        declare_dish(net)
        define_dish_sizes(net, design)
    declare_blasts(net, design)
    if design.agents:
        declare_agents(net, design)
    elif design.single_cells:
        declare_single_cells(net)
    declare_effectors(net, design)
    if design.host:
        declare_toxicity(net, design)
        declare_therapy(net, design)
        declare_mortality(net, design)
    add_burden(net, design)
    if design.agents:
        add_agents(net, design)
    else:
        add_blasts(net, design)
        add_killing(net, design)
    if design.host:
        add_host(net, design)
    add_signals(net, design)
    add_effectors(net, design)
    if design.host:
        add_toxicity(net, design)
    add_observables(net, design)
    if design.host:
        add_therapy(net, design)
        add_mortality(net, design)
    else:
        define_dish_observables(net, design)
    net.check()
    return net
