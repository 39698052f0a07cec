"""``import hpsearch``: quick, and what users name is there whatever was imported before."""

import inspect
import json
import subprocess
import sys

import pytest

import hpsearch

FRESH = """\
import json, sys, time
began = time.process_time()
import hpsearch
seconds = time.process_time() - began
heavy = ("tensorflow", "keras", "optuna", "numpy", "pydantic", "rich")
first = [name for name in heavy if name in sys.modules]
import hpsearch.search.attributes  # makes hpsearch.search the package
_ = hpsearch.Int(1, 4), hpsearch.InputError
later = [name for name in ("tensorflow", "keras", "optuna") if name in sys.modules]
print(json.dumps([seconds, first, later, callable(hpsearch.search), sorted(dir(hpsearch))]))
"""


def test_it_takes_a_tenth_of_a_second_and_imports_nothing_heavy() -> None:
    command = [sys.executable, "-c", FRESH]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, first, later, is_function, names = json.loads(done.stdout)
    assert seconds <= 0.1
    assert (first, later) == ([], [])
    assert is_function
    assert {"search", "load", "Study", "Int", "Float", "Choice", "InputError"} <= {*names}


def test_every_name_is_there() -> None:
    for name in hpsearch.__all__:
        assert getattr(hpsearch, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'serach'"):
        _ = hpsearch.serach


def test_search_is_a_function_and_a_package() -> None:
    from hpsearch.api.searching import search  # noqa: PLC0415
    from hpsearch.search import trials  # noqa: PLC0415

    assert inspect.signature(hpsearch.search) == inspect.signature(search)
    assert hpsearch.search.trials is trials
    assert str(hpsearch.search.__doc__).startswith("Run a search: start it, resume it, or join")
