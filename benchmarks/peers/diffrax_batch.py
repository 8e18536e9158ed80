"""diffrax: Tsit5 (explicit) or Kvaerno5 (implicit), the whole batch in one compiled `vmap`, double precision."""

from __future__ import annotations

from functools import cache

import diffrax
import jax
import jax.numpy as jnp
from protocol import Problem, Request, Run, make_function, right_hand_side, serve

jax.config.update("jax_enable_x64", True)
SOLVERS = {"Tsit5": diffrax.Tsit5, "Kvaerno5": diffrax.Kvaerno5}


def field(problem: Problem):
    """Return the right-hand side as jax sees it."""
    source = right_hand_side(
        problem, "slopes(t, y, p)", lambda slopes: [f"return stack([{', '.join(slopes)}])"]
    )
    return make_function(
        source, "slopes", {"stack": lambda terms: jnp.stack([jnp.asarray(t) for t in terms])}
    )


def prepare(problem: Problem) -> tuple[Run, dict[str, str]]:
    """Build the batched solution; each solver is compiled at its first run, which the driver does not time."""
    term = diffrax.ODETerm(field(problem))
    k, saves = problem.save_of_addition, jnp.asarray(problem.saves)
    before, after = saves[: k + 1], saves[k:]
    index, amount = problem.species.index(problem.addition.species), problem.addition.amount

    @cache
    def ensemble(name: str):
        def stretch(state, p, times, control):
            return diffrax.diffeqsolve(
                term, SOLVERS[name](), times[0], times[-1], 1e-3, state, args=p,
                saveat=diffrax.SaveAt(ts=times), stepsize_controller=control, max_steps=100_000,
            ).ys  # fmt: skip

        def patient(p, state, rtol, atol):
            control = diffrax.PIDController(rtol=rtol, atol=atol)
            first = stretch(state, p, before, control)
            second = stretch(first[-1].at[index].add(amount), p, after, control)
            return jnp.concatenate([first[:k], second])

        return jax.jit(jax.vmap(patient, in_axes=(0, 0, None, None)))

    def run(request: Request):
        rows = slice(request["rows"])
        solve = ensemble(request.get("solver", "Tsit5"))
        values = solve(
            problem.parameter_values[rows], problem.initial[rows], request["rtol"], request["atol"]
        )
        return jax.block_until_ready(values)

    return run, {"diffrax": diffrax.__version__, "jax": jax.__version__}


if __name__ == "__main__":
    serve(prepare)
