"""What ``confirm`` prints of its verdict."""

import json
from collections.abc import Callable, Sequence

import pytest
from screens import on_terminal

from hpsearch.cli.verdict import _too_good, print_verdict, read, told_of
from hpsearch.config import TrialConfig, flat
from hpsearch.search.leaders import BASELINE, Leader
from hpsearch.search.shapes import ConfirmRequest, Kind
from hpsearch.search.verdict import Candidate, judge
from hpsearch.services.confirm import Confirmation
from hpsearch.study_file import StudyFile
from hpsearch.tasks.classification import ACCURACY
from hpsearch.tasks.regression import RMSE

MakeFile = Callable[..., StudyFile]

CANDIDATES = (
    ("1234", 23_950_752, [0.6130, 0.6112, 0.6095, 0.6121, 0.6101]),
    ("7", 980_421, [0.6101, 0.6119, 0.6090, 0.6116, 0.6089]),
    ("28", 1_980_421, [0.5801, 0.5719, 0.5790, 0.5716, 0.5789]),
    (BASELINE, 100_778, [0.4841, 0.4890, 0.4799, 0.4850, 0.4833]),
)


def show(
    file: StudyFile,
    *,
    smallest: bool = False,
    given: Sequence[tuple[str, int, list[float]]] = CANDIDATES,
) -> dict[str, object]:
    """Print the verdict; gives the same as JSON."""
    candidates = [
        Candidate(
            name=name,
            parameters=size,
            values=dict(enumerate(values)),
            bounds=file.objective.measure.bounds,
        )
        for name, size, values in given
    ]
    verdict = judge(candidates, file.objective.measure, baseline=BASELINE, smallest=smallest)
    config = TrialConfig(layers=3, units=[2048, 1024, 512], dropout=0.25, batch_norm=True)
    chosen = [
        Leader(of=name, config=config, found=None if name == BASELINE else 0.62)
        for name, _, _ in given
    ]
    names = [name for name, _, _ in given]
    wanted = ConfirmRequest(kind=Kind.SEED, of=names, seeds=[0, 1, 2, 3, 4], smallest=smallest)
    found = Confirmation(
        study=file.name, file=file, leaders=chosen, request=wanted, verdict=verdict
    )
    print_verdict(told_of(found))
    plain = found.plain()
    sent = json.loads(json.dumps(plain, allow_nan=False))
    assert sent == plain
    configs = {name: flat(config) for name in names}
    assert read(sent, configs, file.objective.measure) == told_of(found)
    return plain


def test_the_table_fits_80_columns(monkeypatch: pytest.MonkeyPatch, make_file: MakeFile) -> None:
    lines = on_terminal(monkeypatch, lambda: show(make_file()))
    assert "…" not in "".join(lines)
    rows = [line.split() for line in lines]
    assert ["1234", "0.6112", "0.6094", "to", "0.6130", "0.6200", "23,950,752"] in rows
    assert ["7", "0.6103", "0.6086", "to", "0.6120", "0.0009", "(tie)", "0.6200", "980,421"] in rows
    config = "2048-1024-512 relu bn drop 0.25 adam 1.0e-03 constant b32"
    assert ["1234", *config.split()] in rows
    text = " ".join(lines)
    assert "Trial 1234 is confirmed: it has the best mean (val_accuracy 0.6112, 5 seeds)." in text
    assert "The seeds cannot tell trial 7 from trial 1234" in text
    assert "The smallest of these networks is trial 7: 980,421 parameters instead of" in text
    assert "hpsearch confirm study --smallest" in text


def test_a_wide_terminal_and_a_pipe_show_all(
    monkeypatch: pytest.MonkeyPatch, make_file: MakeFile, capsys: pytest.CaptureFixture[str]
) -> None:
    wide = on_terminal(monkeypatch, lambda: show(make_file(), smallest=True), 200)
    show(make_file(), smallest=True)
    for lines in (wide, capsys.readouterr().out.splitlines()):
        head = next(line for line in lines if "configuration" in line)
        for column in ("search", "too good by", "deviation", "behind the first", "parameters"):
            assert column in head
        assert not any("…" in line for line in lines)
        assert any(
            "Trial 7 is confirmed: it is the smallest network that the seeds cannot tell from trial"
            " 1234" in line
            for line in lines
        )


def test_a_gain_that_is_not_shown_and_a_training_that_diverged(
    make_file: MakeFile, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [
        ("1", 10, [0.60, 0.62, 0.61, 0.63, 0.59]),
        ("2", 9, [0.9]),
        (BASELINE, 5, [0.61, 0.60, 0.62, 0.61, 0.60]),
    ]
    plain = show(make_file(), given=given)
    assert plain["tied"] == ["1", BASELINE]
    out = capsys.readouterr().out
    assert "This does not show a gain over the baseline." in out
    assert "Only 1 of 5 runs of trial 2 has a value, so it cannot win." in out


def test_the_interval_of_a_loss_is_never_below_0(
    make_file: MakeFile, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [("1", 10, [0.05, 0.30, 0.02, 0.01, 0.02]), ("2", 9, [0.9, 0.8, 0.9, 0.7, 0.9])]
    plain = show(make_file(objective={"metric": "val_loss"}), given=given)
    candidates = plain["candidates"]
    assert isinstance(candidates, list)
    assert candidates[0]["of"] == "1"
    assert candidates[0]["interval"][0] == 0.0
    assert "0.0000 to 0." in capsys.readouterr().out


def test_fewer_values_lose_only_against_more(
    make_file: MakeFile, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where a training of each diverged, all stand alike."""
    given = [("1", 1000, [0.6, 0.61, 0.6, 0.62]), ("2", 500, [0.5, 0.51, 0.52, 0.5])]
    show(make_file(), given=given)
    out = capsys.readouterr().out
    assert "Only 4 of 5 runs of trial 1 have a value." in out
    assert "Only 4 of 5 runs of trial 2 have a value." in out


def test_what_was_too_good_is_told_in_the_digits_of_its_metric() -> None:
    assert _too_good(0.1541, ACCURACY) == "+0.1541"
    assert _too_good(-230.6076, RMSE) == "-230.61"
