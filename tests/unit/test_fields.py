"""Field types: durations, names of studies, sections."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.fields import Section, check_name, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2h", 7200),
        ("1h30m", 5400),
        ("1d", 86_400),
        ("1d2h3m4s", 93_784),
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


def test_sections_do_not_change() -> None:
    class Example(Section):
        """One field."""

        number: int = 1

    with pytest.raises(ValueError, match="frozen"):
        Example().number = 3  # type: ignore[misc]
