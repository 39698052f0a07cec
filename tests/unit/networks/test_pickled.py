"""Functions of a notebook in a file: the same each day, and read where the notebook is not."""

import hashlib
import os
import pickle
import subprocess
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

import pytest

from hpsearch.errors import InputError
from hpsearch.networks import pickled

CELL = '''\
import math
from typing import Any

SIZES = {"small": [1, 2], "large": [3]}


class Net:
    """A class of the notebook."""

    def __init__(self, width):
        super().__init__()
        self.width = width

    def call(self):
        def inner():
            raise ValueError("no such width")
        return inner()


def helper(x):
    return [math.floor(y) for y in x]


def build(config, data):
    # The first line of the function is above.
    if config in {"a", "b", "c", "d", "e"}:
        return helper([1.5]), SIZES, Net(2).width
    return Net(3).call()
'''

SCRIPT = """\
import hashlib, sys
from hpsearch.networks import pickled
exec(compile(sys.argv[1], "/tmp/ipykernel_99/7.py", "exec"), globals())
print(hashlib.sha256(pickled.dumped({"build": build})).hexdigest())
"""


def defined(code: str = CELL, file: str = "/tmp/ipykernel_12/34.py") -> Any:  # noqa: S108
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(code, file, "exec"), namespace)  # noqa: S102
    return namespace["build"]


def read(content: bytes) -> Any:
    return pickled.loaded(content, Path("build.pkl"))["build"]


def test_another_process_makes_the_same_file_of_the_same_cell() -> None:
    here = hashlib.sha256(pickled.dumped({"build": defined()})).hexdigest()
    other = {**os.environ, "PYTHONHASHSEED": "12345"}
    command = [sys.executable, "-c", SCRIPT, CELL]
    done = subprocess.run(command, env=other, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == here


def test_a_cell_that_is_run_again_or_grows_above_the_function_is_the_same() -> None:
    first = pickled.dumped({"build": defined()})
    assert pickled.dumped({"build": defined()}) == first
    assert pickled.dumped({"build": defined(f"x = 1\n\n{CELL}")}) == first
    assert pickled.dumped({"build": defined(CELL.replace("[3]", "[4]"))}) != first
    assert pickled.dumped({"build": defined(CELL.replace("Net(3)", "Net(4)"))}) != first


def test_what_is_read_does_the_same_and_tells_its_own_lines() -> None:
    build = read(pickled.dumped({"build": defined()}))
    assert build("a", None) == ([1], {"small": [1, 2], "large": [3]}, 2)
    with pytest.raises(ValueError, match="no such width") as error:
        build("z", None)
    places = [
        (frame.filename, frame.lineno)
        for frame in traceback.extract_tb(error.value.__traceback__)
        if pickled.is_place(frame.filename)
    ]
    assert places == [
        ("<build() of the notebook>", 5),
        ("<call() of the notebook>", 4),
        ("<call() of the notebook>", 3),
    ]


def test_helpers_of_modules_that_workers_do_not_find_come_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "beside_the_notebook.py"
    file.write_text("W = 3\n\n\ndef widen(x):\n    return x + W\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    code = (
        "import beside_the_notebook as b\nfrom beside_the_notebook import widen\n\n\n"
        "def build(config, data):\n    return widen(config) + b.W\n"
    )
    content = pickled.dumped({"build": defined(code)})
    monkeypatch.delitem(sys.modules, "beside_the_notebook")
    file.unlink()
    assert read(content)(1, None) == 7


def test_a_function_of_a_script_says_so(tmp_path: Path) -> None:
    script = tmp_path / "mine.py"
    script.write_text("def build(config, data):\n    return config / 0\n")
    build = read(pickled.dumped({"build": defined(script.read_text(), str(script))}))
    assert build.__code__.co_filename == "<build() of mine.py>"


def test_a_line_of_a_script_is_told_beside_that_of_its_function(tmp_path: Path) -> None:
    script, code = tmp_path / "theirs.py", "def build(config, data):\n    return config / 0\n"
    found = []
    for text in (code, f"import math\n\n{code}"):
        script.write_text(text)
        pickled._FIRST_LINES.clear()
        found.append(pickled.dumped({"build": defined(text, str(script))}))
    assert found[0] == found[1]
    told = "<build() of theirs.py>, line 2: ZeroDivisionError"
    beside = "<build() of theirs.py>, line 2 (line 4 of the file): ZeroDivisionError"
    assert pickled.with_lines_of_files(told) == beside
    pickled.dumped({"build": defined(code, str(script))})  # another one of this name
    for unknown in (told, "<build() of the notebook>, line 2: KeyError", "own.py, line 3"):
        assert pickled.with_lines_of_files(unknown) == unknown


@pytest.mark.parametrize("held", [threading.Lock(), (one for one in (1, 2))])
def test_what_cannot_be_pickled_is_one_message(held: Any) -> None:
    def build(config: Any, data: Any) -> Any:  # noqa: ARG001
        return held

    told = (
        "^build: cannot be handed to the workers, as what it uses cannot be pickled .*; make that"
    )
    with pytest.raises(InputError, match=told):
        pickled.dumped({"build": build})


def test_large_values_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickled, "MOST", 10_000)
    held = bytes(20_000)
    with pytest.raises(InputError, match=r"^build: cannot be handed .* takes 20\.7 kB"):
        pickled.dumped({"build": lambda *_: held})


def test_other_files_are_not_opened() -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return pytest.fail, ("it was opened",)

    with pytest.raises(InputError, match=r"f\.pkl: is no file of functions that hpsearch wrote"):
        pickled.loaded(pickle.dumps(Trap()), Path("f.pkl"))
    other = b"hpsearch functions, Python 3.9\n" + pickle.dumps(Trap())
    with pytest.raises(InputError, match=r"was made by Python 3\.9, and this is Python 3\.\d+;"):
        pickled.loaded(other, Path("f.pkl"))
