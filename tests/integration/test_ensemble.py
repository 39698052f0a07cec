"""An ensemble of networks that were really trained: chosen, tested, asked and exported."""

import json
import re
from pathlib import Path
from typing import Any

import forked
import numpy as np
import polars as pl
import pytest
from alone import run_alone
from commandline import Cli

ALL = """\
import json
import sys
from pathlib import Path

import numpy as np

from hpsearch.data.cache import open_dataset
from hpsearch.home import Home
from hpsearch.services import comparison
from hpsearch.services.confirm import confirm
from hpsearch.services.ensemble import ensemble
from hpsearch.services.evaluate import evaluate
from hpsearch.services.export import export
from hpsearch.services.jobs import Means
from hpsearch.services.predict import predict
from hpsearch.services.progress import Silent
from hpsearch.services.refit import refit
from hpsearch.services.report import report
from hpsearch.services.search import Settings, search
from hpsearch.services.workspace import Workspace
from hpsearch.study_file import load

comparison.Comparison._measured = lambda *_: ()  # of no use here, and takes longest
place, silent = Workspace(home=Home.find(Path("home"))), Silent()
means = Means(workers="1", gpus="none")
search(Path("small.toml"), Settings(workers="1", gpus="none", reference=False), place, silent)
confirm("small", place, silent, top=1, seeds=2, means=means)
chosen = ensemble("small", place, silent)
again = ensemble("small", place, silent)
judged = evaluate("small", place, silent, ensemble=True)
dataset = open_dataset(load(Path("small.toml")).dataset, place.home)
np.save("new.npy", dataset.train()[0][:40])
predict("small", Path("new.npy"), place, silent, output=Path("own.csv"), ensemble=True)
for number, member in enumerate(chosen.ensemble.members):
    study = "small.confirm" if member.is_run else "small"
    name = Path(f"member-{number}.csv")
    predict(study, Path("new.npy"), place, silent, output=name, trial=member.trial)
largest = {}
for name in ("together.keras", "together"):
    largest[name] = export("small", name, place, silent, ensemble=True).model.largest
    predict(name, Path("new.npy"), place, silent, output=Path(f"{name}.csv"))
retrained = evaluate("small", place, silent, refit=True, ensemble=True, means=means)
options = {"one": {"refit": True}, "all": {"refit": True, "ensemble": True}}
refit("small", place, silent, means=means)
for name, option in options.items():
    export("small", f"refit-{name}.keras", place, silent, **option)
    predict("small", Path("new.npy"), place, silent, output=Path(f"own-{name}.csv"), **option)
    predict(
        f"refit-{name}.keras", Path("new.npy"), place, silent, output=Path(f"refit-{name}.csv")
    )
if sys.argv[1] == "script":
    export("small", "alone/several.py", place, silent, ensemble=True)
page = report("small", place, silent).page().decode()
(place.home.trial_run("small", 0) / "best.weights.h5").write_bytes(b"no weights")
told = []
silent.say = told.append
fewer = ensemble("small", place, silent)
facts = {
    "left_out": [line for line in told if "left out" in line],
    "fewer": fewer.ensemble.candidates,
    "chosen": chosen.plain(),
    "again": again.plain(),
    "judged": judged.plain(),
    "retrained": retrained.plain(),
    "largest": largest,
    "page": "Ensemble of" in page,
}
Path("facts.json").write_text(json.dumps(facts))
"""


def answers(file: Path) -> np.ndarray:
    return pl.read_csv(file).select(pl.selectors.starts_with("probability")).to_numpy()


