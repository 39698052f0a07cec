"""Reading pickles of the CIFAR sets: plain values and arrays; never runs what a pickle asks for.

Python's own unpickler in Python is used, with the few instructions that the official files and
copies of them need. The one in C reserves and fills memory by a number in the file (2 GB for 7
bytes, measured), and neither lets instructions be taken away.
"""

import io
import math
import pickle
import re
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from hpsearch.errors import InputError
from hpsearch.text import show

_WHOLE = re.compile(r"[|<>=]?[iu][1248]")
_BROKEN = (
    pickle.UnpicklingError,
    EOFError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    AssertionError,
    OverflowError,
    MemoryError,
    struct.error,
)
"""What the unpickler raises on pickles that are cut off, changed or made up."""


class _ForbiddenError(Exception):
    """A pickle asks for a function or class that it may not have."""


def read_pickle(content: bytes, where: str) -> dict[str, Any]:
    """The table in a pickle of Python 2 or 3: numbers, bytes, texts, lists and arrays by name.

    Names and texts of Python 2 come as bytes; names are decoded. Arrays are of whole numbers.

    Args:
        content: the pickle.
        where: the file, for messages.

    Raises:
        InputError: anything else; a pickle that asks for a function is named with it.
    """
    stream = io.BytesIO(content)
    try:
        table = _Unpickler(stream, encoding="bytes").load()
        if not isinstance(table, dict):
            raise pickle.UnpicklingError(f"it holds no table, but {type(table).__name__}")
        if stream.read(1):
            raise pickle.UnpicklingError("it has data after its end")
    except _ForbiddenError as error:
        raise InputError(
            f"{where} is not the official file: its pickle asks for {error}, which was not run;"
            " download it from a source you trust"
        ) from None
    except _BROKEN as error:
        told = isinstance(error, pickle.UnpicklingError)
        reason = " ".join(str(error).split()) if told else "damaged, or of another kind"
        raise InputError(
            f"{where} is not the official file ({reason}); download it again"
        ) from None
    return {
        name: value.values if isinstance(value, _Array) else value for name, value in table.items()
    }


class _Table(dict[str, Any]):
    """A table whose names are texts; others could take ages to be hashed."""

    __slots__ = ()

    def __setitem__(self, name: object, value: object) -> None:
        if isinstance(name, bytes):
            name = name.decode("latin1")
        if not isinstance(name, str):
            raise pickle.UnpicklingError("a name that is not a text")
        super().__setitem__(name, value)


class _Dtype:
    """Stands for ``numpy.dtype``: whole numbers of 1 to 8 bytes."""

    __slots__ = ("code", "order")

    def __init__(self, code: object, *_: object) -> None:
        text = code.decode("latin1") if isinstance(code, bytes) else code
        if not isinstance(text, str) or not _WHOLE.fullmatch(text):
            raise pickle.UnpicklingError(f"an array of {show(str(text))}, not of whole numbers")
        self.code, self.order = text[-2:], "="

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) != 8 or state[2:5] != (None, None, None):
            raise pickle.UnpicklingError("an array of a made-up type")
        order = state[1].decode("latin1") if isinstance(state[1], bytes) else state[1]
        if order not in ("|", "<", ">", "="):
            raise pickle.UnpicklingError("an array of a made-up type")
        self.order = order


class _Array:
    """Stands for ``numpy.ndarray``."""

    __slots__ = ("values",)

    def __init__(self) -> None:
        self.values: npt.NDArray[Any] = np.zeros(0, np.uint8)

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise pickle.UnpicklingError("an array without shape and type")
        _, shape, dtype, fortran, content = state
        self.fill(content, dtype, shape, "F" if fortran else "C")

    def fill(self, content: object, dtype: object, shape: object, order: object) -> None:
        """Take the values from bytes that must fit shape and type."""
        if not isinstance(dtype, _Dtype) or not isinstance(content, bytes) or order not in "CF":  # type: ignore[operator] # raises TypeError, which is caught
            raise pickle.UnpicklingError("an array not made of bytes")
        if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape):
            raise pickle.UnpicklingError("an array without a shape")
        kind = np.dtype(dtype.order + dtype.code)
        if len(shape) > 4 or math.prod(shape) * kind.itemsize != len(content):
            raise pickle.UnpicklingError(
                f"an array of shape {show(list(shape))} of {kind} in {len(content)} bytes"
            )
        self.values = np.frombuffer(content, kind).reshape(
            shape, order="F" if order == "F" else "C"
        )


