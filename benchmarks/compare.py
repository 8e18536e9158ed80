"""How fast are other programs and ours at the same work, and how wrong? `make bench-peers` prints the table; units: trajectories/s, events/s, cells
times steps/s.

Each program runs in a process and an environment of its own, on one core unless said, in turn with ours; a ratio is the median over repeats.
Errors come from the same run: of differential equations against SciPy's DOP853 at a relative tolerance of 1e-13, whose own error is taken from
LSODA at the same tolerance; of exact events as the deviation of final means in standard errors; of leaps as the error of means against exact events.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import event_networks, twelve_states
from benchmarks.compare_cells import (
    CELL_PEERS,
    SHORTER,
    compare_cell_memory,
    compare_cell_peer,
    compare_cell_threads,
)
from benchmarks.compare_report import print_table, write_figure, write_markdown, write_summary
from benchmarks.problems import mean_error, problem_of, trajectory_errors, worst_deviation
from benchmarks.workers import PeerError, Timings, Worker, interleave

Floats = npt.NDArray[np.float64]

RESULTS = Path(__file__).parent / "results"
RTOL, ATOL = 1e-6, 1e-3
TIGHT = {"rtol": 1e-13, "atol": 1e-12}
PATIENTS = 384
"""Ours and the fastest peer's; few enough that the memory of results is used again instead of asked for anew."""
JUDGED = 48
"""Patients whose error is looked at."""
LADDER = [10.0 ** (-k / 8) for k in range(16, 65)]
"""Our tolerances, loose to tight, among which the one with a peer's error is looked for."""
CURVE = (1e-4, 1e-5, 1e-6, 1e-7, 1e-8)
"""Tolerances of a peer's curve of work and precision."""
OURS = "cartsim_itself"
PARTS = ("ode", "events", "leap", "cells")
"""Each the first word of the work that its lines name."""


@dataclass(frozen=True)
class ODEPeer:
    """A solver of differential equations: script, environment, patients a run, what its requests add, least ratio."""

    name: str
    script: str
    environment: str
    rows: int
    request: dict[str, Any]
    least: float | None
    least_at_equal_error: float | None = None


ODE_PEERS = (
    ODEPeer("numbalsoda LSODA", "numbalsoda_lsoda", "numbalsoda", PATIENTS, {}, 3.0, 4.5),
    ODEPeer("libroadrunner CVODE", "roadrunner_cvode", "roadrunner", 96, {"atol": 1e-12}, 20.0),
    ODEPeer("SciPy LSODA, compiled", "scipy_lsoda", "numbalsoda", 48, {}, 90.0),
    ODEPeer("diffrax Tsit5, batched", "diffrax_batch", "diffrax", 48, {"solver": "Tsit5"}, 55.0),
    ODEPeer("diffrax Kvaerno5, batched", "diffrax_batch", "diffrax", 16, {"solver": "Kvaerno5"}, None),
    ODEPeer("AMICI CVODES", "amici_cvodes", "amici", 24, {}, 150.0),
)
CURVED = ("numbalsoda_lsoda", "roadrunner_cvode", "scipy_lsoda", "amici_cvodes")


@dataclass(frozen=True)
class EventPeer:
    """A simulator of exact events: script, environment, what its requests add, events a run, least ratios."""

    name: str
    script: str
    environment: str
    request: dict[str, Any]
    events: float
    least: float | None = None
    least_tables: float | None = None


EVENT_PEERS = (
    EventPeer("rebop", "rebop_direct", "rebop", {}, 5e6, 3.0, 2.0),
    EventPeer("GillesPy2 SSACSolver", "gillespy2_solvers", "gillespy2", {"solver": "ssa"}, 3e6),
    EventPeer("BioNetGen run_network", "bionetgen_ssa", "bionetgen", {}, 3e6),
)
OUR_EVENTS = 1e7
LEAPS = (0.01, 0.02, 0.03, 0.1, 0.2, 0.3)
"""Both programs' bounds on the change in a leap, tight to loose."""
LEAP_ROWS = 200
LEAP_ERROR = 0.02


@dataclass(frozen=True)
class Line:
    """A line of the table; rates a second, None where nothing was measured, with the reason in `note`."""

    work: str
    peer: str
    theirs: float | None = None
    ours: float | None = None
    ratio: float | None = None
    least: float | None = None
    their_error: float | None = None
    our_error: float | None = None
    note: str = ""


@dataclass
class Report:
    """All that was measured."""

    repeats: int
    clock: str
    core: int = 0
    lines: list[Line] = field(default_factory=list)
    curves: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    reference_error: float | None = None

    def add(self, line: Line) -> None:
        """Keep a line and print it: a run takes minutes."""
        self.lines.append(line)
        print_table([line], header=len(self.lines) == 1)


