"""A network of one's own by the real commands: searched, cut off, resumed, exported, changed."""

import shutil
import signal
from pathlib import Path

import forked
import pytest
from commandline import Cli, wait_until

from hpsearch.errors import HpsearchError
from hpsearch.search.lookup import load_study
from hpsearch.search.storage.opening import open_storage
from hpsearch.search.trials import is_running

STUDIES = Path(__file__).parents[2] / "studies"
pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def study(cli: Cli) -> Path:
    """The example study, of one long trial."""
    shutil.copy(STUDIES / "own_model.py", cli.folder)
    text = (STUDIES / "own_model.toml").read_text()
    changes = {
        "trials = 12": "trials = 1",
        "epochs = 15": 'epochs = 100\nearly_stopping = false\nprecision = "float32"',
    }
    for before, after in changes.items():
        assert before in text
        text = text.replace(before, after)
    file = cli.folder / "own_model.toml"
    file.write_text(text + '\n[pruner]\ntype = "none"\n')
    return file


def reported(cli: Cli) -> int:
    """The most epochs that a running trial has told."""
    try:
        storage = open_storage(f"sqlite:///{cli.database}", create=False)
        trials = load_study(storage, "own-model").trials()
    except HpsearchError:  # not there yet
        return 0
    storage.close()
    return max((trial.last_step or 0 for trial in trials if is_running(trial)), default=0)


def test_it_is_searched_cut_off_resumed_and_exported(cli: Cli, study: Path) -> None:
    run = forked.start(cli, "run", study, "--workers", "1", trains=True)
    wait_until(lambda: reported(cli) >= 3, "three epochs of a trial")
    run.send_signal(signal.SIGTERM)
    run.communicate(timeout=60)
    assert run.returncode == 143
    cli("run", study, "--workers", "1", timeout=300)
    rows = cli.json("trials", "own-model", "--json")
    assert [row["state"] for row in rows].count("complete") == 1
    assert {row["config"]["network"]["type"] for row in rows} == {"python"}
    assert "resumes in epoch" in (cli.home / "logs" / "own-model" / "worker-0.log").read_text()
    # The trial that was cut off is trained again from its recipe, without a break.
    cut = next(row for row in rows if row["failure"] == "interrupted")
    (resumed,) = (
        str(row["number"])
        for row in rows
        if row["state"] == "complete" and row["seed"] == cut["seed"]
    )
    said = cli("reproduce", "own-model", "--trial", resumed, timeout=300)
    assert "All 100 epochs are identical." in said.stdout + said.stderr

    for name in ("best.toml", "best.keras"):
        cli("export", "own-model", "-o", cli.folder / name)
        assert (cli.folder / name).is_file()
    refused = cli("export", "own-model", "-o", cli.folder / "best.py", code=2).stderr
    assert "a network of your own is no script yet" in refused

    own = cli.folder / "own_model.py"
    own.write_text(own.read_text() + "\n# another one\n")
    told = cli("run", study, code=2).stderr
    assert "space.network.python.sha256" in told
    assert "own_model.py has changed" in cli("train", cli.folder / "best.toml", code=2).stderr
    own.write_text("def build(config, data):\n    return config['missing']\n")
    study.write_text(study.read_text().replace('"own-model"', '"wrong"'))
    told = forked.run(cli, "run", study, "--workers", "1", code=2, trains=True).stderr
    assert f"error: {own}, line 2: KeyError: 'missing'" in told
    (row,) = cli.json("trials", "wrong", "--json")
    assert row["failure"] == "program_error"
