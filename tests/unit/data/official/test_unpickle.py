import os
import pickle
import resource
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from official import python2_pickle

from hpsearch.data.official.unpickle import read_pickle
from hpsearch.errors import InputError

ARRAY = np.arange(24, dtype=np.uint8).reshape(2, 12)


class Calls:
    """Is pickled as a call."""

    def __init__(self, *call: Any) -> None:
        self._call = call

    def __reduce__(self) -> tuple[Any, ...]:
        return self._call


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("order", ["C", "F"])
def test_pickles_of_python_3(protocol: int, order: Any) -> None:
    array = np.array(ARRAY, order=order)
    table = {b"data": array, "labels": [1, 70_000, -3], b"names": [b"a", "\xe9"], "none": None}
    read = read_pickle(pickle.dumps(table, protocol), "here")
    assert np.array_equal(read.pop("data"), ARRAY)
    assert read == {"labels": [1, 70_000, -3], "names": [b"a", "\xe9"], "none": None}


def test_pickles_of_python_2() -> None:
    read = read_pickle(python2_pickle({"data": ARRAY, "labels": [1, 2], "names": ["a"]}), "here")
    assert np.array_equal(read.pop("data"), ARRAY)
    assert read == {"labels": [1, 2], "names": [b"a"]}


@pytest.mark.parametrize("kind", ["<i8", ">u2", "|u1"])
def test_whole_numbers_of_any_size_and_order(kind: str) -> None:
    array = np.array([1, 2, 200], kind)
    assert read_pickle(pickle.dumps({"y": array}, 2), "here")["y"].tolist() == [1, 2, 200]


@pytest.mark.parametrize("module", ["numpy.core", "numpy._core"])
def test_arrays_of_numpy_1_and_2(module: str) -> None:
    content = pickle.dumps({"y": ARRAY}, 2).replace(b"numpy._core", module.encode())
    assert np.array_equal(read_pickle(content, "here")["y"], ARRAY)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize(
    ("call", "named"),
    [
        ((os.mkdir, ("trap",)), '"posix.mkdir"'),
        ((eval, ("__import__('os').mkdir('trap')",)), 'eval"'),
        ((getattr, (Calls(os.mkdir, ("trap",)), "real")), 'getattr"'),
        ((np.load, ("trap.npy", None, True)), '"numpy.load"'),
        ((list, (Calls(os.mkdir, ("trap",)),)), 'list"'),
    ],
    ids=["mkdir", "eval", "getattr", "load", "list"],
)
def test_what_a_pickle_may_not_have_is_named_and_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Any, named: str, protocol: int
) -> None:
    monkeypatch.chdir(tmp_path)
    content = pickle.dumps({"labels": Calls(*call)}, protocol)
    with pytest.raises(
        InputError, match=r"here is not the official file: .* was not run"
    ) as caught:
        read_pickle(content, "here")
    assert named in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_pickle_of_texts_is_refused_before_it_asks_for_anything() -> None:
    with pytest.raises(InputError, match="of another kind"):
        read_pickle(pickle.dumps({"labels": Calls(os.mkdir, ("trap",))}, 0), "here")


U1 = b"cnumpy\ndtype\nX\2\0\0\0u1\x89\x88\x87R"
EMPTY = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85C\1b\x87R"
NAMED = b"\x80\x02}X\1\0\0\0y"