@dataclass(frozen=True)
class ODEBench:
    """The ensemble, our worker, the truth, and our errors at each tolerance."""

    report: Report
    folder: Path
    ours: Worker
    reference: Floats
    our_errors: dict[float, float]

    def our_run(self, rtol: float, rows: int = PATIENTS, threads: int = 1) -> dict[str, Any]:
        """Return our request."""
        return {"kernel": "ode", "rtol": rtol, "atol": ATOL, "rows": rows, "threads": threads}

    def error(self, values: Floats) -> float:
        """Return the median over patients of the largest relative error over saves and states."""
        judged = self.reference[: len(values)]
        return float(np.median(trajectory_errors(values[: len(judged)], judged, twelve_states.ERROR_FLOOR)))

    def tolerance_of(self, error: float) -> float:
        """Return our loosest tolerance whose error is no larger."""
        good = [rtol for rtol, ours in self.our_errors.items() if ours <= error]
        return max(good, default=min(self.our_errors))


def open_ode(report: Report, folder: Path, ours: Worker) -> ODEBench:
    """Compute the truth and our errors."""
    with Worker("scipy_lsoda", None, folder, [report.core]) as scipy:
        reference = scipy.values({"rows": JUDGED, "method": "DOP853", **TIGHT})
        other = scipy.values({"rows": JUDGED, "method": "LSODA", **TIGHT})
    bench = ODEBench(report, folder, ours, reference, {})
    report.reference_error = bench.error(other)
    for rtol in LADDER:
        bench.our_errors[rtol] = bench.error(ours.values(bench.our_run(rtol, JUDGED)))
    for rtol in LADDER[::4]:
        timings = interleave([lambda r=rtol: ours.ask(bench.our_run(r))], 3, report.clock)
        report.curves.setdefault("cartsim", []).append((timings.rate(0, PATIENTS), bench.our_errors[rtol]))
    return bench


def compare_ode(bench: ODEBench, peer: ODEPeer) -> None:
    """Measure one peer at the same tolerance and at its own error."""
    report = bench.report
    request = {"rows": peer.rows, "rtol": RTOL, "atol": ATOL, **peer.request}
    with Worker(peer.script, peer.environment, bench.folder, [report.core]) as worker:
        report.versions.update(worker.versions)
        error = bench.error(worker.values(request))
        equal = bench.tolerance_of(error)
        runs: list[Callable[[], dict[str, Any]]] = [
            lambda: bench.ours.ask(bench.our_run(RTOL)),
            lambda: worker.ask(request),
            lambda: bench.ours.ask(bench.our_run(equal)),
        ]
        timings = interleave(runs, report.repeats, report.clock)
        for program, rtol, least, work in (
            (0, RTOL, peer.least, f"ODE, rtol {RTOL:.0e}"),
            (2, equal, peer.least_at_equal_error, "ODE, at the peer's error"),
        ):
            ours_at = bench.our_errors[min(bench.our_errors, key=lambda known: abs(np.log(known / rtol)))]
            note = "" if program == 0 else f"our rtol {rtol:.1e}"
            rates = timings.rate(1, peer.rows), timings.rate(program, PATIENTS)
            ratio = timings.ratio(program, PATIENTS, 1, peer.rows)
            report.add(Line(work, peer.name, *rates, ratio, least, error, ours_at, note))
        if peer.script in CURVED:
            report.curves[peer.name] = list(curve(bench, worker, peer, request))


def curve(
    bench: ODEBench, worker: Worker, peer: ODEPeer, request: dict[str, Any]
) -> Iterator[tuple[float, float]]:
    """Yield a peer's rate and error at each tolerance."""
    for rtol in CURVE:
        at = {**request, "rtol": rtol}
        error = bench.error(worker.values(at))
        yield interleave([lambda at=at: worker.ask(at)], 3, bench.report.clock).rate(0, peer.rows), error


def compare_two_cores(bench: ODEBench) -> None:
    """Measure two threads of ours against numbalsoda on one core and in its own parallel loop; by the wall's clock."""
    peer, cores = ODE_PEERS[0], [0, 1]
    request = {"rows": peer.rows, "rtol": RTOL, "atol": ATOL}
    with (
        Worker(OURS, None, bench.folder, cores) as ours,
        Worker(peer.script, peer.environment, bench.folder, cores) as worker,
    ):
        runs: list[Callable[[], dict[str, Any]]] = [
            lambda: ours.ask(bench.our_run(RTOL, threads=2)),
            lambda: worker.ask(request),
            lambda: worker.ask({**request, "parallel": True}),
        ]
        timings = interleave(runs, bench.report.repeats)
    for program, least, name in ((1, 5.0, "on one core"), (2, None, "prange on two")):
        rates = timings.rate(program, peer.rows), timings.rate(0, PATIENTS)
        ratio = timings.ratio(0, PATIENTS, program, peer.rows)
        bench.report.add(Line("ODE, ours on 2 cores", f"{peer.name}, {name}", *rates, ratio, least))


