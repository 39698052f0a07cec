"""What is said before workers start."""

from collections.abc import Callable

import pytest

from hpsearch.cli.supervise import _warn_of_share
from hpsearch.home import Home
from hpsearch.search.study import OpenStudy


def test_a_share_that_is_not_there_is_said_once(
    open_study: Callable[..., OpenStudy],
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    study, share = open_study(), home.root / "not" / "mounted"
    _warn_of_share(study, home)
    monkeypatch.setenv("HPSEARCH_SHARE", f"file://{share}")
    _warn_of_share(study, home)
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith(f"warning: HPSEARCH_SHARE (file://{share}): nothing can be written")
    assert "make or mount it" in said
    assert not share.parent.exists()