ODD = {
    "nothing": b"",
    "no pickle": b"nothing",
    "text": b"<html><body>404</body></html>",
    "cut off": pickle.dumps({"y": ARRAY}, 4)[:-20],
    "a list": pickle.dumps([1]),
    "a number": pickle.dumps(7),
    "no stop": pickle.dumps({}, 2)[:-1],
    "two pickles": pickle.dumps({}) * 2,
    "numbers as names": pickle.dumps({1: 2}),
    "tables as names": b"\x80\x02}(}K\1u.",
    "objects": pickle.dumps({"y": np.array([{}, 1], dtype=object)}, 2),
    "objects of protocol 5": pickle.dumps({"y": np.array([{}], dtype=object)}, 5),
    "floats": pickle.dumps({"y": np.zeros(3)}, 2),
    "texts": pickle.dumps({"y": np.array(["a"])}, 4),
    "columns": pickle.dumps({"y": np.zeros(3, [("a", "u1")])}, 4),
    "a huge array from nothing": NAMED + EMPTY.replace(b"K\0\x85", b"\x8a\5\0\0\0\0\1\x85") + b"s.",
    "a huge shape": NAMED + EMPTY + b"(K\1\x8a\5\0\0\0\0\1\x85" + U1 + b"\x89C\1atbs.",
    "a shape below 0": NAMED + EMPTY + b"(K\1J\xff\xff\xff\xff\x85" + U1 + b"\x89C\1atbs.",
    "a shape of texts": NAMED + EMPTY + b"(K\1C\1a\x85" + U1 + b"\x89C\1atbs.",
    "an array of no type": NAMED + EMPTY + b"(K\1K\1\x85N\x89C\1atbs.",
    "an array of no bytes": NAMED + EMPTY + b"(K\1K\1\x85" + U1 + b"\x89]tbs.",
    "an array of too few states": NAMED + EMPTY + b"K\1bs.",
    "an array type that is called": NAMED + b"cnumpy\nndarray\nK\1\x85Rs.",
    "a made-up type": NAMED + U1 + b"(K\3C\1|}NNK\0K\0K\0tbs.",
    "a type of another order": NAMED + U1 + b"(K\3C\1zNNNK\0K\0K\0tbs.",
    "another codec": NAMED + b"c_codecs\nencode\nX\1\0\0\0aX\5\0\0\0rot13\x86Rs.",
    "encoding a number": NAMED + b"c_codecs\nencode\nK\1X\6\0\0\0latin1\x86Rs.",
    "a changed function": b"\x80\x02c_codecs\nencode\n}X\1\0\0\0aK\1sb0}.",
    "a changed class": b"\x80\x02cnumpy\ndtype\nN}X\4\0\0\0codeK\1s\x86b0}.",
    "a changed table": b"\x80\x02}N}X\6\0\0\0valuesK\1s\x86b.",
    "a call of a number": b"\x80\x02K\1K\1\x85R.",
    "an object": b"\x80\x02cnumpy\ndtype\n)\x81.",
    "an instance": b"(icollections\nOrderedDict\n.",
    "a persistent id": b"\x80\x02K\1Q.",
    "an extension": b"\x80\x02\x82\1.",
    "changeable bytes by number": b"\x80\x05\x96\0\0\0\0\0\1\0\0.",
    "bytes by number": b"\x80\x04\x8e\0\0\0\0\0\1\0\0.",
    "an unknown place": b"\x80\x02}h\7.",
    "an empty stack": b"\x80\x020.",
    "no mark": b"\x80\x02}u.",
    "a later version": b"\x80\x63}.",
    "a set": pickle.dumps({"y": {1, 2}}, 4),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_pickles_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"here is not the official file \(") as caught:
        read_pickle(ODD[name], "here")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x02}r\xff\xff\xff\x7f.",
        b"\x80\x04\x95\0\0\0\0\0\1\0\0}.",
        ODD["changeable bytes by number"],
        ODD["bytes by number"],
    ],
    ids=["place", "frame", "changeable", "bytes"],
)
def test_numbers_in_a_pickle_take_no_memory(content: bytes) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with suppress(InputError):
        read_pickle(content, "here")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kilobytes


def test_a_pickle_cannot_change_what_the_next_one_gets() -> None:
    for name in ("a changed function", "a changed class", "a changed table"):
        with pytest.raises(InputError):
            read_pickle(ODD[name], "here")
    assert np.array_equal(read_pickle(python2_pickle({"y": ARRAY}), "here")["y"], ARRAY)


def test_names_that_would_take_ages_to_hash_are_refused() -> None:
    doubled = b")" + b"".join(b"q%ch%c\x86" % (level, level) for level in range(100))
    with pytest.raises(InputError, match="a name that is not a text"):
        read_pickle(b"\x80\x02}" + doubled + b"K\1s.", "here")
