"""Find and read scenario files: by the name of a shipped scenario or by path, with what they extend.

Shipped scenarios lie in ``sim/_scenarios`` of an installed package, and in ``scenarios/`` at the top of a checkout. Every problem is one
line, ``file:line: path: value; rule; fix``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from sim.errors import ScenarioError
from sim.models.catalogue import model_names, variants
from sim.trial.problems import Place, Problem, show, suggest
from sim.trial.yaml_reader import MAX_BYTES, Document, decode, read_text, read_value

if TYPE_CHECKING:
    from sim.trial.document import Document as Kinds
    from sim.trial.scenario import Scenario

    D = TypeVar("D", bound=Kinds)

__all__ = [
    "Listing",
    "ScenarioEntry",
    "find",
    "kind_of",
    "list_scenarios",
    "load",
    "read_as",
    "read_assignments",
    "scenario_names",
    "to_yaml",
]

Kind = Literal["trial", "killing assay"]
_RUN = {"trial": "sim.run(...)", "killing assay": "sim.run_assay(...)"}
_SUFFIXES = (".yaml", ".yml")
_MAX_CHAIN = 8
_MAX_ASSIGNMENTS = 1000
_HEADER = ("schema_version", "name", "title", "question", "answer", "source", "notes", "extends")
_LAW_KEYS = frozenset(
    "value distribution mix strata probability median log_sd mean sd low high a b unit kind source note".split()  # noqa: SIM905
)
_LAW_FORMS = frozenset({"value", "distribution", "mix", "strata"})


@dataclass(frozen=True)
class ScenarioEntry:
    """One shipped scenario: its name, title and question, the file, and whether it is a trial or a killing assay."""

    name: str
    title: str
    question: str
    path: Path
    kind: Kind


class Listing(tuple[ScenarioEntry, ...]):
    """Shipped scenarios; prints as a table, in a notebook too."""

    __slots__ = ()

    def __repr__(self) -> str:
        width = max((len(entry.name) for entry in self), default=0)
        return "\n".join(f"{entry.name:<{width}}  {entry.title}" for entry in self) or "no scenarios"

    def _repr_markdown_(self) -> str:
        rows = [f"| {entry.name} | {entry.title} | {entry.question} |" for entry in self]
        return "\n".join(["| name | title | question |", "|---|---|---|", *rows])


def list_scenarios() -> Listing:
    """Return the shipped scenarios, by name.

    Returns
    -------
    Listing
        A tuple of `ScenarioEntry`.

    Raises
    ------
    ScenarioError
        When a shipped file cannot be read.

    Examples
    --------
    >>> "untreated" in {entry.name for entry in list_scenarios()}
    True
    """
    return Listing(_entry(name, path) for name, path in sorted(_shipped().items()))


def scenario_names(kind: Kind | None = None) -> list[str]:
    """Return the names of the shipped scenarios, sorted; of one kind, where it is given."""
    return [entry.name for entry in list_scenarios() if kind in (None, entry.kind)]


def load(name_or_path: str | os.PathLike[str], changes: Mapping[str, Any] | None = None) -> Scenario:
    """Read a scenario.

    Parameters
    ----------
    name_or_path : str or path
        Name of a shipped scenario, or path of a YAML file.
    changes : mapping of str to value, optional
        Values to set by dotted path, as in ``Scenario.with_``.

    Returns
    -------
    Scenario

    Raises
    ------
    ScenarioError
        When it cannot be found, read or accepted; one line for each problem.

    Examples
    --------
    >>> load("untreated").name
    'untreated'
    """
    from sim.trial.scenario import Scenario

    scenario, source = read_as(name_or_path, Scenario, changes, kind="trial")
    if scenario.parameters:
        from sim.trial.scenario_parameters import parameter_problems

        wrong = parameter_problems(scenario)
        if wrong:
            # A name given by ``--set`` stands in no file.
            places = (source.where(item.place) if item.place[:2] in source.lines else "" for item in wrong)
            raise ScenarioError(*(item.line(place) for item, place in zip(wrong, places, strict=True)))
    return scenario


def read_as(
    name_or_path: str | os.PathLike[str], model: type[D], changes: Mapping[str, Any] | None, *, kind: Kind
) -> tuple[D, Source]:
    """Read a file as one kind of document, with the source that knows its lines.

    Parameters
    ----------
    name_or_path, changes
        As for `load`.
    model : type of Document
    kind : {"trial", "killing assay"}
        What the model describes; a file of the other kind is refused.

    Raises
    ------
    ScenarioError
        As `load`.
    """
    from pydantic import ValidationError

    from sim.trial.scenario_messages import explain

    source = Source.read(find(name_or_path), ())
    if source.kind != kind:
        raise ScenarioError(
            f"{source.name}: a {source.kind}; a {kind} is needed here; run it by `cartsim run`, or in Python by {_RUN[source.kind]}"
        )
    try:
        document = model.model_validate(source.data)
    except ValidationError as error:
        problems = explain(error, model)
        raise ScenarioError(*(problem.line(source.where(problem.place)) for problem in problems)) from None
    return (document.with_(changes) if changes else document), source


def kind_of(name_or_path: str | os.PathLike[str]) -> Kind:
    """Say what a file describes.

    Raises
    ------
    ScenarioError
        When it cannot be found or read.

    Examples
    --------
    >>> kind_of("untreated")
    'trial'
    """
    return Source.read(find(name_or_path), ()).kind


def find(name_or_path: str | os.PathLike[str]) -> Path:
    """Return the file of a scenario, given its name or path.

    Raises
    ------
    ScenarioError
        When there is no such scenario; suggests a shipped one, or the model that was meant.
    """
    text = os.fspath(name_or_path)
    if not text or "\0" in text or len(text) > 4096:
        raise ScenarioError(
            f"scenario: {show(text)}; must be a name or a path; give one of {', '.join(scenario_names())}"
        )
    shipped = _shipped()
    if isinstance(name_or_path, str) and text in shipped:
        return shipped[text]
    path = Path(text)
    looks_like_path = not isinstance(name_or_path, str) or path.name != text or path.suffix in _SUFFIXES
    if looks_like_path or path.exists():
        return path
    models = model_names()
    if text in models:
        raise ScenarioError(
            f"scenario: '{text}'; a model, which has no trial; see it by `cartsim show {text}`, run it by "
            f"sim.simulate(sim.load_model('{text}'), ...)"
        )
    otherwise = f"give a path, or one of {', '.join(sorted(shipped))}, or see `cartsim list --models`"
    fix = variants(text) or suggest(text, [*shipped, *models], otherwise)
    raise ScenarioError(f"scenario: '{text}'; no scenario and no file has this name; {fix}")


def to_yaml(scenario: Kinds) -> str:
    """Return a scenario with every default as the text of a scenario file.

    Examples
    --------
    >>> to_yaml(load("untreated")).splitlines()[1]
    'name: untreated'
    """
    from io import StringIO

    from ruamel.yaml import YAML

    writer = YAML()
    writer.width = 120
    text = StringIO()
    # What it extended is merged already.
    writer.dump({**scenario.resolved(), "extends": None}, text)
    return text.getvalue()


def read_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """Read ``PATH=VALUE`` texts; values are YAML scalars or flow collections.

    Raises
    ------
    ScenarioError
        When one has no path, or its value is not YAML.

    Examples
    --------
    >>> read_assignments(["patients.size=50", "assay.visits=[28, 90]"])
    {'patients.size': 50, 'assay.visits': [28, 90]}
    """
    changes: dict[str, Any] = {}
    texts = list(assignments)
    if len(texts) > _MAX_ASSIGNMENTS:
        raise ScenarioError(
            f"--set: {len(texts)} of them; at most {_MAX_ASSIGNMENTS}; write a scenario that extends another"
        )
    for text in texts:
        path, equals, value = text.partition("=")
        path = path.strip()
        if not equals or not path:
            raise ScenarioError(
                f"--set: {show(text)}; must be PATH=VALUE; write for example patients.size=50"
            )
        if path == "extends":
            raise ScenarioError(
                f"--set extends: {show(value)}; a file says what it extends; give that scenario's name in place of this one"
            )
        if path in changes:
            raise ScenarioError(f"--set {path}: given twice; a path is set once; remove one of them")
        if len(value.encode(errors="replace")) > 1 << 16:
            raise ScenarioError(f"--set {path}: more than 64 KiB; a value is shorter; write it in a file")
        if "\n" in value or "\0" in value:
            raise ScenarioError(
                f"--set {path}: {show(value)}; a value is one line; write it as [..] or {{..}}"
            )
        changes[path] = read_value(value, f"--set {path}")
    return changes


@dataclass
class Source:
    """Merged data of a scenario file and what it extends, with the file and line of every entry."""

    data: dict[str, Any]
    lines: dict[Place, tuple[str, int]]
    name: str

    @classmethod
    def read(cls, path: Path, chain: tuple[Path, ...]) -> Source:
        name = _shown(path)
        document = read_text(decode(_bytes(path, name), name), name)
        if not isinstance(document.data, dict):
            value = "an empty file" if document.data is None else show(document.data)
            raise ScenarioError(
                f"{name}:1: {value}; a scenario maps keys to values; start with schema_version: 1"
            )
        own = cls(document.data, {place: (name, line) for place, line in document.lines.items()}, name)
        base = document.data.get("extends")
        return own if base is None else own._extended(base, path, chain, document)

    @property
    def kind(self) -> Kind:
        """What the file describes; a dish makes it an assay."""
        return "killing assay" if "dish" in self.data else "trial"

    def where(self, place: Sequence[str | int]) -> str:
        """Return ``file:line`` of a place, or of the nearest block around it."""
        here = tuple(place)
        # A number as a key is text among the lines.
        if here and here not in self.lines and (*here[:-1], str(here[-1])) in self.lines:
            here = (*here[:-1], str(here[-1]))
        while here and here not in self.lines:
            here = here[:-1]
        file, line = self.lines.get(here, (self.name, 1))
        return f"{file}:{line}"

    def _extended(self, base: object, path: Path, chain: tuple[Path, ...], document: Document) -> Source:
        refuse = partial(_refuse_extends, f"{self.name}:{document.lines[('extends',)]}", base)
        if not isinstance(base, str):
            raise refuse("must be a name or a path", "write for example extends: fry2018-cd22")
        seen = (*chain, path.resolve())
        found = _shipped().get(base) or (path.parent / base)
        if found.resolve() in seen:
            raise refuse(
                "a scenario does not extend itself, directly or through others", "remove one extends"
            )
        if len(seen) > _MAX_CHAIN:
            raise refuse(f"at most {_MAX_CHAIN} scenarios extend each other", "flatten them")
        if not found.is_file():
            raise refuse(
                "no scenario and no file has this name",
                suggest(base, _shipped(), "give the path relative to this file"),
            )
        below = Source.read(found, seen)
        lines = dict(below.lines)
        data = _merge(below.data, self.data, (), lines)
        lines.update(self.lines)
        return Source(data, lines, self.name)


def _refuse_extends(where: str, base: object, rule: str, fix: str) -> ScenarioError:
    return ScenarioError(Problem(("extends",), show(base), rule, fix).line(where))


def _merge(
    below: dict[str, Any], above: dict[str, Any], place: Place, lines: dict[Place, tuple[str, int]]
) -> dict[str, Any]:
    """Lay one mapping over another: blocks merge, everything else (laws and lists too) is replaced."""
    merged = deepcopy(below)
    for key, value in above.items():
        here = (*place, str(key))
        old = merged.get(key)
        if isinstance(value, dict) and isinstance(old, dict) and not _replaces(value, old):
            merged[key] = _merge(old, value, here, lines)
        else:
            merged[key] = value
            for stale in [known for known in lines if known[: len(here)] == here]:
                del lines[stale]
    return merged


def _replaces(above: dict[str, Any], below: dict[str, Any]) -> bool:
    """Say whether one of two mappings is a law, so that the upper replaces the lower."""
    return "low_burden" in below or (bool(below) and set(below) <= _LAW_KEYS) or bool(_LAW_FORMS & set(above))


def _folders() -> list[Path]:
    package = Path(__file__).resolve().parent.parent
    return [package / "_scenarios", package.parent / "scenarios"]


def _shipped() -> dict[str, Path]:
    """Return name -> file of the shipped scenarios; the first folder that exists has them all."""
    for folder in _folders():
        if folder.is_dir():
            return {path.stem: path for path in folder.glob("*.yaml")}
    return {}


def _entry(name: str, path: Path) -> ScenarioEntry:
    """Read the head of a shipped file; the blocks below it are not parsed."""
    shown = _shown(path)
    head = []
    lines = decode(_bytes(path, shown), shown).splitlines()
    kind: Kind = "killing assay" if any(line.startswith("dish:") for line in lines) else "trial"
    for line in lines:
        key = line.partition(":")[0]
        if line[:1].isalpha() and key not in _HEADER:
            break
        head.append(line)
    data = read_text("\n".join(head), shown).data or {}
    return ScenarioEntry(name, str(data.get("title") or ""), str(data.get("question") or ""), path, kind)


_PIPED: dict[Path, bytes] = {}
"""What came through a pipe: it can be read once, and is asked for its kind before it is read as that."""


def _bytes(path: Path, name: str) -> bytes:
    """Read at most one byte more than a scenario may have."""
    try:
        if path.is_dir():
            files = sorted(item.name for item in path.iterdir() if item.suffix in _SUFFIXES)[:3]
            fix = f"give a file in it, such as {', '.join(files)}" if files else "give a YAML file"
            raise ScenarioError(f"{name}: a folder; a scenario is a file; {fix}")
        if path in _PIPED:
            return _PIPED[path]
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if path.exists() and not path.is_file():
            _PIPED[path] = content
        return content
    except FileNotFoundError:
        fix = suggest(path.stem, _shipped(), "check the path; cartsim list names the shipped ones")
        raise ScenarioError(
            f"{name}: no such file; a scenario is a shipped name or an existing file; {fix}"
        ) from None
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise ScenarioError(
            f"{name}: {reason}; the file must be readable; check the path and its permissions"
        ) from None


def _shown(path: Path) -> str:
    """Return the path as the user would write it: relative where that is shorter."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)
