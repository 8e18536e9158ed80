"""The commands that read: list, show and validate; and the table of all commands.

Commands import what they need when they run, so that help and those that only read stay fast. Those of `_ELSEWHERE` live in modules of
their own, each with a function ``command`` and nothing heavy at its top.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sim import __version__
from sim.cli_common import JsonOption, SetOption, read_scenario
from sim.cli_model import show_model
from sim.cli_output import print_json, print_problems, print_table
from sim.errors import InputError

if TYPE_CHECKING:
    from sim.trial.document import Document

__all__ = ["app", "invoke"]

_ELSEWHERE = (
    *("run", "check", "compare", "calibrate", "sensitivity", "trial", "dose-finding"),
    *("bench", "doctor"),
)

app = typer.Typer(
    name="cartsim",
    epilog="For exploring mechanisms and hypotheses; not for individual patients, doses or regulatory evidence.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _version(asked: bool) -> None:
    if asked:
        print(f"cartsim {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def top(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an internal error.")] = False,
) -> None:
    """Simulate trials of CAR T-cell therapy in B-cell leukaemia.

    \b
    Examples:
      cartsim list
      cartsim show fry2018-cd22
      cartsim run fry2018-cd22
    """  # noqa: D301 - click ends a paragraph of its own lines with \b
    del version, debug
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command(name="list")
def list_command(
    models: Annotated[
        bool, typer.Option("--models", help="List the models instead of the scenarios.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List the shipped scenarios, or the models.

    \b
    Examples:
      cartsim list
      cartsim list --models --json
    """  # noqa: D301
    if models:
        from sim.models import list_models

        entries: list[Any] = list(list_models())
        columns = ("name", "title", "source")
    else:
        from sim.trial.scenario_io import list_scenarios

        entries = list(list_scenarios())
        columns = ("name", "title", "question")
    if as_json:
        print_json([{key: getattr(entry, key) for key in columns} for entry in entries])
    else:
        # A citation is longer than a line; `cartsim show` and JSON have it.
        shown = columns[:2] if models else columns
        print_table("", shown, [[str(getattr(entry, key)) for key in shown] for entry in entries])


@app.command()
def show(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME|FILE",
            help="A shipped scenario's or model's name, or a scenario file.",
            show_default=False,
        ),
    ],
    equations: Annotated[bool, typer.Option("--equations", help="Show the model's equations.")] = False,
    parameters: Annotated[bool, typer.Option("--parameters", help="Show the model's parameters.")] = False,
    resolved: Annotated[
        bool, typer.Option("--resolved", help="Write the scenario with every default, as YAML.")
    ] = False,
    assignments: SetOption = [],  # noqa: B006 - typer copies it
    as_json: JsonOption = False,
) -> None:
    """Show a scenario, the model behind it, or a model of `cartsim list --models`.

    \b
    Examples:
      cartsim show fry2018-cd22
      cartsim show kimmel2021
      cartsim show dual-upfront --equations
      cartsim show untreated --set patients.size=50 --resolved
    """  # noqa: D301
    chosen = [
        f"--{key}"
        for key, on in (("equations", equations), ("parameters", parameters), ("resolved", resolved))
        if on
    ]
    if len(chosen) > 1:
        raise InputError(f"{chosen[1]}: given with {chosen[0]}; one view at a time; remove one of them")
    from sim.models.catalogue import model_names

    if name in model_names():
        _show_model(name, equations, parameters, resolved, assignments, as_json)
        return
    from sim.cli_show import show_document, views_of_trial
    from sim.trial.scenario_io import kind_of

    if kind_of(name) == "killing assay":
        from sim.cli_assay import read_assay, views_of_assay

        views = views_of_assay(read_assay(name, assignments))
    else:
        views = views_of_trial(read_scenario(name, assignments))
    show_document(views, equations=equations, parameters=parameters, resolved=resolved, as_json=as_json)


@app.command()
def validate(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME|FILE...", help="Scenarios or files.", show_default=False)
    ],
    assignments: SetOption = [],  # noqa: B006
    as_json: JsonOption = False,
) -> None:
    """Check scenarios and say what is wrong where.

    \b
    Examples:
      cartsim validate fry2018-cd22
      cartsim validate my-trial.yaml another.yaml --json
    """  # noqa: D301
    results: list[dict[str, Any]] = []
    for name in names:
        try:
            scenario = _read(name, assignments)
        except InputError as error:
            results.append({"scenario": name, "valid": False, "problems": error.problems})
            print_problems(error)
        else:
            results.append({"scenario": name, "valid": True, "hash": scenario.content_hash(), "problems": []})
            if not as_json:
                print(f"{name}: valid ({scenario.content_hash()[:8]})")
    if as_json:
        print_json(results)
    if not all(result["valid"] for result in results):
        raise typer.Exit(InputError.exit_code)


def _read(name: str, assignments: list[str]) -> Document:
    """Return what a file describes, of either kind."""
    from sim.trial.scenario_io import kind_of

    if kind_of(name) == "trial":
        return read_scenario(name, assignments)
    from sim.cli_assay import read_assay

    return read_assay(name, assignments)


def _show_model(
    name: str, equations: bool, parameters: bool, resolved: bool, assignments: list[str], as_json: bool
) -> None:
    """Show a model, which has none of a scenario's fields."""
    for option, given in (("--resolved", resolved), ("--set", bool(assignments))):
        if given:
            raise InputError(
                f"{option}: given with the model {name!r}; it is for scenarios; leave it out, or name a scenario"
            )
    show_model(name, equations=equations, parameters=parameters, as_json=as_json)


def _register() -> None:
    """Add the commands that live in modules of their own."""
    for name in _ELSEWHERE:
        module = f"sim.cli_{name.replace('-', '_')}"
        if find_spec(module) is not None:
            app.command(name=name)(import_module(module).command)


_register()


def invoke(arguments: list[str]) -> int:
    """Parse and call, and return the command's own exit code.

    Not through the framework's ``main``, which would print, choose exit codes and end the process itself.
    """
    command = typer.main.get_command(app)
    try:
        with command.make_context("cartsim", arguments) as context:
            command.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    return 0
