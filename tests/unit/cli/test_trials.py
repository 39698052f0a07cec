"""``hpsearch trials`` and ``show``: what a reader is told of confirmation runs."""

from typing import Any

import pytest

from hpsearch.cli.show import _facts
from hpsearch.cli.trials import _print


def row(number: int, value: float | None, **told: Any) -> dict[str, Any]:
    empty = dict.fromkeys(
        ("failure", "epochs", "seconds", "parameters", "same_as", "adopted", "of", "kind")
    )
    values = None if value is None else [value]
    return {
        **empty, "number": number, "state": "complete", "values": values, "config": {}, **told,
    }  # fmt: skip


def test_trials_of_a_search_are_no_runs(capsys: pytest.CaptureFixture[str]) -> None:
    _print([row(0, 0.5)], as_json=False, as_csv=False)
    out, err = capsys.readouterr()
    assert "run of" not in out
    assert not err


def test_runs_say_whose_they_are_and_refits_that_they_have_no_value(
    capsys: pytest.CaptureFixture[str],
) -> None:
    listed = [
        row(0, 0.5, of="baseline", kind="seed"),
        row(1, 0.5, of="7", kind="split"),
        row(2, None, of="7", kind="refit"),
    ]
    _print(listed, as_json=False, as_csv=False)
    out, err = capsys.readouterr()
    cells = [line.split() for line in out.splitlines()]
    assert ["0", "the", "baseline", "complete", "0.5000"] in cells
    assert ["1", "trial", "7,", "new", "split", "complete", "0.5000"] in cells
    assert ["2", "trial", "7,", "refit", "complete"] in cells
    assert "Refits have no value" in err


@pytest.mark.parametrize(
    ("refits", "said"), [(0, "3 complete, 0 pruned"), (2, "(of these 2 refits, ")]
)
def test_show_counts_refits(refits: int, said: str) -> None:
    details = {
        "budget": {"trials": 3, "timeout": None, "plateau": None},
        **dict.fromkeys(("pruned", "failed", "running", "waiting", "uncounted", "adopted"), 0),
        "complete": 3, "counted": 3, "refits": refits, "precision": "float32",
        **dict.fromkeys(("preset", "confirmed", "ensemble")), "portfolio": 0, "winners": [],
        "test_openings": [], "dataset": {"folds": None, "class_names": [], "input_shape": [8],
        "train": 9, "validation": 9, "test": 9, "source": "digits"},
    }  # fmt: skip
    (line,) = [one for one in _facts(details) if one.startswith("trials")]
    assert said in line
