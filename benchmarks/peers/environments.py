"""Build the peers' environments, one for each file of requirements; a failure is written down and does not stop the others.

``python -m benchmarks.peers.environments`` builds what is missing or no longer what its file says.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PATIENCE = 1800
"""Seconds that the building of one environment may take."""


def reason(output: str) -> str:
    """Return what an installer said of its failure: its last line about an error, else its last line.

    Examples
    --------
    >>> reason("collecting\\nerror: no compiler\\nhint: none\\n")
    'error: no compiler'
    """
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines or ["no word of why"])[-1]


def build(requirements: Path, folder: Path) -> str | None:
    """Make an environment; return why it could not be made, None when it is there.

    Parameters
    ----------
    requirements : Path
        All packages with their versions; nothing that they do not name is installed.
    folder : Path
        Of all environments.
    """
    place, failed = folder / requirements.stem, folder / f"{requirements.stem}.failed"
    stamp = place / "requirements.sha256"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return None
    failed.unlink(missing_ok=True)
    shutil.rmtree(place, ignore_errors=True)
    install = [
        str(place / "bin" / "python"),
        "-m",
        "pip",
        "install",
        "-q",
        "--disable-pip-version-check",
        "--no-deps",
    ]
    commands = [[sys.executable, "-m", "venv", str(place)], [*install, "-r", str(requirements)]]
    for command in commands:
        try:
            done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            failed.write_text(f"not built within {PATIENCE} s")
            return failed.read_text()
        if done.returncode != 0:
            failed.write_text(reason(done.stderr or done.stdout))
            return failed.read_text()
    stamp.write_text(digest)
    return None


def main() -> None:
    """Build those that are asked for."""
    known = {path.stem: path for path in sorted((HERE / "requirements").glob("*.txt"))}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"default: all of {', '.join(known)}")
    folder = HERE / ".environments"
    folder.mkdir(exist_ok=True)
    for name in parser.parse_args().names or known:
        print(f"{name}: building or up to date", flush=True)
        problem = build(known[name], folder)
        if problem is not None:
            print(f"{name}: not built: {problem}", flush=True)


if __name__ == "__main__":
    main()
