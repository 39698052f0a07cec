"""Reads pages that hpsearch writes: the texts of their sections, and the tables in these."""

import re
from html.parser import HTMLParser

_NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
_UNREAD = {"script", "style", "pre", "code", "title", "head"}
"""What no reader takes for a statement of the page's own."""


class Sections(HTMLParser):
    """The sections of a page by their ids.

    Attributes:
        tables: by section, each table as rows of cells, the head first.
        texts: by section, what stands outside its tables.
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[list[str]]]] = {}
        self.texts: dict[str, str] = {}
        self._section, self._unread, self._depth = "", 0, 0
        self._cell: list[str] | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "section":
            self._section = given.get("id") or ""
            self.tables[self._section] = []
        self._unread += tag in _UNREAD
        if given.get("class") == "id":  # a name made of digits, no number
            self._unread, self._depth = self._unread + 1, self._depth + 1
        if tag == "table":
            self.tables[self._section].append([])
        elif tag == "tr":
            self.tables[self._section][-1].append([])
        elif tag in ("td", "th"):
            self._cell = []

    def handle_endtag(self, tag: str) -> None:
        self._unread -= tag in _UNREAD
        if tag == "span" and self._depth:
            self._unread, self._depth = self._unread - 1, self._depth - 1
        if tag in ("td", "th") and self._cell is not None:
            self.tables[self._section][-1][-1].append(" ".join("".join(self._cell).split()))
            self._cell = None
        elif tag == "section":
            self._section = ""

    def handle_data(self, data: str) -> None:
        if self._unread:
            return
        if self._cell is not None:
            self._cell.append(data)
        else:
            self.texts[self._section] = self.texts.get(self._section, "") + data


def numbers(text: str) -> list[str]:
    """The numbers in a text, as they are written."""
    return _NUMBER.findall(text)
