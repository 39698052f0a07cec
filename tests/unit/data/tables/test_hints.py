import polars as pl
import pytest

from hpsearch.data.tables.hints import alike, codes, meant, together
from hpsearch.data.tables.values import Cells

DAYS = range(1, 29)
NUMBERS = tuple(map(str, range(30)))
DATES = tuple(f"{month}/{day}/2006" for month in (1, 2) for day in range(1, 16))


@pytest.mark.parametrize(
    "texts",
    [("$1,200", "$300"), ("45%", "7.5 %"), ("1,200", "300"), ("€ 12", "13"), ("(1,000)", "-5")],
)
def test_numbers_with_signs_are_told(texts: tuple[str, ...]) -> None:
    said = meant(texts, ".")
    assert said.startswith(f'read as texts such as "{texts[0]}"; if these are numbers')


@pytest.mark.parametrize(
    ("texts", "cure"),
    [
        ([f"{day} kg" for day in DAYS], "without the unit"),
        ([f"0:{day:02d}:30" for day in DAYS], "one number, of seconds"),
        ([f"{day} Mar 2021" for day in DAYS], "write them as 2024-03-01"),
        ([f"March {day}, 2021" for day in DAYS], "write them as 2024-03-01"),
        ([f"12/{day}/21" for day in DAYS], "write them as 2024-03-01"),
        ([f"12/{day}/2021 03:04 PM" for day in DAYS], "write them as 2024-03-01"),
        ([f"202103{day:02d}T000000" for day in DAYS], "write them as 2024-03-01"),
    ],
)
def test_other_ways_to_write_numbers_and_dates_are_told(texts: list[str], cure: str) -> None:
    assert cure in meant(tuple(texts), ".")
    assert meant((*texts, "a word"), ".") == ""


@pytest.mark.parametrize(
    ("texts", "marks"),
    [
        ((*NUMBERS, "."), '["."]'),
        ((*NUMBERS, "-", "unknown"), '["-", "unknown"]'),
        ((*DATES, "."), '["."]'),
        (("1", "2", "."), '["."]'),
    ],
)
def test_what_may_stand_for_missing_values_is_told(texts: tuple[str, ...], marks: str) -> None:
    assert meant(texts, ".").endswith(f"set dataset.missing = {marks}")


@pytest.mark.parametrize(
    "texts",
    [
        ("a", "b"),
        ("1/2", "2/3"),
        tuple(f"{day}{'ab'[day % 2]}" for day in DAYS),
        ("R14", "R15"),
        ("0", "1-5", "6+"),
        (*NUMBERS[:19], "x"),
        ("+", "-"),
        ("1", "."),
        (*NUMBERS, *"abcdef"),
        (*DATES, *"abcdef"),
    ],
)
def test_texts_are_not(texts: tuple[str, ...]) -> None:
    assert meant(texts, ".") == ""


def test_a_decimal_comma_is_no_sign() -> None:
    assert meant(("1,5", "2,5"), ",") == ""
    assert meant(("0,00", "12", "2,345"), ".").endswith('set dataset.decimal = ","')
    assert meant(("1,234", "12"), ".").endswith("write them without signs")
    assert meant(("1.234", "12.000.000"), ",").endswith("write them without signs")


def test_texts_that_differ_by_case_alone_are_told() -> None:
    assert alike(("No", "YES", "yes")).startswith('"YES" and "yes" differ by case')
    assert alike(("no", "yes")) == ""


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            ["12345", "01234"],
            'such as "01234"; if these are codes, set dataset.categorical = ["c"]',
        ),
        ([20210300 + day for day in DAYS], "such as 20210301; if these are dates"),
        ([str(20210300 + day) for day in DAYS], "write them as 2021-03-01"),
    ],
)
def test_codes_and_days_among_numbers_are_told(values: list[object], said: str) -> None:
    assert said in codes("c", Cells(values=pl.Series(values)))


@pytest.mark.parametrize(
    "values", [["12345", "0", "0.5"], [20211300 + day for day in DAYS], [float("nan")] * 30]
)
def test_other_numbers_are_not(values: list[object]) -> None:
    assert codes("c", Cells(values=pl.Series(values))) == ""


def test_columns_with_the_same_hint_are_told_together() -> None:
    assert together([("a", "x"), ("b", "y"), ("c", "x")]) == (
        'columns "a" and "c": x',
        'column "b": y',
    )
    (told,) = together([(name, "x") for name in "abcde"])
    assert told == 'columns "a", "b", "c" and 2 more: x'
