"""How numbers are written on the page."""

import base64

import pytest

from hpsearch.report import page


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (page.number(0.5), "0.5000"), (page.number(None), ""), (page.signed(0.0125), "+0.0125"),
        (page.signed(-0.5), "-0.5000"), (page.signed(None), ""), (page.whole(1234567), "1,234,567"),
        (page.whole(None), ""), (page.percent(0.1234), "12.3 %"), (page.css(0.5), "50.0%"),
        (page.seconds(1234.56), "1,234.6"), (page.seconds(None), ""), (page.plain(1e-4), "0.0001"),
        (page.plain(2048), "2048"), (page.mean([{"value": 0.5}, {"value": 0.25}]), 0.375),
    ],
)  # fmt: skip
def test_numbers(written: object, text: object) -> None:
    assert written == text


def test_a_text_is_saved_as_it_is() -> None:
    text = 'name = "größer"\n'
    address = page.download(text)
    assert base64.b64decode(address.partition("base64,")[2]).decode() == text
