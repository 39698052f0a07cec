"""What commands note of themselves, and what ``show --provenance`` says."""

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hpsearch.cli import worker as module
from hpsearch.cli.provenance import print_provenance
from hpsearch.cli.workspace import workspace
from hpsearch.home import Home
from hpsearch.search.history import history
from hpsearch.search.sampling.seeds import derive_seed
from hpsearch.search.study import OpenStudy
from hpsearch.services.provenance import provenance

Open = Callable[..., OpenStudy]


def test_a_command_is_noted_as_it_was_typed_without_its_password(
    open_study: Open, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:  # fmt: skip
    study = open_study(seed=7, dataset={"source": "digits", "split_seed": 3})
    address = "postgresql://me:secret@box/db?password=secret"
    typed = ["hpsearch", "run", "a.toml", "--storage", address, f"--storage={address}"]
    monkeypatch.setattr(sys, "argv", typed)
    workspace(tmp_path, None).record(study, tmp_path / "a.toml")
    facts = provenance(study)
    (entry,) = facts["commands"]
    assert entry["command"].startswith("hpsearch run a.toml --storage ")
    assert facts["machines"].keys() == {entry["machine"]}
    assert (facts["seeds"]["study"], facts["seeds"]["split"]) == (7, 3)
    for as_json in (True, False):
        print_provenance(facts, as_json=as_json)
        shown = capsys.readouterr().out
        assert "secret" not in shown
        assert "hpsearch run a.toml" in shown
        assert "split_seed = 3" in shown
    assert "secret" not in str(study.optuna.user_attrs)


def test_the_seed_of_a_trial_follows_as_it_is_said() -> None:
    digits = hashlib.sha256(b"7/trial/3").digest()
    assert derive_seed(7, "trial", 3) == int.from_bytes(digits) >> 225  # the first 31 of 256 bits


def test_a_worker_typed_by_hand_is_noted_once(
    open_study: Open, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = open_study()
    monkeypatch.setattr(sys, "argv", ["hpsearch", "worker", "study"])
    for name in ("HPSEARCH_SUPERVISOR", "HPSEARCH_RECORDED"):
        monkeypatch.setenv(name, "1")  # put back at the end, whatever is set meanwhile
        monkeypatch.delenv(name)
    monkeypatch.setenv("HPSEARCH_SUPERVISOR", "1")
    module._record("study", workspace(home.root, None), ())
    assert history(study)["commands"] == []
    monkeypatch.delenv("HPSEARCH_SUPERVISOR")
    for _ in range(2):  # it starts itself anew
        module._record("study", workspace(home.root, None), ())
    assert [one["command"] for one in history(study)["commands"]] == ["hpsearch worker study"]
