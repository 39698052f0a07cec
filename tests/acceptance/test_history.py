"""A home that 0.1.0 made goes on: nothing of it is trained, queued or written twice.

``tests/history/home-0.1.0.tar.xz`` was made by commit 42bfee8: ``run`` of ``study.toml`` with three
trials, ``confirm --top 1 --seeds 2``, ``export`` of the best and of the baseline, ``train`` of the
best, and a ``run`` of five trials that Ctrl-C cut off after an epoch of the fourth. Beside the home
lie the recipes, and what ``trials`` and ``confirm`` printed with ``--json``.
"""

import json
import tarfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
from commandline import Cli

ADDED: dict[str, Any] = {
    "numeric_embedding": "none",
    "embedding_sigma": 0.1,
    "input_scale": False,
    "parametric_activation": False,
    "members": 1,
    "label_smoothing": 0.0,
    "augment": {"flip": False, "translate": 0, "cutout": 0, "mixup": 0.0},
}
"""What configurations have by now, with its default."""
ARCHIVE = Path(__file__).parents[1] / "history" / "home-0.1.0.tar.xz"


@pytest.fixture
def then(cli: Cli) -> Cli:
    """The command line in that home's folder."""
    with tarfile.open(ARCHIVE) as archive:
        # Python 3.11 knows filters since 3.11.4.
        safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        archive.extractall(cli.folder, **safely)  # type: ignore[arg-type]  # noqa: S202  # our own
    return cli


def printed(cli: Cli, name: str) -> Any:
    """What 0.1.0 printed."""
    return json.loads((cli.folder / f"{name}.json").read_text())


def without_new(now: Any, before: Any) -> Any:
    """What is printed now, without the keys that were not printed before."""
    if isinstance(before, dict):
        return {key: without_new(now[key], value) for key, value in before.items()}
    if isinstance(before, list):
        assert len(now) == len(before)
        return [without_new(*pair) for pair in zip(now, before, strict=True)]
    return now


def recipe(path: Path) -> dict[str, Any]:
    """A recipe as it trains, without where it comes from."""
    return {k: v for k, v in tomllib.loads(path.read_text()).items() if k != "provenance"}


def test_what_was_searched_confirmed_and_exported_is_as_it_was(then: Cli) -> None:
    before = printed(then, "trials")
    assert without_new(then.json("trials", "then"), before) == before
    # In this process, in which nothing can train: no run is queued again.
    done = then("confirm", "then", "--top", "1", "--seeds", "2", "--json", process=False)
    assert without_new(json.loads(done.stdout), printed(then, "confirm")) == printed(
        then, "confirm"
    )
    assert len(then.json("trials", "then.confirm")) == 4
    for name, option in (("then", "--trial=1"), ("baseline", "--baseline")):
        then("export", "then", option, "-o", "now.toml")
        now, was = recipe(then.folder / "now.toml"), recipe(then.folder / f"{name}.toml")
        dataset = was["dataset"] | {"log_target": False}
        assert now == was | {"config": was["config"] | ADDED, "dataset": dataset}
        (then.folder / "now.toml").unlink()
    then("report", "then", "-o", "then.html")
    assert "Trained again" in (then.folder / "then.html").read_text()


def test_what_was_cut_off_goes_on_and_all_is_trained_again_alike(then: Cli) -> None:
    before = printed(then, "trials")
    then("run", "study.toml", "--trials", "5")
    now = then.json("trials", "then")
    assert without_new(now[:4], before[:4]) == before[:4]
    states = [trial["state"] for trial in now]
    assert (states.count("complete"), states.count("failed"), len(now)) == (5, 1, 6)
    log = (then.home / "logs" / "then" / "worker-0.log").read_text()
    assert "trial 4 resumes after epoch 1" in log
    again = then("reproduce", "then", "--trial", "1")
    assert again.returncode == 0
