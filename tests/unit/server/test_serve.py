"""What ``hpsearch serve`` refuses before it listens."""

import re
from pathlib import Path

import pytest

from hpsearch.errors import InputError
from hpsearch.home import Home
from hpsearch.server.serve import Settings, serve
from hpsearch.services.workspace import Workspace


def test_what_is_no_certificate_is_said_to_be_none(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "c.pem"
    file.write_text("no certificate")
    said = re.escape(f"--tls-cert {file} --tls-key {file}: not PEM; give a PEM certificate and")
    with pytest.raises(InputError, match=said):
        serve(Settings(certificate=file, key=file), [], Workspace(home=home), print, print)
