"""Fitting of the model to reported outcomes.

=================  ========================================================================================================================
priors             what is estimated, what was believed before, effects of a trial
population         a point as shifts of the laws between patients; weights of simulated patients
bank               simulated patients, drawn from broad laws once
targets            reported figures, read off weighed patients
likelihoods        formulas
problem            from a point to its log density
emulator           figures learned from the bank, which chains read
sampler            elliptical slices, by ask and tell
diagnostics        convergence of chains, uniform ranks
inference          from the reports to draws, stage by stage
reliability        whether a posterior may be believed
study              the whole, as `cartsim calibrate` does it, and what it falls short of
tables             draws as populations, which scenarios draw from (`sim.trial.populations`)
proof              simulation-based calibration on synthetic trials
rivals             negative controls and structural rivals
ranges             of numbers that are not estimated
factors            numbers of a scenario that are not known, with the law that each has a priori
sensitivity        which of them an outcome depends on: designs and estimators
outcomes           figures that are asked, and their averages
sensitivity_study  all of it on simulated patients
=================  ========================================================================================================================

No posterior ships yet: ``cartsim calibrate`` makes one, from which scenarios can draw (``patients.posterior.folder``).
"""

from __future__ import annotations

__all__: list[str] = []
