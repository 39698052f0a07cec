"""``hpsearch fork``, ``reproduce`` and ``show --provenance``, with real training."""

import json
import tomllib
from pathlib import Path

import pytest
from commandline import Cli
from made import make_study

pytestmark = pytest.mark.timeout(240)


def fork_file(cli: Cli, name: str, trials: int, **replaced: str) -> Path:
    """The study file of small with some of its text replaced."""
    text = cli.study_file(trials=trials).read_text().replace('name = "small"', f'name = "{name}"')
    for old, new in replaced.items():
        assert f"{old} = " in text
        lines = [f"{old} = {new}" if line.startswith(old) else line for line in text.splitlines()]
        text = "\n".join(lines)
    path = cli.folder / f"{name}.toml"
    path.write_text(text)
    return path


def test_a_search_is_forked_goes_on_and_is_reproduced(cli: Cli) -> None:
    secret = ("--storage", f"sqlite:///{cli.database}")
    cli("run", cli.study_file(trials=6, epochs=2), "--workers", "1", *secret)
    old = cli.rows()
    file = fork_file(cli, "wide", 9, layers='{ type = "int", low = 2, high = 4 }')
    file.write_text(file.read_text().replace("epochs = 3", "epochs = 2"))
    found = cli.json("fork", "small", file)
    valid = [trial for trial in old if trial["config"]["layers"] == 2]
    assert 0 < len(valid) < 6
    assert found["taken"]["trials"] == len(valid)
    assert found["left"] == {"outside": 6 - len(valid)}
    assert found["outside"] == {"layers": 6 - len(valid)}
    new = cli.rows("wide")
    keys = ("values", "config", "seed", "epochs", "state", "parameters", "seconds", "device")
    assert [[t[key] for key in keys] for t in new] == [[t[key] for key in keys] for t in valid]
    runs = cli.home / "runs"
    for trial, before in zip(new, valid, strict=True):
        copy, source = (
            runs / name / f"trial-{number:05d}" / "curves.csv"
            for name, number in (("wide", trial["number"]), ("small", before["number"]))
        )
        assert copy.read_bytes() == source.read_bytes()

    again = cli("run", file, "--workers", "1")
    assert "Continuing study wide" in again.stderr
    after = cli.rows("wide")
    assert after[: len(new)] == new
    assert len([t for t in after if t["state"] in ("complete", "pruned")]) == 9
    assert all(2 <= trial["config"]["layers"] <= 4 for trial in after)

    shown = cli.json("show", "wide", "--provenance")
    assert [line["command"].split()[1] for line in shown["commands"]] == ["run", "fork", "run"]
    assert shown["commands"][0]["study"] == "small"
    assert {line["machine"] for line in shown["commands"]} == shown["machines"].keys()
    assert shown["forked_from"]["study"] == "small"
    assert len(shown["split_fingerprint"]) == 64
    assert tomllib.loads(shown["study_file"])["name"] == "wide"
    text = cli("show", "wide", "--provenance").stdout
    assert shown["split_fingerprint"] in text
    assert "hpsearch fork small" in text

    best = cli.json("best", "wide")["number"]
    result = cli.json("reproduce", "wide")
    assert result["reproduced"]["trial"] == best
    assert result["reproduced"]["identical"], result
    assert result["reproduced"]["differs"] == []
    taken = cli("reproduce", "wide", "--trial", "0", "-o", cli.folder / "again")
    assert f"All {new[0]['epochs']} epochs are identical" in taken.stdout
    kept = json.loads((cli.folder / "again" / "result.json").read_text())
    assert kept["reproduced"]["compared"] == new[0]["epochs"]
    facts = cli.json("report", "wide")
    assert facts["best"]["again"] == []  # the same seed is no other training
    assert facts["trainings"] == []


def test_what_a_fork_refuses(cli: Cli) -> None:
    file = make_study(cli)
    assert "study small: is there already" in cli("fork", "small", file, code=2).stderr
    assert "not found" in cli("fork", "smal", fork_file(cli, "new", 2), code=2).stderr
    other = cli("fork", "small", cli.folder / "new.toml", "--set", "training.epochs=9", code=2)
    assert "training.epochs: 3 -> 9" in other.stderr
    assert [study["name"] for study in cli.json("ls")] == ["small"]
    full = cli("fork", "small", cli.folder / "new.toml")
    assert "2 trials of small" in full.stdout
    assert "2 trials were taken over, and budget.trials = 2. To raise it: " in full.stderr
    cli("delete", "new", "--yes")
    assert not (cli.home / "runs" / "new").exists()
