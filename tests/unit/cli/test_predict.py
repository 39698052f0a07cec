"""``hpsearch predict``: what it prints, without TensorFlow."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from hpsearch.cli import predict as command
from hpsearch.errors import InputError
from hpsearch.services import predict as service
from hpsearch.services.new_rows import Told
from hpsearch.services.predict import Predicted


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the service is asked for, in place of which made-up results are given."""
    calls: list[Any] = []

    def predict(what: str, data: Path, *_: object, **options: Any) -> Predicted:
        calls.append((what, data, options))
        names = ["prediction", *(f"probability_{number}" for number in range(9))]
        first = pl.DataFrame([("yes", *[0.125] * 9)] * 2, schema=names, orient="row")
        told = Told(extra=("id",))
        told.unknown["kind"], told.example["kind"] = 2, "pink"
        return Predicted(
            what="study s, trial 3",
            data=data,
            output=options["output"],
            rows=1234,
            columns=tuple(names),
            first=first if options["output"] is None else None,
            told=told,
            seconds=2.5,
        )

    monkeypatch.setattr(service, "predict", predict)
    return calls


def test_the_first_rows_are_printed_with_as_many_columns_as_fit(
    asked: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    command.predict("s", Path("new.csv"), keep="id, name")
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["prediction", *(f"probability_{number}" for number in range(7))]
    assert lines[3].split() == ["yes", *["0.1250"] * 7]
    assert lines[-1] == "The first 2 rows; all of them and 2 more columns: -o FILE.csv"
    assert asked[0][2]["keep"] == ["id", "name"]
    with pytest.raises(InputError, match="--keep 'id,': has an empty name"):
        command.predict("s", Path("new.csv"), keep="id,")


def test_a_file_is_told_in_one_line_and_in_json_with_what_was_found(
    asked: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    command.predict("s", Path("new.csv"), output=Path("out.csv"))
    assert capsys.readouterr().out == "Wrote 1,234 predictions to out.csv in 2.5 s\n"
    command.predict("s", Path("new.csv"), output=Path("out.csv"), as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["columns"][:2] == ["prediction", "probability_0"]
    told.pop("columns")
    assert told == {
        "model": "study s, trial 3",
        "data": "new.csv",
        "output": "out.csv",
        "rows": 1234,
        "ignored": ["id"],
        "unread": {},
        "unknown": {"kind": {"rows": 2, "example": "pink"}},
        "skipped": [],
        "seconds": 2.5,
    }
    command.predict("s", Path("new.csv"), as_json=True)
    assert len(json.loads(capsys.readouterr().out)["predictions"]) == 2
    assert len(asked) == 3
