"""Field types and the words in which a wrong value is explained."""

import math
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Strict

from hpsearch.errors import InputError
from hpsearch.fields import (
    Bool,
    Positive,
    Seconds,
    Section,
    Seed,
    StudyName,
    check_name,
    closest,
    parse,
    parse_duration,
    show,
)
from hpsearch.text import printable


class Inner(Section):
    """A section inside another."""

    size: Positive = 1
    names: tuple[str, ...] = ()


class Example(Section):
    """One field of each kind."""

    number: Positive = 1
    real: Annotated[float, Strict()] = 0.0
    switch: Bool = False
    seed: Seed = 0
    wait: Seconds | None = None
    name: StudyName = "a"
    inner: Inner = Inner()


def refusal(**values: object) -> str:
    with pytest.raises(InputError) as caught:
        parse(Example, values, "here")
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2h", 7200),
        ("1h30m", 5400),
        ("90s", 90),
        ("1h1m1s", 3661),
        ("90m", 5400),
        (45, 45),
        (0.5, 0.5),
    ],
)
def test_a_duration_is_read_as_seconds(text: object, seconds: float) -> None:
    assert parse_duration(text) == seconds
    assert isinstance(parse_duration(text), float)


@pytest.mark.parametrize(
    "wrong",
    [
        *("", "h", "2", "2 h", " 2h", "2H", "-2h", "1.5h", "30m1h", "2h\n", "٢h", "0s"),
        *("9" * 99 + "h", "999999999h", 10**400, math.inf, math.nan, 0, -1, True, None, [], {}),
    ],
)
def test_what_is_no_duration_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match=r"^is not a duration.*; "):
        parse_duration(wrong)


@given(st.integers(0, 999), st.integers(0, 999), st.integers(0, 999))
def test_any_hours_minutes_and_seconds_are_a_duration(h: int, m: int, s: int) -> None:
    if h or m or s:
        assert parse_duration(f"{h}h{m}m{s}s") == 3600 * h + 60 * m + s


@pytest.mark.parametrize("name", ["a", "9", "A.b_c-9", "x" * 100, "cifar10-mlp", "a..b"])
def test_names_that_are_file_names_are_taken(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/b", "a\\b", "-a", "_a", "a b", "a\n", "é", "x" * 101, "a\x00"],
)
def test_names_that_are_not_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="use 1 to 100 letters"):
        check_name(name)


@given(st.text(max_size=20))
def test_no_name_leaves_its_folder(name: str) -> None:
    try:
        check_name(name)
    except ValueError:
        return
    assert "/" not in name
    assert not name.startswith(".")
    assert name.isascii()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"number": True}, "number = true has the wrong type; write a whole number"),
        ({"number": 3.0}, "number = 3.0 has the wrong type; write a whole number"),
        ({"number": "3"}, 'number = "3" has the wrong type; write a whole number'),
        ({"number": None}, "number = null has the wrong type; write a whole number"),
        ({"real": True}, "real = true has the wrong type; write a number"),
        ({"real": math.nan}, "real = NaN is not finite; write a finite number"),
        ({"real": -math.inf}, "real = -Infinity is not finite; write a finite number"),
        ({"switch": 1}, "switch = 1 has the wrong type; write true or false"),
        ({"switch": "true"}, 'switch = "true" has the wrong type; write true or false'),
        ({"seed": -1}, "seed = -1 is out of range; write a value of at least 0"),
        ({"seed": 2**31}, "seed = 2147483648 is out of range; write a value below 2147483648"),
        ({"name": 3}, "name = 3 has the wrong type; write a text in quotes"),
        ({"inner": 3},
         "inner = 3 has the wrong type; write a table: [inner] or { size = 1, names = [] }"),
        ({"inner": {"size": 0}}, "inner.size = 0 is out of range; write a value of at least 1"),
        ({"numbre": 3},
         ("numbre: unknown key; did you mean number?"
          " known: inner, name, number, real, seed, switch, wait")),
        ({"inner": {"sice": 3}}, "inner.sice: unknown key; did you mean size? known: names, size"),
        ({"inner": {"seed": 3}},
         ("inner.seed: unknown key; seed does not belong in inner;"
          " move it to the top, above the first [table]")),
        ({"inner": {"names": ["a", 3]}},
         "inner.names[1] = 3 has the wrong type; write a text in quotes"),
        ({"inner": {"names": "a"}},
         'inner.names = "a" has the wrong type; write a list in square brackets'),
        ({"inner": {"a b\x9b": 1}}, 'inner."a b\\x9b": unknown key; known: names, size'),
    ],
)  # fmt: skip
def test_a_problem_is_told_with_key_value_and_cure(values: dict[str, object], message: str) -> None:
    assert refusal(**values) == f"here: {message}"


def test_each_problem_has_a_line_of_its_own_and_stands_once() -> None:
    lines = refusal(number="a", real="b", inner={"names": [1, 1]}).splitlines()
    assert [line.split()[1] for line in lines] == [
        "number",
        "real",
        "inner.names[0]",
        "inner.names[1]",
    ]


def test_a_whole_number_is_a_real_number() -> None:
    assert parse(Example, {"real": 3}, "here").real == 3.0


def test_a_number_too_large_for_a_float_is_refused() -> None:
    assert refusal(real=10**400).startswith("here: real = 1000")


def test_sections_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Example().number = 3  # type: ignore[misc]


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
    assert closest("SGD", ["adam", "sgd"]).startswith("did you mean sgd? ")
    assert closest("Relu", ["relu", "gelu", "selu"]).startswith("did you mean relu? ")
    assert closest("x_TRAIN", ["x_train", "X_test"]).startswith("did you mean x_train? ")
