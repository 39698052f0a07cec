"""A search with real training, confirmed, evaluated and exported from Python alone."""

import json
import subprocess
import sys
from pathlib import Path

import forked
import pytest
from commandline import Cli

ALL = """\
import json
from pathlib import Path

from hpsearch.home import Home
from hpsearch.services.confirm import confirm
from hpsearch.services.evaluate import evaluate
from hpsearch.services.export import export
from hpsearch.services.jobs import Means
from hpsearch.services.progress import Silent
from hpsearch.services.search import Settings, search
from hpsearch.services.train import train
from hpsearch.services.workspace import Workspace

place, silent = Workspace(home=Home.find(Path("home"))), Silent()
means = Means(workers="1", gpus="none")
settings = Settings(
    overrides=("training.precision=auto",), workers="1", gpus="none", reference=False
)
found = search(Path("small.toml"), settings, place, silent)
confirmed = confirm("small", place, silent, top=1, seeds=2, means=means)
judged = evaluate("small", place, silent)
written = export("small", "best.toml", place, silent, confirmed=True)
model = export("small", "best.keras", place, silent, confirmed=True)
again = train(Path("best.toml"), place.home, silent)
facts = {
    "counted": found.counts.counted,
    "exit_code": found.exit_code,
    "confirmed": confirmed.plain(),
    "judged": judged.plain(),
    "what": written.what,
    "largest": model.model.largest,
    "again": again.outcome.value,
}
Path("facts.json").write_text(json.dumps(facts))
"""


@pytest.mark.timeout(240)
def test_from_search_to_export_without_the_command_line(cli: Cli) -> None:
    cli.study_file(trials=2, epochs=2)
    done = forked.run_code(ALL, folder=cli.folder)
    assert done.returncode == 0, done.stderr
    assert (done.stdout, done.stderr) == ("", "")
    facts = json.loads((cli.folder / "facts.json").read_text())
    assert (facts["counted"], facts["exit_code"]) == (2, 0)
    (candidate,) = facts["confirmed"]["candidates"]
    values = {run["seed"]: run["value"] for run in candidate["values"]}
    assert len(values) == 2
    (judged,) = facts["judged"]["candidates"]
    assert (judged["of"], judged["judged"]) == (candidate["of"], "seed")
    assert {run["seed"]: run["value"] for run in judged["models"]} == values
    assert facts["judged"]["times_opened"] == 1
    assert facts["what"].startswith(f"trial {candidate['of']}, the first by its mean, confirmed")
    assert facts["largest"] <= 1e-5
    assert facts["again"] in values.values()  # the recipe's seed is that of a confirmed run
    precision = cli.json("show", "small")["precision"]
    assert precision in ("float32", "mixed_bfloat16")
    assert f'precision = "{precision}"' in (cli.folder / "best.toml").read_text()
    history = cli.json("show", "small", "--provenance")["commands"]
    assert [one["command"] for one in history] == ["hpsearch from Python"] * 3


def test_no_file_of_a_service_imports_the_terminal() -> None:
    """Libraries import rich for themselves; that hpsearch does not is for import-linter to say."""
    names = sorted(path.stem for path in Path("hpsearch/services").glob("*.py"))
    wanted = [f"hpsearch.services.{name}" for name in names if name not in ("__init__", "ray_plan")]
    code = f"import sys, {', '.join(wanted)}\nsys.exit('typer' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
