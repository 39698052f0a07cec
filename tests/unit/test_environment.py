"""What processes of ours are started with."""

import subprocess
from pathlib import Path

import pytest

from hpsearch.environment import for_child, python


def test_modules_of_the_working_folder_stand_in_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "random.py").write_text("raise SystemExit('the wrong one')")
    done = subprocess.run(
        python("-c", "import random"), cwd=tmp_path, env=for_child(), check=False
    )  # fmt: skip
    assert done.returncode == 0


def test_a_child_has_our_variables_but_those_for_trying_by_hand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("MINE", "PYTHONINSPECT", "PYTHONWARNINGS", "PYTHONIOENCODING"):
        monkeypatch.setenv(name, "theirs")
    found = for_child({"TOLD": "1", "MINE": "ours"})
    assert (found["TOLD"], found["MINE"]) == ("1", "ours")
    assert found["PYTHONIOENCODING"] == "utf-8:backslashreplace"
    assert not {"PYTHONINSPECT", "PYTHONWARNINGS"} & found.keys()
