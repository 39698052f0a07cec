"""Takes pictures of a study's dashboard and report, to be looked at and for the README.

    .venv/bin/python scripts/pictures.py HOME STUDY FOLDER

Starts the real commands for a home, and Debian's Chromium without a way to any other machine.
Writes list.png, study.png, figures.png, trial.png and note.png of the dashboard, and
report-1280.png, report-420.png and report.pdf.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

HPSEARCH = (sys.executable, "-m", "hpsearch")


@contextmanager
def dashboard(home: str) -> Iterator[str]:
    """The real command; yields its address, without a slash at the end."""
    command = [*HPSEARCH, "dashboard", "--home", home, "--port", "0", "--no-token", "--read-only"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            assert process.stdout is not None  # noqa: S101  # as asked for
            yield process.stdout.readline().strip().rstrip("/")
        finally:
            process.terminate()


def settled(page: Page) -> None:
    """Wait until everything is drawn."""
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(2000)  # figures are drawn after that, and slide into their places


def picture_dashboard(browser: Browser, address: str, study: int, best: int, folder: Path) -> None:
    """The pages of one study."""
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    paths = {
        "list": "/dashboard",
        "study": f"/dashboard/studies/{study}",
        "note": f"/dashboard/studies/{study}/note",
        "trial": f"/dashboard/studies/{study}/trials?numbers={best}",
    }
    for name, path in paths.items():
        page.goto(address + path)
        settled(page)
        if name == "trial":
            page.locator("img[src$='curves.png']").scroll_into_view_if_needed()
            page.wait_for_timeout(500)
        page.screenshot(path=folder / f"{name}.png", full_page=name == "study")
        if name == "study":
            first = page.locator(".gtitle", has_text="Search history")
            first.evaluate("title => title.scrollIntoView({block: 'start'})")
            page.mouse.wheel(0, -100)  # it lies behind the head of the page now
            page.wait_for_timeout(500)
            page.screenshot(path=folder / "figures.png")
    page.close()


def picture_report(browser: Browser, file: Path, folder: Path) -> None:
    """The report on a desk, on a telephone, and on paper."""
    for width in (1280, 420):
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.goto(file.as_uri())
        settled(page)
        page.screenshot(path=folder / f"report-{width}.png", full_page=True)
        page.pdf(path=folder / "report.pdf", prefer_css_page_size=True, print_background=True)
        page.close()


def main(home: str, study: str, folder: Path) -> None:
    """Take all pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder.resolve() / "report.html"
    command = [*HPSEARCH, "report", study, "-o", str(file), "--home", home]
    subprocess.run(command, check=True)  # noqa: S603  # our own command
    with dashboard(home) as address, sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
        )
        request = driver.request.new_context(base_url=address)
        summaries = request.get("/api/studies").json()["study_summaries"]
        key = next(one["study_id"] for one in summaries if one["study_name"] == study)
        best = request.get(f"/api/studies/{key}").json()["best_trials"]
        picture_dashboard(browser, address, key, best[0]["number"] if best else 0, folder)
        picture_report(browser, file, folder)
        browser.close()


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: scripts/pictures.py HOME STUDY FOLDER")
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
