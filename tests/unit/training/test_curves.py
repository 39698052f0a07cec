import csv
import math
from dataclasses import replace
from pathlib import Path

import pytest

from hpsearch.errors import UnreachableError
from hpsearch.home import CURVES
from hpsearch.tasks.classification import CLASSIFICATION
from hpsearch.training import curves
from hpsearch.training.outcome import Epoch

NAMES = CLASSIFICATION.curves


def row(epoch: int) -> Epoch:
    return Epoch(
        epoch=epoch,
        values=dict(zip(NAMES, (1 / 3, 0.5, 0.25, 2 / 3, 0.1, 0.2, 0.7), strict=True)),
        learning_rate=1e-3,
        seconds=0.01,
    )


def read(run: Path) -> list[Epoch]:
    with (run / CURVES).open(newline="") as file:
        return [
            Epoch.of_row({name: float(value) for name, value in line.items()})
            for line in csv.DictReader(file)
        ]


def test_rows_read_back_as_they_were(tmp_path: Path) -> None:
    run = tmp_path / "trial-00001"
    curves.start(run, NAMES)
    curves.append(run, row(1))
    curves.append(run, row(2))
    assert read(run) == [row(1), row(2)]
    assert (run / CURVES).read_text().splitlines()[0].split(",") == list(row(1).row())


def test_a_new_start_forgets_an_earlier_attempt(tmp_path: Path) -> None:
    curves.start(tmp_path, NAMES)
    curves.append(tmp_path, row(1))
    curves.start(tmp_path, NAMES)
    assert read(tmp_path) == []


def test_a_resumed_trial_keeps_what_it_had(tmp_path: Path) -> None:
    curves.start(tmp_path, NAMES, [row(1), row(2)])
    curves.append(tmp_path, row(3))
    assert read(tmp_path) == [row(1), row(2), row(3)]


def test_epochs_of_an_earlier_version_lack_values(tmp_path: Path) -> None:
    values = {name: value for name, value in row(1).values.items() if name != "val_accuracy"}
    curves.start(tmp_path, NAMES, [replace(row(1), values=values)])
    curves.append(tmp_path, row(2))
    first, second = curves.read(tmp_path)
    assert math.isnan(first.values["val_accuracy"])
    assert {name: first.values[name] for name in values} == values
    assert second == row(2)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnreachableError, match="file/run"):
        curves.start(tmp_path / "file" / "run", NAMES)
    with pytest.raises(UnreachableError, match=r"gone/curves\.csv: cannot be written: No such"):
        curves.append(tmp_path / "gone", row(1))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    rows = [row(1), row(2), row(3)]
    curves.start(tmp_path, NAMES, rows[:1])
    curves.append(tmp_path, rows[1])
    curves.append(tmp_path, rows[2])
    assert curves.read(tmp_path) == rows


def test_a_last_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    curves.start(tmp_path, NAMES, [row(1), row(2)])
    text = (tmp_path / CURVES).read_text()
    for end in range(2, len(text.splitlines()[2]) + 1):
        (tmp_path / CURVES).write_text(text[:-end])
        assert curves.read(tmp_path) == [row(1)]
    (tmp_path / CURVES).write_text(text[:-1])  # all of it, but was that the last digit?
    assert curves.read(tmp_path) == [row(1)]
    for start in ("", "epoch,lo"):
        (tmp_path / CURVES).write_text(start)
        assert curves.read(tmp_path) == []


def test_a_line_without_all_columns_is_left_out(tmp_path: Path) -> None:
    curves.start(tmp_path, NAMES, [row(1)])
    with (tmp_path / CURVES).open("a") as file:
        file.write("2,0.5\n2,x,0.5,0.5,0.5,0.5,0.5,0.5\n")
    curves.append(tmp_path, row(2))
    assert curves.read(tmp_path) == [row(1), row(2)]


def test_what_is_no_number_is_read_too(tmp_path: Path) -> None:
    odd = replace(row(1), values={**row(1).values, "loss": math.nan, "val_loss": math.inf})
    curves.start(tmp_path, NAMES, [odd])
    (found,) = curves.read(tmp_path)
    assert math.isnan(found.values["loss"])
    assert found.values["val_loss"] == math.inf
    assert found.values["val_accuracy"] == 2 / 3


def test_without_a_file_there_are_no_epochs(tmp_path: Path) -> None:
    assert curves.read(tmp_path) == []
    assert curves.read(tmp_path / "nowhere") == []


def test_what_a_link_leads_to_is_not_written(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("all that I have")
    (tmp_path / CURVES).symlink_to(precious)
    curves.start(tmp_path, NAMES, [row(1)])
    curves.append(tmp_path, row(2))
    assert curves.read(tmp_path) == [row(1), row(2)]
    assert precious.read_text() == "all that I have"


def test_a_damaged_file_is_read_up_to_the_damage(tmp_path: Path) -> None:
    curves.start(tmp_path, NAMES, [row(1)])
    with (tmp_path / CURVES).open("a") as file:
        file.write("x" * (csv.field_size_limit() + 1) + "\n")
    curves.append(tmp_path, row(2))
    assert curves.read(tmp_path) == [row(1)]
