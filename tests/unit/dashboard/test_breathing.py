"""Answers in pieces, and a collector of cycles that keeps still."""

import gc
import json
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpsearch.dashboard import breathing

TEXTS = st.text('ab\\"\n€🐈', max_size=4)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=6,
)


@settings(max_examples=25)  # drawing them is what takes time; only the outer two levels differ
@given(value=st.dictionaries(TEXTS, VALUES, max_size=4))
def test_pieces_make_the_same_json(value: dict[str, Any]) -> None:
    assert breathing.dumps(value) == json.dumps(value)


def test_cycles_are_collected_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    collected = threading.Event()
    calls: list[str] = []
    monkeypatch.setattr(breathing, "COLLECT_EVERY", 0.0)
    monkeypatch.setattr(breathing, "LOOK_AGAIN", 2)
    monkeypatch.setattr(gc, "freeze", lambda: calls.append("freeze"))
    monkeypatch.setattr(gc, "unfreeze", lambda: calls.append("unfreeze"))

    def collect() -> None:
        calls.append("collect")
        if calls.count("collect") == 3:
            collected.set()

    monkeypatch.setattr(gc, "collect", collect)
    with breathing.collecting_seldom():
        assert not gc.isenabled()
        assert collected.wait(10)
    assert gc.isenabled()
    assert calls[:6] == ["collect", "freeze", "unfreeze", "collect", "freeze", "collect"]
    assert calls[-1] == "unfreeze"
