"""Functions that were pickled: loaded as those of files are, and told by their own lines."""

import hashlib
import logging
from pathlib import Path
from typing import Any

import pytest

from hpsearch.errors import InputError
from hpsearch.networks import pickled
from hpsearch.networks.python import Python
from hpsearch.training import users

CELL = """\
import hpsearch_no_such_package as absent


def build(config, data):
    return absent.dense(config)
"""


def kept(folder: Path, **functions: Any) -> Python:
    content = pickled.dumped(functions)
    file = folder / "build.pkl"
    file.write_bytes(content)
    return Python(file=str(file), sha256=hashlib.sha256(content).hexdigest())


def test_all_functions_of_a_file_are_those_that_were_given(tmp_path: Path) -> None:
    scale = 3
    network = kept(
        tmp_path, build=lambda config, _: scale * config["width"], fit=lambda *_: "trained"
    )
    made = users.function(network)
    assert made({"width": 2}, None) == 6
    assert users.function(network) is made  # read once
    other = network.model_copy(update={"function": "fit"})
    assert users.function(other)() == "trained"
    with pytest.raises(InputError, match=r"build\.pkl: has no function absent"):
        users.function(network.model_copy(update={"function": "absent"}))
    assert users.folder_of(made) == Path.cwd()


def test_an_error_is_told_by_the_functions_own_line(tmp_path: Path) -> None:
    def build(config: Any, data: Any) -> Any:  # noqa: ARG001
        # as of every other
        return 1 / config["zero"]

    made = users.function(kept(tmp_path, build=build))
    told = r"^<build\(\) of test_users\.py>, line 3: ZeroDivisionError: division by zero$"
    with pytest.raises(InputError, match=told), users.told(made):
        made({"zero": 0}, None)
    assert users.line_of(made) == "<build() of test_users.py>, line 1 (build)"


def test_a_package_that_is_not_here_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    package = tmp_path / "hpsearch_no_such_package.py"
    package.write_text("def dense(config):\n    return config\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(pickled, "_users_modules", list)  # as of an installed package
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(CELL, namespace)  # noqa: S102
    network = kept(tmp_path, build=namespace["build"])
    package.unlink()
    monkeypatch.delitem(__import__("sys").modules, "hpsearch_no_such_package")
    told = r"build\.pkl: cannot be read: there is no package hpsearch_no_such_package here; install"
    with caplog.at_level(logging.INFO), pytest.raises(InputError, match=told):
        users.function(network)
    assert "Traceback" in caplog.text


def test_a_file_that_was_changed_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    network = kept(tmp_path, build=lambda *_: None)
    Path(network.file).write_bytes(pickled.dumped({"build": lambda *_: 1}))
    with pytest.raises(InputError, match=r"build\.pkl has changed since the study"):
        users.function(network)


# From Python 3.12 on it warns of forking beside threads; the child only leaves.
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_file_that_leaves_python_at_once_is_told_by_its_line(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text(
        "import os\n"
        "def build(config, data):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        os._exit(3)\n"
        "    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3\n"
        "    os._exit(0)\n"
    )
    made = users.function(Python(file=str(file), function="build"))
    told = r"own\.py, line 7: RuntimeError: os\._exit\(0\) would end the worker"
    with pytest.raises(InputError, match=told), users.told(made), users.running(tmp_path):
        made({}, None)
