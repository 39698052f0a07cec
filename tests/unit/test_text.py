"""Text from outside: what terminals obey is taken out of what is kept, and shown as what it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.text import (
    brief,
    closest,
    duration,
    plain,
    plural,
    printable,
    show,
    significant,
    size,
)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (
            "\x1b[1mArguments received by Dense.call():\x1b[0m",
            "Arguments received by Dense.call():",
        ),
        ("\x1b[38;5;196mred\x1b[m\x1b[2K\x1b[?25l", "red"),
        ("\x1b]0;a title\x07name", "name"),
        ("\x1b]8;;https://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bc\x1b(Breset", "reset"),
        ("größe [31m 日本", "größe [31m 日本"),
    ],
)
def test_codes_of_terminals_are_taken_out(text: str, kept: str) -> None:
    assert plain(text) == kept


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.4953, "0.49530"), (1234.5678, "1234.6"), (12345.6, "12346"), (99999.96, "100000"),
        (123456.7, "123457"), (-7e8, "-700000000"), (0.0, "0.0000"), (3.4e38, "3.4000e+38"),
        (1.5e-7, "1.5000e-07"),
    ],
)  # fmt: skip
def test_values_in_a_unit_of_their_own_have_five_significant_digits(
    value: float, text: str
) -> None:
    assert significant(value) == text


def test_what_does_not_show_is_written_as_an_escape() -> None:
    assert printable("a\x1b[2J\r\x07\x9b\u202e\udcffb") == r"a\x1b[2J\r\x07\x9b\u202e\udcffb"
    assert printable("größe\u00a0日本\u3000\t1\n2") == "größe\u00a0日本\u3000\t1\n2"


@given(st.text())
def test_escaping_is_done_once(text: str) -> None:
    assert printable(printable(text)) == printable(text)


def test_numbers_of_things() -> None:
    told = [plural(number, noun) for number, noun in ((1, "study"), (2, "study"), (0, "trial"))]
    assert told == ["1 study", "2 studies", "0 trials"]
    assert plural(1200, "trial") == "1,200 trials"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (8.44, "8.4 s"),
        (59.9, "59.9 s"),
        (60, "1 min 00 s"),
        (185, "3 min 05 s"),
        (3599.4, "59 min 59 s"),
        (3600, "1 h 00 min"),
        (7630, "2 h 07 min"),
        (400_000, "111 h 06 min"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (3_140_000, "3.1 MB"), (5e9, "5.0 GB"),
     (2e12, "2.0 TB"), (3e15, "3000.0 TB")],
)  # fmt: skip
def test_sizes(count: float, text: str) -> None:
    assert size(count) == text


def test_a_value_is_shown_as_it_would_be_written() -> None:
    assert show({"a": [1, 0.5, True, "ü"]}) == '{"a": [1, 0.5, true, "ü"]}'


def test_a_shown_value_is_short_and_prints() -> None:
    assert len(show("x" * 1000)) == 80
    assert show("a\ud800\x1b[2J\x9b\u202eb") == '"a\\ud800\\u001b[2J\\x9b\\u202eb"'
    assert show(10**5000) == "(too large to show)"
    endless: list[object] = []
    endless.append(endless)
    assert show(endless) == "(too large to show)"


@given(st.text())
def test_whatever_text_is_shown_on_one_printable_line(text: str) -> None:
    shown = show(text)
    assert shown == printable(shown)
    assert len(shown.splitlines()) == 1


def test_the_closest_word_is_offered_only_where_it_is_near() -> None:
    assert closest("medain", ["median", "none"]) == "did you mean median? known: median, none"
    assert closest("xyz", ["median", "none"]) == "known: median, none"
    metrics = ["val_auc", "val_accuracy"]
    assert closest("val_acc", metrics).startswith("did you mean val_accuracy? ")
    assert closest("val_auk", metrics).startswith("did you mean val_auc? ")
    assert closest("SGD", ["adam", "sgd"]).startswith("did you mean sgd? ")
    assert closest("Relu", ["relu", "gelu", "selu"]).startswith("did you mean relu? ")
    assert closest("x_TRAIN", ["x_train", "X_test"]).startswith("did you mean x_train? ")


def test_a_value_is_told_as_short_as_it_can_be() -> None:
    told = {0.35: "0.35", 18818.0: "18,818", 77872.23: "77872.2", 1.5e-7: "1.5e-07", -4.0: "-4"}
    told |= {7373413.2: "7,373,413", 1e15: "1e+15", 0.0: "0"}
    assert {value: brief(value) for value in told} == told
