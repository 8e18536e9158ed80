"""A run's folder: who owns it, when it counts as complete, and what is left after a refusal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sim.errors import BusyError, InputError, StorageError
from sim.trial.run_directory import COMPLETE, LOCK, PROVENANCE, RunDirectory, default_path, read_digest

DIGEST = "0123456789abcdef"


def written(path: Path, digest: str = DIGEST, *, finished: bool = True) -> RunDirectory:
    directory = RunDirectory(path, digest)
    with directory.claim():
        directory.begin({"seed": 1})
        directory.write_text("figures/a.txt", "curve\n")
        if finished:
            directory.finish()
    return directory


def test_default_name_is_scenario_and_eight_digits_of_the_hash():
    assert default_path("fry2018-cd22", DIGEST) == Path("runs/fry2018-cd22-01234567")


def test_state_goes_from_absent_over_incomplete_to_complete(tmp_path):
    directory = RunDirectory(tmp_path / "new", DIGEST)
    assert directory.state() == "absent"
    written(tmp_path / "new", finished=False)
    assert directory.state() == "incomplete"
    written(tmp_path / "new")
    assert directory.state() == "complete"
    assert read_digest(tmp_path / "new") == DIGEST


def test_folder_of_another_run_is_refused_with_both_hashes_named(tmp_path):
    written(tmp_path / "run")
    with pytest.raises(InputError, match="holds run 01234567, this one is fedcba98"):
        RunDirectory(tmp_path / "run", "fedcba9876543210").state()


def test_folder_with_other_files_is_refused_and_untouched(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(InputError, match="holds files but no run"):
        RunDirectory(tmp_path, DIGEST).state()
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.tex"]


def test_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "out").write_text("x")
    with pytest.raises(InputError, match="is a file"):
        RunDirectory(tmp_path / "out", DIGEST).state()


def test_empty_folder_counts_as_absent(tmp_path):
    assert RunDirectory(tmp_path, DIGEST).state() == "absent"


def test_unwritable_place_is_a_storage_error_and_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("x")
    with (
        pytest.raises(StorageError, match="must be writable") as caught,
        RunDirectory(tmp_path / "file" / "a" / "b", DIGEST).claim(),
    ):
        pytest.fail("claimed a folder below a file")
    assert caught.value.exit_code == 4
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_refused_path_that_goes_up_again_leaves_nothing(tmp_path):
    (tmp_path / "dir").mkdir()
    (tmp_path / "f").write_text("x")
    with (
        pytest.raises(StorageError, match="a parent is a file"),
        RunDirectory(tmp_path / "dir" / "a" / ".." / ".." / "f" / "x", DIGEST).claim(),
    ):
        pytest.fail("claimed a folder below a file")
    assert list((tmp_path / "dir").iterdir()) == []


def test_folder_that_is_named_only_to_be_left_is_not_made(tmp_path):
    with RunDirectory(tmp_path / "a" / ".." / "b", DIGEST).claim() as directory:
        directory.begin({"seed": 1})
    assert [entry.name for entry in tmp_path.iterdir()] == ["b"]


def test_folders_made_on_the_way_to_a_refusal_are_removed(tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with (
        pytest.raises(StorageError, match="permission denied"),
        RunDirectory(tmp_path / "a" / "b", DIGEST).claim(),
    ):
        pytest.fail("claimed without a lock")
    assert list(tmp_path.iterdir()) == []


def test_claim_that_writes_nothing_leaves_no_folder(tmp_path):
    with RunDirectory(tmp_path / "a" / "b", DIGEST).claim():
        assert (tmp_path / "a" / "b" / LOCK).read_text() == f"{os.getpid()}\n"
    assert list(tmp_path.iterdir()) == []


def test_second_process_is_told_who_owns_the_folder(tmp_path):
    program = (
        "import sys; from pathlib import Path; from sim.trial.run_directory import RunDirectory\n"
        f"with RunDirectory(Path({str(tmp_path)!r}), {DIGEST!r}).claim():\n"
        "    print('mine', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=-1, stdout=-1, text=True) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == "mine\n"
        directory = RunDirectory(tmp_path, DIGEST)
        with pytest.raises(BusyError, match=f"in use by process {other.pid}") as caught, directory.claim():
            pytest.fail("two owners")
        assert caught.value.exit_code == 5
        # Killed, not ended: the lock file stays, and must not stand in the way.
        other.kill()
        other.wait()
        assert (tmp_path / LOCK).exists()
        with directory.claim():
            assert (tmp_path / LOCK).read_text() == f"{os.getpid()}\n"


def test_file_appears_whole_or_not_at_all(tmp_path):
    directory = written(tmp_path / "run", finished=False)

    def breaks(path: Path) -> None:
        path.write_text("half")
        raise OSError(28, "No space left on device")

    with directory.claim(), pytest.raises(StorageError, match="no space left on device"):
        directory.write("endpoints.parquet", breaks)
    assert sorted(entry.name for entry in directory.path.iterdir()) == ["figures", PROVENANCE]


def test_json_keeps_the_order_of_keys_and_letters_as_they_are(tmp_path):
    directory = written(tmp_path / "run", finished=False)
    path = directory.write_json("a.json", {"second": 1, "first": "ä"})
    assert path.read_text(encoding="utf-8") == '{\n  "second": 1,\n  "first": "ä"\n}\n'


def test_interrupted_run_loses_its_half_files_and_keeps_what_is_not_ours(tmp_path):
    directory = written(tmp_path / "run", finished=False)
    (directory.path / ".endpoints.partial.parquet").write_text("half")
    (directory.path / "notes.txt").write_text("mine")
    written(tmp_path / "run")
    names = {entry.name for entry in directory.path.iterdir()}
    assert names == {COMPLETE, PROVENANCE, "figures", "notes.txt"}
    assert json.loads((directory.path / PROVENANCE).read_text()) == {"hash": DIGEST, "seed": 1}
