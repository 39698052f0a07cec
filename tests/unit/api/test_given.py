"""What is handed over is kept once, by its content, and goes again where it was of no use."""

import pytest

from hpsearch.api.given import Keeping
from hpsearch.errors import InputError, UnknownStudyError, UnreachableError


def test_the_same_content_is_the_same_file_and_is_written_once(keeping: Keeping) -> None:
    first = keeping.keep_bytes("build.pkl", b"a")
    before = first.stat().st_mtime_ns, first.stat().st_ino
    again = Keeping(keeping.home)
    assert again.keep_bytes("build.pkl", b"a") == first
    assert (first.stat().st_mtime_ns, first.stat().st_ino) == before
    assert again.keep_bytes("build.pkl", b"b") != first
    again.forget()
    assert first.read_bytes() == b"a"  # another call wrote it
    assert [one.name for one in keeping.home.root.rglob("*.pkl")] == ["build.pkl"]


def test_a_write_that_fails_leaves_nothing(keeping: Keeping) -> None:
    def fail(_: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(UnreachableError, match="cannot be written: No space left"):
        keeping.keep("data.npz", "a" * 64, fail)
    assert [one for one in keeping.home.root.rglob("*") if one.is_file()] == []


def test_errors_name_what_was_given_and_no_file_of_the_home(keeping: Keeping) -> None:
    path = keeping.keep_bytes("data.npz", b"a")
    told = keeping.as_given(UnknownStudyError(f"{path}: is wrong"))
    assert (str(told), type(told)) == ("data: is wrong", UnknownStudyError)
    assert isinstance(told, InputError)


def test_errors_name_arguments_and_no_options(keeping: Keeping) -> None:
    told = keeping.as_given(InputError("--gpus 7: no such GPU; start fewer (--workers-per-gpu 1)"))
    assert str(told) == "gpus 7: no such GPU; start fewer (workers_per_gpu 1)"
