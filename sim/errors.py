"""Every way in which cartsim fails on purpose, and the exit code that each ends in.

The library raises these and prints nothing; the command line turns them into lines on stderr and an exit code.
A numerical failure of single rows is no exception: the row carries a status and one `NumericalWarning` is
given for all of them.
"""

from __future__ import annotations

__all__ = [
    "BusyError",
    "CartsimError",
    "InputError",
    "NetworkError",
    "NumericalWarning",
    "ScenarioError",
    "StorageError",
]


class CartsimError(Exception):
    """Base of all errors that cartsim raises on purpose.

    Attributes
    ----------
    exit_code : int
        What the command line returns to the shell when the error reaches it. 70 stands for a fault of
        the program itself, which is what an error without a more precise class is.

    Examples
    --------
    >>> CartsimError("the step table is empty").exit_code
    70
    """

    exit_code: int = 70


class InputError(CartsimError):
    """Something that the user gave is wrong; nothing has been computed or written yet.

    Parameters
    ----------
    *problems : str
        One line for each problem, in the order in which the user should mend them, each of the form
        ``place: value; rule; fix``. Line breaks within a problem become spaces.

    Attributes
    ----------
    problems : list of str
        The lines, never empty.

    Notes
    -----
    ``str(error)`` is the first line alone, so that a log holds one line for one error.

    Examples
    --------
    >>> error = InputError("arms.low.dose: -1; a dose is not negative; give 0 or more", "seed: x; an integer; give 1")
    >>> str(error)
    'arms.low.dose: -1; a dose is not negative; give 0 or more'
    >>> len(error.problems), error.exit_code
    (2, 2)
    """

    exit_code = 2

    def __init__(self, *problems: str) -> None:
        lines = [" ".join(problem.split()) for problem in problems] or ["the input is not valid"]
        super().__init__(*lines)
        self.problems: list[str] = lines

    def __str__(self) -> str:
        """Return the first problem, as one line."""
        return self.problems[0]


class NetworkError(InputError):
    """A reaction network is malformed, or the chosen kernel cannot run it.

    The line names the species, reaction or event at fault and the reason.
    """


class ScenarioError(InputError):
    """A scenario cannot be found, read or accepted."""


class StorageError(CartsimError):
    """A file or folder cannot be read or written."""

    exit_code = 4


class BusyError(CartsimError):
    """Another process is writing to the same run directory."""

    exit_code = 5


class NumericalWarning(UserWarning):
    """Some rows of a simulation failed; their status says why and their values are NaN from then on."""
