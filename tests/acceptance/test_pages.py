"""Pages that hpsearch writes, in a real browser without a network."""

import shutil
import subprocess
from pathlib import Path

import pytest

from hpsearch.figures.confusion import write_confusion

CHROMIUM = shutil.which("chromium")


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_the_confusion_figure_is_drawn(tmp_path: Path) -> None:
    page = tmp_path / "confusion.html"
    write_confusion(page, [[30, 2], [5, 63]], ["cat", "<b>dog</b>"], "Test accuracy 93.00%")
    done = subprocess.run(
        [
            str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={tmp_path / 'profile'}",
            "--virtual-time-budget=10000", "--dump-dom", page.as_uri(),
        ],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert 'class="main-svg"' in done.stdout
    assert 'data-unformatted="Test accuracy 93.00%"' in done.stdout
    assert 'data-unformatted="63"' in done.stdout
    assert "&lt;b&gt;dog&lt;/b&gt;</text>" in done.stdout  # shown, not obeyed
