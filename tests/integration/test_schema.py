"""The service is what its OpenAPI description says, as schemathesis sees it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from averaged import ensemble
from schemas import attack, operations
from served import Served, service_of
from uploading import looked_at_here

from hpsearch.errors import InputError
from hpsearch.home import Home
from hpsearch.search.ensemble import plain
from hpsearch.search.study import OpenStudy
from hpsearch.server import who
from hpsearch.server.routes import downloads as routes
from hpsearch.services import downloads, submit

SLOW = {"POST /v1/check"}
"""What trains models: scripts/faults/schema.py sees its answers."""


def refused(*_: object) -> None:
    raise InputError("nothing is trained here")


def written(words: Sequence[str], *_: object) -> str:
    if "-o" in words:
        output = words[words.index("-o") + 1]
        if output.endswith("/"):
            Path(output).mkdir()
        else:
            Path(output).write_text("{}")
    return "{}"


def averaged(study: OpenStudy, *_: object) -> dict[str, Any]:
    return {"study": study.name, **plain(ensemble((0, False, 7, 0.75), (1, True, 8, 0.25)))}


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setattr(who, "WRONG", 10_000)  # it tries wrong tokens
    monkeypatch.setattr(downloads, "run_command", written)
    monkeypatch.setattr(submit, "apart", refused)
    monkeypatch.setattr(routes, "ensemble_apart", averaged)
    with looked_at_here(), service_of(Home(tmp_path / "home"), data_root=tmp_path) as served:
        yield served


def test_every_answer_is_as_it_is_described(served: Served) -> None:
    seen = []
    for operation in operations(served):
        statuses, wrong = attack(served, operation, examples=3)
        assert not wrong, "\n\n".join(wrong)
        assert min(statuses) < 300 or operation.label in SLOW, (operation.label, statuses)
        seen.append(operation.label)
    assert len(seen) == len(set(seen)) > 25