def compare_events(report: Report, folder: Path, name: str) -> None:
    """Measure exact events of one network: our own loop and our tables against each peer."""
    with Worker(OURS, None, folder, [report.core]) as ours:
        base = {"kernel": "ssa", "seed": 1}
        sample = ours.values({**base, "rows": 40})
        each = ours.ask({**base, "rows": 16})["events"] / 16
        rows = max(4, round(OUR_EVENTS / each))
        for peer in EVENT_PEERS:
            with said(report, f"events, {name}", peer.name):
                compare_event_peer(report, folder, name, peer, ours, sample, each, {**base, "rows": rows})


def compare_event_peer(
    report: Report, folder: Path, name: str, peer: EventPeer, ours: Worker, sample: Floats, each: float, own: dict[str, Any]
) -> None:  # fmt: skip
    """Measure exact events of one network by one peer; its trajectories have as many events as ours, in the mean."""
    rows = max(3, round(peer.events / each))
    with Worker(peer.script, peer.environment, folder, [report.core]) as worker:
        report.versions.update(worker.versions)
        deviation = worst_deviation(
            worker.values({**peer.request, "rows": max(rows, 12), "seed": 101}), sample
        )
        runs: list[Callable[[], dict[str, Any]]] = [
            lambda: ours.ask(own),
            lambda: worker.ask({**peer.request, "rows": rows, "seed": 1}),
            lambda: ours.ask({**own, "tables": True}),
        ]
        timings = interleave(runs, report.repeats, report.clock)
    note = f"means differ by {deviation:.1f} s.e."
    work = own["rows"] * each
    for program, least, kind in ((0, peer.least, "own loop"), (2, peer.least_tables, "tables")):
        rates = timings.rate(1, rows * each), timings.rate(program, work)
        ratio = timings.ratio(program, work, 1, rows * each)
        report.add(Line(f"events, {name}, {kind}", peer.name, *rates, ratio, least, note=note))


