"""Functions on their way to the workers: by file and name, or pickled."""

import functools
import importlib.util
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from hpsearch.api.functions import handed_over, of_file
from hpsearch.api.given import Keeping
from hpsearch.errors import InputError
from hpsearch.networks import pickled

CODE = """\
import functools


def build(config, data):
    return "built"


def fit(model, data, config, report):
    return "trained"


@functools.wraps(build)
def decorated(*both):
    return build(*both)


renamed = decorated
make = lambda config, data: "made"
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    file = tmp_path / "nets.py"
    file.write_text(CODE)
    spec = importlib.util.spec_from_file_location("nets", file)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "nets", found)
    spec.loader.exec_module(found)
    return found


def test_functions_of_a_module_travel_as_its_file(module: Any, keeping: Keeping) -> None:
    own = {"function": module.build, "fit": module.fit}
    assert handed_over(own, keeping) == {
        "file": module.__file__,
        "function": "build",
        "fit": "fit",
    }
    assert not keeping.home.root.exists()


def local(config: Any, data: Any) -> Any:  # noqa: ARG001
    return "local"


class Builder:
    def __call__(self, config: Any, data: Any) -> Any:
        return "called"

    def build(self, config: Any, data: Any) -> Any:
        return "method"


@pytest.mark.parametrize(
    ("function", "name", "gives"),
    [
        (lambda _config, _data: "lambda", "build", "lambda"),
        (functools.partial(local, data=1), "build", "local"),
        (Builder(), "build", "called"),
        (Builder().build, "build", "method"),
    ],
)
def test_all_others_are_pickled(function: Any, name: str, gives: str, keeping: Keeping) -> None:
    given = handed_over({"function": function}, keeping)
    assert given["function"] == name
    path = Path(given["file"])
    assert (path.name, path.parent.parent) == (f"{name}.pkl", keeping.home.root / "python")
    made = pickled.loaded(path.read_bytes(), path)[name]
    assert (made(1) if gives == "local" else made(1, 2)) == gives


def test_a_name_that_stands_for_something_else_is_none(module: Any, keeping: Keeping) -> None:
    assert handed_over({"function": module.decorated}, keeping)["file"].endswith("build.pkl")
    assert handed_over({"function": module.make}, keeping)["file"].endswith("build.pkl")


def test_functions_of_two_places_lie_in_one_file(module: Any, keeping: Keeping) -> None:
    own = {"function": module.build, "fit": lambda *_: "mine"}
    given = handed_over(own, keeping)
    functions = pickled.loaded(Path(given["file"]).read_bytes(), Path("f"))
    assert functions[given["function"]](1, 2) == "built"
    assert functions[given["fit"]](1) == "mine"


PACKAGE = {
    "__init__.py": "",
    "layers.py": "W = 3\n\n\ndef widen(x):\n    return x + W\n",
    "nets/__init__.py": "",
    "nets/inner.py": (
        "from ..layers import widen\nfrom ownpkg import layers\n\n\n"
        "def build(config, data):\n    return widen(config) + layers.W\n"
    ),
}


@pytest.mark.parametrize("found_by_workers", [False, True])
def test_a_function_of_a_package_brings_what_it_uses_of_it(
    found_by_workers: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keeping: Keeping
) -> None:
    for name, text in PACKAGE.items():
        (file := tmp_path / "ownpkg" / name).parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    if found_by_workers:
        folders = [*pickled._workers_path(), tmp_path.resolve()]
        monkeypatch.setattr(pickled, "_workers_path", lambda: folders)
    module = importlib.import_module("ownpkg.nets.inner")
    try:
        given = handed_over({"function": module.build}, keeping)
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "ownpkg"]:
            del sys.modules[name]
    shutil.rmtree(tmp_path / "ownpkg")
    functions = pickled.loaded(Path(given["file"]).read_bytes(), Path("f"))
    assert functions["build"](1, None) == 7


@pytest.mark.parametrize("other", [5, "build()", None, [local]])
def test_what_is_no_function_is_refused(other: Any, keeping: Keeping) -> None:
    with pytest.raises(InputError, match=r"^model: .* is no function; give build"):
        handed_over({"function": other}, keeping)


def test_a_path_names_a_function_behind_a_colon() -> None:
    assert of_file("nets.py") == {"file": str(Path("nets.py").absolute()), "function": "build"}
    assert of_file(Path("/a/nets.py:make")) == {"file": "/a/nets.py", "function": "make"}
