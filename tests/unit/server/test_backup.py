"""A service that is restored from a backup, as its page says, goes on with uploads and queue."""

import re
import shlex
import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path

from served import Served, service_of
from uploading import CSV, looked_at_here

import hpsearch.server
from hpsearch.home import Home
from hpsearch.search.database.backup import back_up

PAGE = (Path(hpsearch.server.__file__).parent / "running.md").read_text()


def commands(home: Home, folder: Path) -> list[list[str]]:
    """Those of the page, but for the backup of the database, with the places of a test."""
    found = re.findall(r"^tar .*", PAGE, re.MULTILINE)
    assert len(found) == 2
    text = " && ".join(found).replace("/var/lib/hpsearch", str(home.root))
    text = text.replace("/backup", str(folder))
    return [shlex.split(one) for one in text.split(" && ")]


def test_a_service_goes_on_from_a_backup(home: Home, tmp_path: Path) -> None:
    content = (
        'name = "houses"\n'
        'dataset = { source = "table", path = "upload:houses.csv", target = "price" }\n'
    )

    def ask(served: Served, method: str, path: str, **options: object) -> int:
        return served.ask(method, path, "submit", **options).status_code

    pack, unpack, put = commands(home, tmp_path)
    with ExitStack() as before:
        before.enter_context(looked_at_here())
        served = before.enter_context(service_of(home))
        assert ask(served, "PUT", "/v1/datasets/houses.csv", content=CSV) == 201
        assert ask(served, "POST", "/v1/studies", content=content) == 201
        assert ask(served, "POST", "/v1/studies/houses/pause") == 200
        back_up(home.storage_url(), tmp_path / "hpsearch.db")
        subprocess.run(pack, check=True)  # of our own page
        ask(served, "POST", "/v1/studies/houses/cancel")
    shutil.rmtree(home.root)
    home.root.mkdir()
    for command in (unpack, put):
        subprocess.run(command, check=True)  # of our own page
    assert not home.datasets.exists()
    with looked_at_here(), service_of(home) as served:
        rows = served.ask("GET", "/v1/datasets", "submit").json()
        assert [(one["name"], one["bytes"]) for one in rows] == [("houses.csv", len(CSV))]
        assert ask(served, "POST", "/v1/studies/houses/resume") == 200
        events = served.ask("GET", "/v1/events?study=houses").json()
        assert [one["what"] for one in events] == ["resumed", "paused", "submitted"]
