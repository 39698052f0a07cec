"""The dashboard in a real browser, without a network."""

import base64
import json
import signal
from collections.abc import Iterator

import pytest
from browser import browsing, needs_chromium, watched
from commandline import Cli
from dashboards import shown, token_of
from made import make_published, make_study, make_trials
from playwright.sync_api import Browser, Page
from web import ask

pytestmark = [needs_chromium, pytest.mark.timeout(180)]

OWN_FIGURES = (
    "Search history", "Network size and accuracy", "Training time and accuracy",
    "Generalisation gap", "Learning rate and accuracy", "Widths by layer",
    "Learning curves",
)  # fmt: skip


FOLLOW = "to => { history.pushState(null, '', to); dispatchEvent(new PopStateEvent('popstate')) }"
"""What a link of the dashboard does: its scripts, which take seconds to load, stay."""


def base(address: str) -> str:
    """The address without its token."""
    return address.partition("/?")[0]


def test_the_search_is_seen(cli: Cli, chromium: Browser) -> None:
    make_published(cli)
    with shown(cli, "--read-only") as (address, _), browsing(chromium) as context:
        page, wrong = watched(context)
        page.goto(address)
        page.get_by_text("small").first.wait_for()
        assert page.url.startswith(f"{base(address)}/dashboard")
        assert "token" not in page.url  # nobody reads it over a shoulder
        page.evaluate(FOLLOW, "/dashboard/studies/1")
        for title in OWN_FIGURES:
            page.locator(".gtitle", has_text=title).wait_for()
        page.get_by_text("Best Trial").wait_for()
        page.evaluate(FOLLOW, "/dashboard/studies/1/note")
        page.get_by_text("hpsearch run small.toml").wait_for()
        page.get_by_text("adam.learning_rate").wait_for()
        page.goto(f"{base(address)}/dashboard/studies/1/trials?numbers=0")
        _see_a_trial(page)
        assert wrong == []


def _see_a_trial(page: Page) -> None:
    """The page of one trial: what it is, and its files."""
    page.get_by_role("heading", name="Trial 0 (trial_id=1)").wait_for()
    for text in ("parameters", "epochs", "seconds", "device", "worker"):
        page.get_by_text(text, exact=False).first.wait_for()
    picture = page.locator("img[src$='curves.png']")
    picture.wait_for()
    page.wait_for_function("document.querySelector('img[src$=\"curves.png\"]').naturalWidth > 300")
    page.get_by_text("recipe.toml").first.wait_for()


def test_a_wrong_token_shows_nothing(cli: Cli, chromium: Browser) -> None:
    make_study(cli)
    with shown(cli) as (address, _), browsing(chromium) as context:
        page, _wrong = watched(context)
        answer = page.goto(f"{base(address)}/?token=wrong-wrong-wrong")
        assert answer is not None
        assert answer.status == 401
        assert page.goto(f"{base(address)}/dashboard").status == 401  # type: ignore[union-attr]
        assert "small" not in page.content()


AWKWARD = {
    "none": [],
    "one": ["complete"],
    "failed": ["failed", "failed"],
    "pruned": ["pruned", "pruned"],
    "running": ["running"],
}


def test_studies_without_much_in_them(cli: Cli, chromium: Browser) -> None:
    for name, states in AWKWARD.items():
        make_trials(cli, name, states)
        cli("report", name, "-o", f"{name}.html")
    with shown(cli) as (address, process), browsing(chromium) as context:
        page, wrong = watched(context)
        page.on("response", lambda got: wrong.append(got.url) if got.status >= 500 else None)
        page.goto(address)
        page.get_by_text("running").first.wait_for()
        for key, (name, states) in enumerate(AWKWARD.items(), start=1):
            at = f"/dashboard/studies/{key}"
            page.evaluate(FOLLOW, at)
            page.get_by_text(f"{name} (id={key})").wait_for()
            for title in OWN_FIGURES:
                page.locator(".gtitle", has_text=title).wait_for()
            if states:
                page.evaluate(FOLLOW, f"{at}/trials?numbers=0")
                page.get_by_role("heading", name="Trial 0 ").wait_for()
            else:
                page.evaluate(FOLLOW, f"{at}/note")
                page.get_by_text(f"hpsearch run {name}.toml").wait_for()
            page.evaluate(FOLLOW, "/dashboard")
            page.get_by_text("pruned").first.wait_for()
        assert wrong == []
        # One after the other: Chromium has another process for pages of another place.
        page, wrong = watched(context)
        for name in AWKWARD:
            page.goto((cli.folder / f"{name}.html").as_uri())
            page.locator("#environment").wait_for()
            page.wait_for_function("document.querySelectorAll('.main-svg').length >= 14")
        assert wrong == []
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
        assert "Traceback" not in said


