"""What the process beside the searches of a service does, and how it answers."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hpsearch.environment import STORAGE_VARIABLE
from hpsearch.errors import InputError
from hpsearch.home import Home
from hpsearch.search.study import OpenStudy
from hpsearch.services import chores


def test_each_line_is_done_and_answered_whatever_it_comes_to(
    home: Home, open_study: Callable[..., OpenStudy], monkeypatch: pytest.MonkeyPatch
) -> None:
    open_study(name="a")
    seen: list[tuple[str, Path]] = []

    def draw(study: OpenStudy, place: Home) -> None:
        seen.append((study.name, place.root))

    def refuse(*_: object) -> None:
        raise InputError("too many\nexamples")

    monkeypatch.setattr(chores, "KINDS", {"figures": draw, "models": refuse})
    monkeypatch.setenv(STORAGE_VARIABLE, home.own_storage)
    asked = [("a", "figures"), ("a", "models"), ("none", "figures"), ("a", "figures")]
    told = "".join(json.dumps({"study": name, "what": what}) + "\n" for name, what in asked)
    answers = io.StringIO()
    chores.main(home.root, io.StringIO(told), answers)
    errors = [json.loads(line)["error"] for line in answers.getvalue().splitlines()]
    assert errors[0] == errors[3] == ""
    assert errors[1] == "InputError: too many examples"
    assert errors[2].startswith("UnknownStudyError: study none: not found")
    assert seen == [("a", home.root)] * 2
