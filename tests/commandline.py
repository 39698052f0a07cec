"""The command line, for acceptance tests: run in this process, or started as a user does."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import forked
import in_process
import psutil

from hpsearch.search import trials
from hpsearch.search.lookup import load_study
from hpsearch.search.storage.opening import open_storage
from hpsearch.search.study import OpenStudy

SMALL = """\
name = "{name}"
[dataset]
source = "digits"
[budget]
trials = {trials}
[training]
precision = "float32"
epochs = {epochs}
[space]
layers = {{ type = "int", low = 1, high = 2 }}
units = {{ type = "int", low = 16, high = 64, log = true, per_layer = true }}
batch_norm = {{ type = "categorical", choices = [true, false] }}
[space.optimizer]
adam = {{ learning_rate = {{ type = "float", low = 1e-3, high = 1e-2, log = true }} }}
sgd = {{ learning_rate = {{ type = "float", low = 1e-2, high = 1e-1, log = true }} }}
"""


TRAINING = {"check", "confirm", "evaluate", "predict", "reproduce", "run", "train"}
"""Commands that train or start other processes where they succeed, and then end."""

LASTING = {"dashboard", "serve", "worker"}
"""Commands that are started as a user does, where they succeed: what they are is a process."""

WITHOUT_TENSORFLOW = (".toml", ".json", ".yaml", ".yml", ".py")
"""Endings of what is exported without TensorFlow."""

NO_REFERENCE = "--no-reference"

READ_EACH_TIME = ("HPSEARCH_", "PG")
"""Beginnings of variables that are read when they are needed."""

READ_AT_START = ("PYTHON", "LC_", "LANG", "TZ", "HOME", "XDG_C")
"""Beginnings of variables that are read once, by Python and libraries, which tests may change.

Those of TensorFlow and Keras are read by commands only that are started anyway.
"""

QUICK = """\
import sys
if "worker" in sys.orig_argv:
    import functools
    sys.path.append({tests!r})
    import fakes
    from hpsearch.workers import worker
    train = functools.partial(fakes.train, seconds={seconds})
    worker.keras_trainer = lambda *_, **__: train
