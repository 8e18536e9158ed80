"""From a scenario to a virtual trial: patients, regimen, observation, outcomes and results."""