@pytest.fixture
def attacked(cli: Cli) -> Iterator[tuple[str, str]]:
    """A dashboard of a study that somebody may write to: its address and token."""
    make_study(cli)
    with shown(cli) as (address, _):
        yield address, token_of(address)


EVIL = "<script>document.title = 'owned'; fetch('/api/studies/1', {method: 'DELETE'})</script>"


def test_html_in_an_artifact_is_saved_and_never_obeyed(
    attacked: tuple[str, str], chromium: Browser
) -> None:
    address, token = attacked
    bearer = {"Authorization": f"Bearer {token}"}
    body = {"file": "data:text/html;base64," + _base64(EVIL), "filename": "evil.html"}
    made = ask(address, "/api/artifacts/1", "POST", body, **bearer)
    assert made.status == 201
    path = f"/artifacts/1/{json.loads(made.body)['artifact_id']}"
    served = ask(address, path, **bearer)
    assert served.body.decode() == EVIL
    assert served.headers["Content-Type"] == "application/octet-stream"
    with browsing(chromium) as context:
        page, _ = watched(context)
        page.goto(address)
        page.get_by_text("small").first.wait_for()
        with page.expect_download():
            page.evaluate("path => { location.href = path }", path)
        # Nor as a part of a page of the dashboard's own, nor by another spelling of the path.
        for spelt in (path, "/%ff" + path[1:], path.replace("artifacts", "artifacts%ff")):
            for tag in ("iframe", "script"):
                page.evaluate(EMBED, [tag, spelt])
            refused = page.request.get(base(address) + spelt)
            assert refused.headers["content-type"] != "text/html"
        page.wait_for_timeout(500)  # for what a script that ran may have sent
        assert page.title() != "owned"
        page.evaluate(FOLLOW, "/dashboard/studies/1")
        page.get_by_text("evil.html").first.wait_for()
    assert ask(address, "/api/studies/1", **bearer).status == 200


EMBED = """([tag, path]) => new Promise(done => {
    const part = document.createElement(tag);
    part.onload = part.onerror = () => done();
    if (tag === 'iframe') setTimeout(done, 1000);  // of a download nothing is heard
    part.src = path;
    document.body.append(part);
})"""


def test_html_in_a_note_is_never_obeyed(attacked: tuple[str, str], chromium: Browser) -> None:
    address, token = attacked
    evil = "<img src=x onerror=\"document.title = 'owned'\">" + EVIL + "\n\nharmless words"
    bearer = {"Authorization": f"Bearer {token}"}
    note = ask(address, "/api/studies/1/note", "PUT", {"version": 1, "body": evil}, **bearer)
    assert note.status == 204
    with browsing(chromium) as context:
        page, _ = watched(context)
        page.goto(address)
        page.evaluate(FOLLOW, "/dashboard/studies/1/note")
        page.get_by_text("harmless words").first.wait_for()
        page.wait_for_load_state("networkidle")
        assert page.title() != "owned"
    assert ask(address, "/api/studies/1", **bearer).status == 200


def test_another_site_changes_nothing(cli: Cli, chromium: Browser) -> None:
    make_study(cli)
    # Without a token: only the origin of a request tells who sends it.
    with shown(cli, "--no-token") as (address, _), browsing(chromium) as context:
        page, _wrong = watched(context)
        # "localhost" is another site than 127.0.0.1, and the server answers to both.
        page.goto(address.replace("127.0.0.1", "localhost"))
        page.get_by_text("small").first.wait_for()
        # What needs no leave of the other side to be sent: a form.
        with page.expect_navigation() as answered:
            page.evaluate(
                "url => { const form = document.createElement('form'); form.method = 'POST';"
                " form.action = url; document.body.append(form); form.submit() }",
                f"{address}api/studies",
            )
        assert answered.value is not None
        assert answered.value.status == 403
        summaries = json.loads(ask(address, "/api/studies").body)["study_summaries"]
        assert [one["study_name"] for one in summaries] == ["small"]
        # The page itself may.
        page.goto(address)
        answer = page.evaluate("fetch('/api/studies/1', {method: 'DELETE'}).then(a => a.status)")
        assert answer == 204


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
