"""A new version takes over the queue of an old one, and an old one that of a new one."""

import json
from pathlib import Path

import sqlalchemy as sa
from optuna.storages._rdb import models
from served import Served, service_of

from hpsearch.home import Home
from hpsearch.search import submissions
from hpsearch.search.attributes import SUBMISSION_KEY
from hpsearch.search.database.backup import back_up
from hpsearch.search.lookup import load_study


def stored(served: Served) -> dict[str, object]:
    attribute = models.StudyUserAttributeModel
    query = sa.select(attribute.value_json).where(attribute.key == SUBMISSION_KEY)
    with sa.orm.Session(served.storage.engine) as session:
        found = json.loads(session.scalars(query).one())
    assert isinstance(found, dict)
    return found


def store(served: Served, submission: dict[str, object]) -> None:
    attribute = models.StudyUserAttributeModel
    with sa.orm.Session(served.storage.engine) as session, session.begin():
        session.execute(
            sa.update(attribute)
            .where(attribute.key == SUBMISSION_KEY)
            .values(value_json=json.dumps(submission))
        )


def complete(served: Served, name: str, value: float) -> None:
    study = load_study(served.storage, name).optuna
    study.tell(study.ask(), value)


def test_a_database_of_the_first_version_goes_on(served: Served) -> None:
    assert served.submit("small", Idempotency_Key="k").status_code == 201
    with served.storage.engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE hpsearch_notices"))  # which it did not have
    with service_of(served.home) as later:
        assert [row["name"] for row in later.ask("GET", "/v1/studies").json()] == ["small"]
        assert later.submit("small", Idempotency_Key="k").status_code == 200
        assert later.ask("POST", "/v1/studies/small/pause").json()["state"] == "paused"
        assert later.submit("more", path="?target=0.5").status_code == 201
        complete(later, "more", 0.6)
        assert [one.study for one in later.storage.targets()] == ["more"]


def test_what_a_newer_version_keeps_of_a_submission_is_not_lost(served: Served) -> None:
    served.submit("small")
    store(served, stored(served) | {"deadline": 1e9, "tags": ["a"]})
    study = load_study(served.storage, "small")
    for act in (submissions.pause, submissions.resume):
        act(study, "admin")
    submissions.serve(study)
    found = stored(served)
    assert (found["deadline"], found["tags"], found["state"]) == (1e9, ["a"], "queued")
    assert served.ask("GET", "/v1/studies/small").json()["submission"]["deadline"] == 1e9


def test_a_state_of_a_newer_version_is_left_alone_and_said(served: Served) -> None:
    served.submit("small")
    newer = stored(served) | {"state": "held"}
    store(served, newer)
    for act in ("pause", "cancel", "resume"):
        answer = served.ask("POST", f"/v1/studies/small/{act}")
        assert answer.status_code in (409, 422), answer.text
    assert stored(served) == newer
    assert served.ask("GET", "/v1/studies").status_code == 200


def test_a_backup_has_queue_events_and_what_is_to_be_told(served: Served, tmp_path: Path) -> None:
    served.submit("small", path="?target=0.5", Idempotency_Key="k")
    home = Home(tmp_path / "restored")
    home.root.mkdir()
    back_up(served.storage.url, home.database)
    with service_of(home) as restored:
        assert restored.ask("GET", "/v1/studies").json()[0]["state"] == "queued"
        assert restored.submit("small", path="?target=0.5", Idempotency_Key="k").status_code == 200
        complete(restored, "small", 0.4)
        [target] = restored.storage.targets()
        assert (target.target, target.best, target.is_reached) == (0.5, 0.4, False)
