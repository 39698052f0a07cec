"""hpsearch.search: what it hands to the service, and how it ends."""

from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

import hpsearch
from hpsearch.api import searching
from hpsearch.search.storage import Counts
from hpsearch.search_sections import BudgetSection
from hpsearch.services.search import Conclusion

SPACE = {"layers": hpsearch.Int(1, 2)}


def conclusion(**given: Any) -> Conclusion:
    usual: dict[str, Any] = {
        "study": "s", "metric": "val_accuracy", "counts": Counts(complete=3),
        "budget": BudgetSection(trials=5), "over": "trials", "failures": {},
        "best": {"number": 0}, "stopped": 0,
    }  # fmt: skip
    return Conclusion(**usual | given)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the service was given, and what it is to give."""
    heard: dict[str, Any] = {"gives": conclusion()}

    def search(file: Path, settings: Any, place: Any, progress: Any, *, table: Any) -> Any:
        heard.update(file=file, settings=settings, place=place, progress=progress, table=table)
        if isinstance(heard["gives"], Exception):
            raise heard["gives"]
        return heard["gives"]

    monkeypatch.setattr(searching, "service", search)
    return heard


def test_options_are_those_of_the_command(service: dict[str, Any], tmp_path: Path) -> None:
    study = hpsearch.search(
        "a.toml", trials=7, timeout=90, workers=2, workers_per_gpu="auto", gpus=[0, 1],
        dashboard=True, reference=False, home=tmp_path, storage="sqlite:///x.db", progress=False,
    )  # fmt: skip
    settings = service["settings"]
    assert settings.given == [
        "budget.trials=7", "budget.timeout=90", "workers.count=2", "workers.per_gpu=auto",
    ]  # fmt: skip
    assert (settings.gpus, settings.dashboard, settings.reference) == ("0,1", True, False)
    assert (service["file"], service["table"]) == (Path("a.toml"), None)
    assert service["place"].home.root == tmp_path
    assert service["place"].url == "sqlite:///x.db"
    assert study.name == "s"


@pytest.mark.parametrize(
    ("found", "raised", "told"),
    [
        (
            {"over": None, "best": None, "stopped": 130},
            KeyboardInterrupt,
            "Stopped with 3 of 5 trials done; the same call resumes study s.",
        ),
        (
            {"over": None, "best": None, "stopped": 143},
            hpsearch.StoppedError,
            "Stopped with 3 of 5 trials done; the same call resumes study s.",
        ),
        (
            {"best": None, "counts": Counts(pruned=1, failed=4)},
            hpsearch.NoTrialError,
            "No trial completed (1 pruned, 4 failed): see hpsearch trials s and hpsearch logs s",
        ),
        (
            {"best": None, "counts": Counts(failed=1), "failed": "x"},
            hpsearch.NoTrialError,
            "No trial completed (0 pruned, 1 failed; x): see hpsearch trials s and hpsearch logs s",
        ),
    ],
)
def test_a_search_that_did_not_end_well_raises(
    service: dict[str, Any], found: dict[str, Any], raised: type[BaseException], told: str
) -> None:
    service["gives"] = conclusion(**found)
    with pytest.raises(raised) as error:
        hpsearch.search("a.toml", progress=False)
    assert str(error.value) == told


def test_a_study_that_is_over_is_given_whatever_stopped_last(service: dict[str, Any]) -> None:
    service["gives"] = conclusion(stopped=130)
    assert hpsearch.search("a.toml", progress=False).name == "s"


def test_it_says_why_a_study_ended(
    service: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    service["gives"] = conclusion(over="failures", failures={"diverged": 20})
    hpsearch.search("a.toml")
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "The last 20 trials failed because of their configurations."
    assert told[1].startswith("20 x diverged: the loss became NaN or infinite")


def test_trials_of_an_optuna_study_are_adopted_first(
    service: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = optuna.create_study(storage=f"sqlite:///{tmp_path / 'o.db'}", direction="maximize")
    widths = {"width": optuna.distributions.IntDistribution(1, 2)}
    for value in (1, 2):
        theirs.add_trial(
            optuna.trial.create_trial(value=0.5, params={"width": value}, distributions=widths)
        )
    adopt = {"storage": f"sqlite:///{tmp_path / 'o.db'}", "rename": {"width": "layers"}}

    def search(adopt: Any) -> hpsearch.Study:
        data = (np.eye(40), [0, 1] * 20)
        return hpsearch.search(data=data, space=SPACE, name="s", home=tmp_path, adopt=adopt)

    assert search(adopt).trials()["state"].to_list() == ["failed", "failed", "waiting", "waiting"]
    assert "Adopted 2 trials of " in capsys.readouterr().err
    assert service["table"]["name"] == "s"
    for wrong, told in {
        3: "adopt: give the URL of an Optuna storage",
        "sqlite:///no.db": "there is no such file",
        (("storage", "a"), ("retrain", -1)): "adopt: retrain = -1 is out of range",
    }.items():
        with pytest.raises(hpsearch.InputError, match=told):
            search(dict(wrong) if isinstance(wrong, tuple) else wrong)


def test_what_was_handed_over_in_vain_is_gone_and_not_named(
    service: dict[str, Any], tmp_path: Path
) -> None:
    def fail(**given: Any) -> str:
        with pytest.raises(hpsearch.InputError) as error:
            hpsearch.search(
                data=(np.eye(4), [0, 1, 0, 1]), space=SPACE, home=tmp_path, progress=False, **given
            )
        return str(error.value)

    service["gives"] = hpsearch.InputError("no")
    assert fail() == "no"
    path = service["table"]["dataset"]["path"]
    assert not Path(path).exists()
    service["gives"] = hpsearch.InputError(f"{path}: x_train is odd")
    assert fail() == "data: x_train is odd"


def test_wrong_values_are_told_as_by_the_command_and_nothing_is_written(tmp_path: Path) -> None:
    def refused(**given: Any) -> str:
        with pytest.raises(hpsearch.InputError) as error:
            hpsearch.search(data=(np.eye(4), [0, 1, 0, 1]), home=tmp_path, progress=False, **given)
        assert [one for one in tmp_path.rglob("*") if one.is_file()] == []
        return str(error.value)

    assert refused(trials=0) == (
        "search(): budget.trials = 0 is out of range; write a value of at least 1"
    )
    assert refused(space={"layer": 1}).startswith(
        "search(): space.layer: unknown key; did you mean layers?"
    )
    assert refused(name="../x").startswith('search(): name = "../x" is not a valid study name')
    assert refused(timeout="soon").startswith('search(): budget.timeout = "soon" is not a duration')
