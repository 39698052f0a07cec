"""Takes pictures of the service's page while studies run, to be looked at and for the README.

    .venv/bin/python scripts/picture_service.py FOLDER

Starts the real service in a home of its own, has three users submit studies on digits, waits until
one of them has run for a while, and writes service-1280.png and service-420.png (all of the page),
and service.png (its first screen), by Debian's Chromium without a way to any other machine.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

import hpsearch

HPSEARCH = (sys.executable, "-m", "hpsearch")
STUDIES = {"ana": "digits-dense", "ben": "digits-small", "eva": "digits-wide"}
TABLE = {
    "dataset": {"source": "digits"},
    "budget": {"trials": 30},
    "training": {"epochs": 40, "precision": "float32"},
}
SHOWN = 6
"""Complete trials of the first study when the pictures are taken."""


@contextmanager
def service(home: str) -> Iterator[str]:
    """The real command; yields its address, without a slash at the end."""
    command = [*HPSEARCH, "serve", "--home", home, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            assert process.stdout is not None  # noqa: S101  # as asked for
            yield process.stdout.readline().partition("?")[0].rstrip("/")
        finally:
            process.terminate()


def token(home: str, user: str) -> str:
    """A token, just made."""
    command = [*HPSEARCH, "token", "add", user, "--home", home]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603
    return done.stdout.strip()


def picture(browser: Browser, address: str, shown: str, study: str, folder: Path) -> None:
    """The page on a desk and on a telephone, with one study open."""
    for width in (1280, 420):
        page = browser.new_page(viewport={"width": width, "height": 1000})
        page.goto(f"{address}/?token={shown}&study={study}")
        page.wait_for_selector("#history-text >> text=complete trials")
        page.screenshot(path=folder / f"service-{width}.png", full_page=True)
        if width == 1280:  # the desk
            page.screenshot(path=folder / "service.png")
        page.close()


def main(folder: Path) -> None:
    """Take all pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, service(home) as address:
        tokens = {user: token(home, user) for user in STUDIES}
        clients = {user: hpsearch.Client(address, shown) for user, shown in tokens.items()}
        studies = [clients[user].submit({"name": name, **TABLE}) for user, name in STUDIES.items()]
        with sync_playwright() as driver:
            browser = driver.chromium.launch(
                executable_path="/usr/bin/chromium",
                args=["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
            )
            for _ in studies[0].events():
                done = [one for one in studies[0].trials() if one["state"] == "complete"]
                if len(done) >= SHOWN:
                    break
            picture(browser, address, tokens["ana"], studies[0].name, folder)
            browser.close()


if __name__ == "__main__":
    if len(sys.argv) != 2:  # the folder
        sys.exit("usage: scripts/picture_service.py FOLDER")
    main(Path(sys.argv[1]))