class _Global:
    """What a pickle gets when it asks for a function or class: it can be called, and that is all.

    Functions and classes themselves could be changed by a pickle.
    """

    __slots__ = ("_call",)

    def __init__(self, call: Callable[..., object]) -> None:
        self._call = call

    def __call__(self, *arguments: object) -> object:
        return self._call(*arguments)

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError("a function with a state")


def _not_called(*_: object) -> object:
    raise pickle.UnpicklingError("an array made in an odd way")


_NDARRAY = _Global(_not_called)


def _reconstruct(kind: object, shape: object, code: object) -> _Array:
    """Stands for NumPy's function that makes an empty array, which is filled afterwards."""
    if kind is not _NDARRAY or shape != (0,) or code not in (b"b", "b"):
        raise pickle.UnpicklingError("an array made in an odd way")
    return _Array()


def _frombuffer(content: object, dtype: object, shape: object, order: object) -> _Array:
    """Stands for NumPy's function that makes an array from bytes (pickles of version 5)."""
    array = _Array()
    array.fill(content, dtype, shape, order)
    return array


def _encode(text: object, encoding: object) -> bytes:
    """Stands for ``codecs.encode``, as which Python 3 writes bytes for Python 2."""
    if not isinstance(text, str) or encoding != "latin1":
        raise pickle.UnpicklingError("bytes made in an odd way")
    return text.encode("latin1")


_GLOBALS = {
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _Global(_Dtype),
    ("_codecs", "encode"): _Global(_encode),
    ("numpy.core.multiarray", "_reconstruct"): _Global(_reconstruct),
    ("numpy._core.multiarray", "_reconstruct"): _Global(_reconstruct),
    ("numpy.core.numeric", "_frombuffer"): _Global(_frombuffer),
    ("numpy._core.numeric", "_frombuffer"): _Global(_frombuffer),
}
"""All that a pickle may ask for."""

_INSTRUCTIONS = """
    PROTO FRAME STOP MARK NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 LONG1
    BINSTRING SHORT_BINSTRING BINBYTES SHORT_BINBYTES BINBYTES8
    BINUNICODE SHORT_BINUNICODE BINUNICODE8
    EMPTY_LIST APPEND APPENDS EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 SETITEM SETITEMS
    BINPUT LONG_BINPUT MEMOIZE BINGET LONG_BINGET GLOBAL STACK_GLOBAL REDUCE BUILD
""".split()  # noqa: SIM905 - many words are easier to read so
"""All that a pickle may be made of, beside the two that follow."""


def _empty_table(unpickler: Any) -> None:
    unpickler.append(_Table())


def _bytes8(unpickler: Any) -> None:
    """Bytes that can be changed, as bytes that cannot; never more than there are."""
    unpickler.append(unpickler.read(*struct.unpack("<Q", unpickler.read(8))))


class _Unpickler(pickle._Unpickler):  # noqa: SLF001 - see the top of this file
    """Gives stand-ins for the functions and classes that a pickle asks for."""

    dispatch = {
        code: pickle._Unpickler.dispatch[code]  # noqa: SLF001 - as above
        for code in (getattr(pickle, name)[0] for name in _INSTRUCTIONS)
    } | {pickle.EMPTY_DICT[0]: _empty_table, pickle.BYTEARRAY8[0]: _bytes8}

    def find_class(self, module: str, name: str) -> _Global:
        """The stand-in for what a pickle asks for; nothing is ever imported."""
        if (module, name) not in _GLOBALS:
            raise _ForbiddenError(show(f"{module}.{name}"))
        return _GLOBALS[module, name]
