"""Files beside a user's file that it imports: found by its text alone."""

import hashlib
from pathlib import Path

import pytest

from hpsearch.errors import InputError, UnreachableError
from hpsearch.networks import locate
from hpsearch.networks.imported import imported
from hpsearch.networks.python import digest_of

FILES = {
    "own.py": "import numpy\nfrom . import blocks\ndef build():\n    import late.deep as deep\n",
    "blocks.py": "from .inner.parts import Part\nimport own\n",
    "inner/__init__.py": "from .more import x\n",
    "inner/parts.py": "from ..sibling import y\nfrom . import third\n",
    "inner/more.py": "",
    "inner/third.py": "import blocks\n",
    "late/deep.py": "import late.gone\n",
    "sibling.py": "this is no Python\n",
    "unused.py": "raise SystemExit\n",
}


@pytest.fixture
def own(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path / "own.py"


def test_all_that_is_imported_is_found_and_nothing_else(own: Path) -> None:
    found = [str(one.relative_to(own.parent)) for one in imported(own, own.read_bytes())]
    assert found == sorted(FILES.keys() - {"own.py", "unused.py"})


@pytest.mark.parametrize("content", [b"", b"def", b"\x00", b"import own", b"from .... import a"])
def test_odd_files_import_nothing(content: bytes, own: Path) -> None:
    assert imported(own, content) == {}


def test_the_digest_of_a_file_without_others_is_its_own(own: Path) -> None:
    assert digest_of(own, b"import numpy") == hashlib.sha256(b"import numpy").hexdigest()


def test_a_change_of_an_imported_file_is_a_change(own: Path) -> None:
    before = digest_of(own, own.read_bytes())
    (own.parent / "unused.py").write_text("")
    assert digest_of(own, own.read_bytes()) == before
    table = {"type": "python", "file": str(own), "sha256": before}
    (own.parent / "inner" / "third.py").write_text("import blocks\n# more\n")
    assert digest_of(own, own.read_bytes()) != before
    with pytest.raises(InputError, match=r"own.py, or a file beside it that it imports \(blocks.p"):
        locate({"config": {"network": table}}, own.parent, "best.toml")


def test_an_imported_file_that_cannot_be_read_is_told(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(UnreachableError, match=r"blocks.py: cannot be read: Permission denied"):
        digest_of(own, b"import blocks")
