import pytest

from hpsearch.data.tables.hints import alike, meant

NUMBERS = tuple(map(str, range(30)))
DATES = tuple(f"{month}/{day}/2006" for month in (1, 2) for day in range(1, 16))


@pytest.mark.parametrize(
    "texts",
    [("$1,200", "$300"), ("45%", "7.5 %"), ("1,200", "300"), ("€ 12", "13"), ("(1,000)", "-5")],
)
def test_numbers_with_signs_are_told(texts: tuple[str, ...]) -> None:
    said = meant("price", texts, ".")
    assert said.startswith(f'column "price" is taken as texts such as "{texts[0]}"')


@pytest.mark.parametrize(
    ("texts", "marks"),
    [
        ((*NUMBERS, "."), '["."]'),
        ((*NUMBERS, "-", "unknown"), '["-", "unknown"]'),
        ((*DATES, "."), '["."]'),
    ],
)
def test_what_may_stand_for_missing_values_is_told(texts: tuple[str, ...], marks: str) -> None:
    assert meant("c", texts, ".").endswith(f"set dataset.missing = {marks}")


@pytest.mark.parametrize(
    "texts",
    [
        ("a", "b"),
        ("1/2", "2/3"),
        ("R14", "R15"),
        ("0", "1-5", "6+"),
        (*NUMBERS[:19], "."),
        (*NUMBERS, *"abcdef"),
        (*DATES, *"abcdef"),
    ],
)
def test_texts_are_not(texts: tuple[str, ...]) -> None:
    assert meant("c", texts, ".") == ""


def test_a_decimal_comma_is_no_sign() -> None:
    assert meant("c", ("1,5", "2,5"), ",") == ""
    assert "write them without signs" in meant("c", ("1,5", "2,5"), ".")


def test_texts_that_differ_by_case_alone_are_told() -> None:
    assert alike("c", ("No", "YES", "yes")).startswith('column "c" has "YES" and "yes", which')
    assert alike("c", ("no", "yes")) == ""
