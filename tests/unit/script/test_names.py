"""Names: what a script uses and has not."""

import pytest

from hpsearch.script.names import check_names

FINE = """
import json
from pathlib import Path as P

SIZE = 3

class A:
    def f(self, x, *rest, y=1):
        return [z + SIZE for z in x], rest, y, P, json, __name__, __file__, len(x)
"""


def test_a_script_that_has_its_names_is_fine() -> None:
    assert check_names(FINE, "fine.py") == []


def test_unknown_names_and_modules_are_told() -> None:
    source = FINE + "import nosuchmodule\nprint(SIZES)\n"
    assert check_names(source, "bad.py") == ["SIZES", "nosuchmodule"]


def test_what_is_no_python_is_refused() -> None:
    with pytest.raises(SyntaxError):
        check_names("def f(:", "bad.py")