"""
"""What Python runs when it starts a worker that trains without TensorFlow, as if installed so."""

AT_START = dict(os.environ)
"""The variables with which this Python started."""


@dataclass(frozen=True)
class Cli:
    """The command line, with a home and a working folder of its own.

    Called, it runs a command to its end. Most of the time of a short command goes into the start of
    Python and its libraries, so that it runs in this process where that is the same, or in one that
    is forked from one with everything imported.
    """

    folder: Path
    started: list[psutil.Process] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    """Environment variables of all commands from now on."""
    compares: bool = False
    """Whether runs train models of scikit-learn for comparison, which takes seconds."""
    at_start: dict[str, str] = field(default_factory=dict)
    """Those of processes only: what they say of workers is nothing to other commands."""

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def database(self) -> Path:
        return self.home / "studies.db"

    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("HPSEARCH_")}
        return kept | {"HPSEARCH_HOME": str(self.home), **self.variables}

    def environment_of_a_process(self) -> dict[str, str]:
        """The environment variables of a command that is started."""
        return self.environment() | self.at_start

    def train_quickly(self, seconds: float = 0.0) -> None:
        """Have workers train as ``fakes.train`` does from now on, ``seconds`` in each epoch."""
        site = self.folder / "site"
        site.mkdir(exist_ok=True)
        tests = str(Path(__file__).parent)
        (site / "sitecustomize.py").write_text(QUICK.format(tests=tests, seconds=seconds))
        path = [str(site), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.at_start["PYTHONPATH"] = os.pathsep.join(path)

    def train_with_tensorflow(self) -> None:
        """Have workers train as they do for a user, which they do unless told otherwise."""
        del self.at_start["PYTHONPATH"]

    def words(self, arguments: Iterable[str | Path]) -> list[str]:
        """What is typed behind ``hpsearch``: a run compares with no models unless it is to."""
        words = [str(argument) for argument in arguments]
        is_alone = words[:1] == ["run"] and not self.compares and NO_REFERENCE not in words
        return [*words, *[NO_REFERENCE] * is_alone]

    def start(self, *arguments: str | Path, **options: Any) -> subprocess.Popen[str]:
        """Start ``hpsearch ARGUMENTS`` with pipes for its output."""
        process = subprocess.Popen(
            [sys.executable, "-m", "hpsearch", *self.words(arguments)],
            cwd=self.folder,
            env=self.environment_of_a_process(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )
        self.started.append(psutil.Process(process.pid))
        return process

    def end(self) -> None:
        """Leave no process behind, whatever a test did to it."""
        for process in self.started:
            family = [process]
            with contextlib.suppress(psutil.NoSuchProcess):
                family += process.children(recursive=True)
            for one in reversed(family):
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
        psutil.wait_procs(self.started, timeout=10)  # a zombie would be a child of later tests

    def __call__(
        self,
        *arguments: str | Path,
        code: int | None = 0,
        timeout: float = 100,
        process: bool | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; its exit code must be ``code`` (None: any).

        Args:
            arguments: what is typed behind ``hpsearch``.
            code: the exit code.
            timeout: seconds that a process may take.
            process: start a process as a user does (True) or run the command in this one (False);
                None: in this one, or in a forked one where the command trains, unless something
                about it needs a process.
        """
        words = self.words(arguments)
        if process is None:
            process = self._needs_start(words, code)
            trains = not process and self._trains(words, code)
        else:
            trains = False
        if process:
            done = self._run_process(words, timeout)
        elif trains:
            return forked.run(self, *words, code=code, timeout=timeout, trains=True)
        else:
            done = in_process.run(words, self.folder, self.environment())
        assert "Traceback" not in done.stderr, done.stderr
        assert code in (None, done.returncode), (
            f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
        return done

    def _run_process(self, words: list[str], timeout: float) -> subprocess.CompletedProcess[str]:
        process = self.start(*words)
        try:
            out, err = process.communicate(timeout=timeout)
        finally:
            process.kill()
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def _needs_start(self, words: list[str], code: int | None) -> bool:
        """Whether a command would notice that it is not in a process that was started for it."""
        if threading.current_thread() is not threading.main_thread():
            return True
        if not all(name.startswith(READ_EACH_TIME) for name in self.variables):
            return True
        changed = {name for name, _ in os.environ.items() ^ AT_START.items()}
        if any(name.startswith(READ_AT_START) for name in changed):
            return True
        if code in (2, 3) or not words:
            return False
        return words[0] in LASTING or "--watch" in words

    def _trains(self, words: list[str], code: int | None) -> bool:
        """Whether a command trains; one that ends with exit code 2 or 3 is refused before that."""
        if code in (2, 3) or not words:
            return False
        if words[0] == "export":
            return not any(word.endswith(WITHOUT_TENSORFLOW) for word in words)
        return words[0] in TRAINING

    def json(self, *arguments: str | Path, process: bool | None = None) -> Any:
        """What a command prints with ``--json``."""
        return json.loads(self(*arguments, "--json", process=process).stdout)

    def study_file(self, name: str = "small", *, trials: int = 4, epochs: int = 3) -> Path:
        """A study file whose search takes seconds."""
        path = self.folder / f"{name}.toml"
        path.write_text(SMALL.format(name=name, trials=trials, epochs=epochs))
        return path

    def details(self, study: str = "small") -> dict[str, Any]:
        """What ``show --json`` says of a study, but for the test split.

        Read by this process, as the next: a command takes a second or more to start, and many
        tests look at what other commands have left.
        """
        with self._opened(study) as found:
            return dict(json.loads(json.dumps(trials.details(found))))

    def rows(self, study: str = "small") -> list[dict[str, Any]]:
        """What ``trials --json`` says of a study."""
        with self._opened(study) as found:
            return list(json.loads(json.dumps([trials.row(found, t) for t in found.trials()])))

    @contextlib.contextmanager
    def _opened(self, study: str) -> Iterator[OpenStudy]:
        storage = open_storage(f"sqlite:///{self.database}", create=False)
        try:
            yield load_study(storage, study)
        finally:
            storage.close()


def wait_until(condition: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """Wait for a condition with a limit; what it gave."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if result := condition():
            return result
        time.sleep(0.2)  # a look costs time, too, and others need the cores
    raise AssertionError(f"not within {seconds} s: {what}")