def compare_leaps(report: Report, folder: Path) -> None:
    """Measure tau-leaping at a mean error of at most 2 %, each program at the loosest bound that keeps it."""
    with (
        Worker(OURS, None, folder, [report.core]) as ours,
        Worker("gillespy2_solvers", "gillespy2", folder, [report.core], patience=900) as worker,
    ):
        report.versions.update(worker.versions)
        exact = ours.values({"kernel": "ssa", "seed": 7, "rows": LEAP_ROWS})

        def best(ask: Callable[[float], tuple[Floats, float]]) -> tuple[float, float]:
            """Return bound and error of the fastest run that is accurate enough; of the most accurate where none is."""
            found = []
            for bound in LEAPS:
                values, seconds = ask(bound)
                error = mean_error(values, exact)
                found.append((error > LEAP_ERROR, seconds if error <= LEAP_ERROR else error, bound, error))
            return min(found)[2:]

        def our_request(bound: float) -> dict[str, Any]:
            return {"kernel": "tau_leap", "epsilon": bound, "rows": LEAP_ROWS, "seed": 11}

        def their_request(bound: float, rows: int) -> dict[str, Any]:
            return {"solver": "tau_leap", "tau_tol": bound, "rows": rows, "seed": 11}

        def ask_ours(bound: float) -> tuple[Floats, float]:
            return ours.values(our_request(bound)), ours.ask(our_request(bound))[report.clock]

        begin = worker.ask(their_request(LEAPS[0], 1))["seconds"]
        rows = int(min(max(15.0 / begin, 10), LEAP_ROWS))

        def ask_theirs(bound: float) -> tuple[Floats, float]:
            return worker.values(their_request(bound, rows)), worker.ask(their_request(bound, 2))[
                report.clock
            ]

        our_bound, our_error = best(ask_ours)
        their_bound, their_error = best(ask_theirs)
        few = max(1, rows // 8)
        runs: list[Callable[[], dict[str, Any]]] = [
            lambda: ours.ask(our_request(our_bound)),
            lambda: worker.ask(their_request(their_bound, few)),
        ]
        timings: Timings = interleave(runs, report.repeats, report.clock)
    report.add(
        Line(
            "leap, mean error <= 2 %", "GillesPy2 TauLeapingCSolver",
            timings.rate(1, few), timings.rate(0, LEAP_ROWS), timings.ratio(0, LEAP_ROWS, 1, few), 500.0,
            their_error, our_error, f"epsilon {our_bound:g}, tau_tol {their_bound:g}, {rows} of theirs judged",
        )
    )  # fmt: skip


def compare_cells(report: Report, folder: Path) -> None:
    """Measure single cells in held surroundings."""
    for peer in CELL_PEERS:
        for shorter in (1, SHORTER):
            with said(report, "cells", peer.name):
                fields, versions = compare_cell_peer(
                    peer, folder, shorter, report.repeats, report.clock, report.core
                )
                report.versions.update(versions)
                report.add(Line(**fields))
    report.add(Line(**compare_cell_threads(folder, report.repeats)))
    report.add(Line(**compare_cell_memory(folder, report.core)))


class said:  # noqa: N801 - read as a word of the sentence
    """Turn a peer that cannot be measured into a line with its reason."""

    def __init__(self, report: Report, work: str, peer: str) -> None:
        self.report, self.work, self.peer = report, work, peer

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        """Write the reason down, if the peer gave one."""
        if not isinstance(error, PeerError):
            return False
        self.report.add(Line(self.work, self.peer, note=str(error)))
        return True


def measure(report: Report, parts: set[str]) -> None:
    """Measure what is asked for."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        if "ode" in parts:
            folder = root / "twelve_states"
            problem_of(twelve_states.build, twelve_states.SAVES, *twelve_states.patients(PATIENTS)).write(
                folder
            )
            with Worker(OURS, None, folder, [report.core]) as ours:
                report.versions.update(ours.versions)
                bench = open_ode(report, folder, ours)
                for peer in ODE_PEERS:
                    with said(report, "ODE", peer.name):
                        compare_ode(bench, peer)
                with said(report, "ODE, 2 cores", ODE_PEERS[0].name):
                    compare_two_cores(bench)
        for build, saves in event_networks.SAVES.items():
            if parts & {"events", "leap"}:
                problem_of(build, saves).write(root / build.__name__)
            if "events" in parts:
                compare_events(report, root / build.__name__, build.__name__)
        if "leap" in parts:
            with said(report, "leap", "GillesPy2 TauLeapingCSolver"):
                compare_leaps(report, root / event_networks.car_t.__name__)
        if "cells" in parts:
            compare_cells(report, root / "cells")


def keep_others(report: Report, file: Path, parts: set[str]) -> None:
    """Add what an earlier run has measured of other parts.

    Parameters
    ----------
    report : Report
    file : Path
        ``peers.json`` of that run, if there was one.
    parts : set of str
        What was measured now.
    """
    if not file.exists():
        return
    known = json.loads(file.read_text())
    lines = [
        Line(**line) for line in known["lines"] if line["work"].split()[0].strip(",").lower() not in parts
    ]
    report.lines[:] = sorted(
        [*report.lines, *lines], key=lambda line: PARTS.index(line.work.split()[0].strip(",").lower())
    )
    report.versions = {**known["versions"], **report.versions}
    if "ode" not in parts:
        report.curves, report.reference_error = known["curves"], known["reference_error"]


def processor() -> str:
    """Return the name of the processor and the number of cores."""
    name = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        found = [line for line in information.read_text().splitlines() if line.startswith("model name")]
        name = found[0].split(":")[1].strip() if found else name
    return f"{name}, {os.cpu_count()} cores, Python {platform.python_version()}"


def main() -> None:
    """Measure, print, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--clock", default="seconds", choices=["seconds", "processor_seconds"],
        help="time on the wall, or of the processor where other jobs run beside; lines of two cores take the wall's",
    )  # fmt: skip
    parser.add_argument("--core", type=int, default=0, help="the one that all but lines of two cores run on")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of peers.json and peers.png")
    parser.add_argument("--document", type=Path, help="Markdown file whose table between markers is replaced")
    parser.add_argument("--summary", type=Path, help="Markdown file whose short table is replaced likewise")
    given = parser.parse_args()
    report = Report(given.repeats, given.clock, given.core)
    measure(report, set(given.parts))
    given.results.mkdir(parents=True, exist_ok=True)
    keep_others(report, given.results / "peers.json", set(given.parts))
    content = {"processor": processor(), **asdict(report)}
    (given.results / "peers.json").write_text(json.dumps(content, indent=1) + "\n")
    if report.curves:
        write_figure(report.curves, given.results / "peers.png")
    print(f"\n{processor()}\n" + ", ".join(f"{name} {one}" for name, one in report.versions.items()))
    if report.reference_error is not None:
        print(f"error of the reference itself: {report.reference_error:.1e}")
    if given.document:
        write_markdown(content, given.document)
    if given.summary:
        write_summary(content, given.summary)


if __name__ == "__main__":
    main()