@pytest.mark.timeout(360)
@pytest.mark.parametrize(
    ("validation", "more"), [("0.3", "script"), ("{ folds = 2 }", "")], ids=["share", "folds"]
)
def test_an_ensemble_is_what_its_members_say_by_weight(
    cli: Cli, validation: str, more: str
) -> None:
    file = cli.study_file(trials=3, epochs=2)
    text = file.read_text().replace('"digits"', f'"digits"\nvalidation = {validation}')
    file.write_text(f'{text}[pruner]\ntype = "none"\n')
    (cli.folder / "alone").mkdir()
    done = forked.run_code(ALL, more, folder=cli.folder)
    assert done.returncode == 0, done.stderr
    facts = json.loads((cli.folder / "facts.json").read_text())
    chosen, judged = facts["chosen"], facts["judged"]
    members = chosen["members"]
    assert chosen["candidates"] == 5
    assert chosen["examples"] == (1438 if "folds" in validation else 431)
    assert sum(one["weight"] for one in members) == pytest.approx(1)
    assert facts["again"]["members"] == members  # nothing is left to chance
    expected = sum(
        one["weight"] * answers(cli.folder / f"member-{number}.csv")
        for number, one in enumerate(members)
    )
    for name in ("own", "together.keras", "together"):
        np.testing.assert_allclose(answers(cli.folder / f"{name}.csv"), expected, atol=1e-5)
    assert max(facts["largest"].values()) <= 1e-5
    assert judged["ensemble"]["members"] == [
        {key: value for key, value in one.items() if key != "name"} for one in members
    ]
    low, high = judged["ensemble"]["gain"]["interval"]
    assert low <= judged["ensemble"]["gain"]["value"] <= high
    record = (cli.folder / "home" / "datasets" / "test_opened.jsonl").read_text().splitlines()
    opened = [json.loads(line) for line in record]
    assert [one["opened_by"] for one in opened if "opened_by" in one] == [
        "evaluate small", "evaluate small --ensemble",
        "evaluate small --refit", "evaluate small --refit --ensemble",
    ]  # fmt: skip
    check_refit(facts["retrained"], chosen, cli.folder)
    accuracy = judged["ensemble"]["test"]["accuracy"]
    results = [one["result"] for one in opened if "result" in one]
    assert results[1]["accuracy"] == [accuracy]
    alone = judged["candidates"][0]
    middle = next(one for one in alone["models"] if one["seed"] == alone["middle"])
    gain = accuracy - middle["test"]["accuracy"]
    assert judged["ensemble"]["gain"]["value"] == pytest.approx(gain)
    assert facts["page"]
    if more:
        check_script(run_alone(cli.folder / "alone" / "several.py", folder=cli.folder), chosen)
    assert facts["fewer"] == 4
    (line,) = facts["left_out"]
    assert re.search(r"warning: left out: .*trial-00000.*is damaged, or has", line)


def check_refit(retrained: dict[str, Any], chosen: dict[str, Any], folder: Path) -> None:
    """The members were trained again on validation examples, too, and are taken so."""
    assert retrained["ensemble"]["refit"]
    weights = {(one["of"], one["seed"]): one["weight"] for one in chosen["members"]}
    assert {
        (one["of"], one["seed"]): pytest.approx(one["weight"])
        for one in retrained["ensemble"]["members"]
    } == weights
    assert retrained["candidates"][0]["refit_epochs"] in (1, 2)
    before = answers(folder / "own.csv")
    for name in ("one", "all"):
        own = answers(folder / f"own-{name}.csv")
        np.testing.assert_allclose(own, answers(folder / f"refit-{name}.csv"), atol=1e-5)
        assert np.abs(own - before).max() > 1e-3


def check_script(said: str, chosen: dict[str, Any]) -> None:
    """A script trained all members; seeds and shuffles aside they are as good as hpsearch's."""
    found = re.findall(
        r"^(network .*|ensemble)\nval_loss .*\nval_accuracy (.+)$", said, re.MULTILINE
    )
    members, count = chosen["members"], len(chosen["members"])
    assert [name for name, _ in found] == [
        *(
            f"network {number} of {count} ({one['name'].partition(' (')[0]}, seed {one['seed']},"
            f" weight {one['weight']:.3f})"
            for number, one in enumerate(members, 1)
        ),
        "ensemble",
    ]
    expected = [*(one["value"] for one in members), chosen["value"]]
    values = [float(value) for _, value in found]
    assert values == pytest.approx(expected, abs=0.1)
    assert values[-1] >= min(values[:-1])  # and so is the average of the script's own networks
