"""The program's frame: what a signal ends, ends without a word."""

import logging
import signal
from collections.abc import Iterator

import pytest

from hpsearch import __main__ as program


@pytest.fixture(autouse=True)
def _heard_again() -> Iterator[None]:
    """What libraries log is heard again afterwards."""
    yield
    logging.disable(logging.NOTSET)


def test_libraries_say_nothing_of_what_a_signal_cuts_off(
    capsys: pytest.CaptureFixture[str],
) -> None:
    library = logging.getLogger("sqlalchemy.pool.impl")
    handler = logging.StreamHandler()
    library.addHandler(handler)
    try:
        with pytest.raises(SystemExit) as end:
            program._quit(signal.SIGTERM, None)
        library.error("Error closing cursor", exc_info=ValueError("cut off"))
    finally:
        library.removeHandler(handler)
    assert end.value.code == 143
    assert capsys.readouterr().err == ""
