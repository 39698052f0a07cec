"""The first page of the service in a browser: enter, submit, watch, pause, clone, cancel."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import made
import pytest
import uvicorn
from browser import browsing, needs_chromium, watched
from commandline import Cli
from served import STUDY, Served, service_of

from hpsearch.home import Home
from hpsearch.search import claims
from hpsearch.search.attributes import BEST_EPOCH_KEY
from hpsearch.search.lookup import load_study
from hpsearch.space import suggest_config

pytestmark = needs_chromium

HOUSES = b"rooms,price\n" + b"".join(b"%d,%d\n" % (one % 5, 10 + one) for one in range(60))


@pytest.fixture
def served(cli: Cli) -> Iterator[Served]:
    home = Home(cli.home)
    home.root.mkdir()
    home.database.write_bytes(made.empty_database())
    with service_of(home) as served:
        yield served


@contextmanager
def listening(served: Served) -> Iterator[str]:
    """Has the service answer on a port while the block runs; gives its address."""
    config = uvicorn.Config(
        served.app, port=0, log_config=None, lifespan="off", ws="none", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def run_trial(served: Served, name: str, value: float) -> None:
    study = load_study(served.storage, name)
    trial = claims.claim(study)
    assert trial is not None
    suggest_config(study.file.space, trial)
    trial.set_user_attr(BEST_EPOCH_KEY, 1)
    study.optuna.tell(trial, value)


def test_a_user_enters_submits_watches_pauses_clones_and_cancels(
    served: Served, chromium: Any
) -> None:
    with listening(served) as address, browsing(chromium, 1280) as context:
        page, wrong = watched(context)
        page.goto(address)
        page.fill("#token", "hps_wrong")
        page.click("#enter button")
        page.wait_for_selector("#said >> text=is wrong")
        page.fill("#token", served.shown["submit"])
        page.click("#enter button")
        page.wait_for_selector("#who >> text=submit (submit)")
        page.fill("#text", "name = 3")
        page.click("#submit button")
        page.wait_for_selector("#refused >> text=write a text in quotes")
        assert all("status of 4" in text for text in wrong)  # what the browser says of 401 and 422
        wrong.clear()
        page.fill("#text", STUDY.format(name="bold", trials=5))
        page.click("#submit button")
        page.wait_for_selector("#said >> text=Queued bold.")
        page.click("#studies >> text=bold")
        run_trial(served, "bold", 0.75)
        page.wait_for_selector("#trials >> text=0.75")
        page.wait_for_selector("#studies >> text=1 of 5")
        assert "best val_accuracy 0.75" in page.inner_text("#study-facts")
        page.click('[aria-label="Pause bold"]')
        page.wait_for_selector('[aria-label="Resume bold"]')
        assert claims.claim(load_study(served.storage, "bold")) is None
        page.click('[aria-label="Clone bold"]')
        text = page.locator("#text")
        page.click("#submit button")
        page.wait_for_selector("#said >> text=Queued bold-2.")
        assert 'name = "bold-2"' in text.input_value()
        page.on("dialog", lambda dialog: dialog.accept())
        page.click('[aria-label="Cancel bold"]')
        page.wait_for_selector("#studies >> text=cancelled")
        for width in (1280, 420):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert wrong == []
        page.click("#leave")
        page.wait_for_selector("#enter:not([hidden])")


def test_trials_are_followed_again_when_a_service_was_away(served: Served, chromium: Any) -> None:
    assert served.submit("bold").status_code == 201
    with listening(served) as address, browsing(chromium, 1280) as context:
        page, wrong = watched(context)
        for path in ("/v1/me", "/v1/datasets", "/bold/events"):
            page.route(f"**{path}", lambda route: route.fulfill(status=503), times=1)
        page.clock.install()
        page.goto(f"{address}/?token={served.shown['submit']}&study=bold")
        page.wait_for_selector("#said >> text=503")
        with page.expect_response(lambda answer: answer.url.endswith("/bold/events")):
            page.clock.fast_forward(10_000)
        run_trial(served, "bold", 0.75)
        page.wait_for_selector("#trials >> text=0.75")
        assert all("status of 503" in text for text in wrong)


def test_what_was_found_is_seen_exported_and_removed_and_data_are_uploaded(
    served: Served, chromium: Any
) -> None:
    assert served.submit("bold").status_code == 201
    with listening(served) as address, browsing(chromium, 420) as context:
        page, wrong = watched(context)
        page.on("dialog", lambda dialog: dialog.accept())
        page.goto(f"{address}/?token={served.shown['submit']}&study=bold")
        page.wait_for_selector("#trials-form:not([hidden])")
        run_trial(served, "bold", 0.75)
        run_trial(served, "bold", 0.875)
        page.wait_for_selector("#history-text >> text=2 complete trials, from 0.75 to 0.875")
        page.click("#best summary")
        page.wait_for_selector("#best-text >> text=learning_rate")
        with page.expect_download() as download:
            page.click("#export button")
        assert download.value.suggested_filename.endswith(".toml")
        page.select_option("#exported", label="the ensemble")
        page.click("#export button")
        page.wait_for_selector("#said >> text=an ensemble has several")
        chosen = {
            "members": [{}, {}],
            "metric": "val_accuracy",
            "value": 0.9,
            "single_value": 0.875,
        }
        page.route("**/bold/ensemble", lambda route: route.fulfill(json=chosen))  # takes long
        page.click("#ensemble")
        page.wait_for_selector("#said >> text=2 networks averaged: val_accuracy 0.9")
        page.click("#refit")
        page.wait_for_selector("#said >> text=Queued bold.confirm: the winner on training")
        page.fill("#trials-wanted", "7")
        page.click("#trials-form button")
        page.wait_for_selector("#studies >> text=2 of 7")
        page.click('[aria-label="Pause bold"]')
        page.click("#delete:not([hidden])")
        page.wait_for_selector("#said >> text=Removed bold.")
        table = {"name": "houses.csv", "mimeType": "text/csv", "buffer": HOUSES}
        page.set_input_files("#upload-file", table)
        page.click("#upload button")
        page.wait_for_selector("#data >> text=houses.csv")
        page.click('[aria-label="Remove houses.csv"]')
        page.wait_for_selector("#said >> text=Removed houses.csv.")
        assert page.evaluate("document.documentElement.scrollWidth") <= 420
        assert all("status of 422" in text for text in wrong)  # the ensemble that there is not
