"""What ``hpsearch serve`` refuses before it listens, and how it ends."""

import logging
import os
import re
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from commandline import wait_until

from hpsearch.__main__ import _quit
from hpsearch.errors import InputError
from hpsearch.home import Home
from hpsearch.search.database.exclusive import serving
from hpsearch.server.child import AssignedChild
from hpsearch.server.scheduler import Scheduler
from hpsearch.server.serve import serve
from hpsearch.server.settings import Settings
from hpsearch.server.startup import stay_alone
from hpsearch.services.workspace import Workspace
from hpsearch.workers.slots import Slot


def test_what_is_no_certificate_is_said_to_be_none(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "c.pem"
    file.write_text("no certificate")
    said = re.escape(f"--tls-cert {file} --tls-key {file}: not PEM; give a PEM certificate and")
    with pytest.raises(InputError, match=said):
        serve(Settings(certificate=file, key=file), [], Workspace(home=home), print, print)


def test_two_services_do_not_share_a_storage(home: Home, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    with serving(url), pytest.raises(InputError, match=f"another hpsearch serve.*{os.getpid()}"):
        serve(Settings(port=0), [], Workspace(home=home, storage=url), print, print)


def test_who_has_lost_the_storage_ends(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    scheduler = Scheduler(workspace=Workspace(home=home), slots=())
    stay_alone(lambda: True, scheduler)
    assert not scheduler.over.is_set()
    stay_alone(lambda: False, scheduler)
    assert scheduler.over.is_set()
    assert isinstance(scheduler.error, InputError)
    assert "another hpsearch serve took the storage over" in caplog.text


class Slow(AssignedChild):
    """A worker that takes its time to leave, until somebody sends another signal."""

    there, is_asked = False, False

    def begin(self, *_: object) -> None:
        self.there = True

    @property
    def is_there(self) -> bool:
        return self.there

    @property
    def is_over(self) -> bool:
        return False

    def send(self, number: int) -> None:
        pass

    def wait(self, seconds: float) -> bool:
        if not self.is_asked:
            self.is_asked = True
            os.kill(os.getpid(), signal.SIGTERM)
        return threading.Event().wait(seconds)


@pytest.fixture
def signals() -> Iterator[None]:
    """Signals end this process as they end a command."""
    before = {one: signal.signal(one, _quit) for one in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("signals")
def test_a_second_signal_ends_it_at_once_and_is_told(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    def interrupt(address: str) -> None:
        """As soon as it answers."""
        url = address.partition("?")[0]
        wait_until(lambda: httpx2.get(f"{url}healthz").status_code == 200, "an answer")
        os.kill(os.getpid(), signal.SIGINT)

    def tell(address: str) -> None:
        threading.Thread(target=interrupt, args=(address,), daemon=True).start()

    slots = [Slot(index=0, gpu=None, threads=1)]
    with pytest.raises(SystemExit) as ended:
        serve(Settings(port=0), slots, Workspace(home=home), tell, lambda _: None, make_child=Slow)
    assert ended.value.code == 128 + signal.SIGTERM
    assert "stopped at once" in caplog.messages[-1]
    with serving(Workspace(home=home).url):
        pass
