"""What is handed over from Python and kept in the home, for workers are other processes.

Each lies in a folder by the SHA-256 of its content: the same again is the same file.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from hpsearch.errors import InputError
from hpsearch.files import made_beside, remove
from hpsearch.home import Home
from hpsearch.networks.pickled import with_lines_of_files

_OPTION = re.compile(
    r"--(target|trials|timeout|workers-per-gpu|workers|gpus|study|rename|metric)\b"
)
"""Options of ``run`` and ``adopt`` that are arguments in Python."""


@dataclass(frozen=True)
class Keeping:
    """Where things are kept that one call hands over.

    Attributes:
        home: the data home.
    """

    home: Home
    _kept: list[Path] = field(default_factory=list)
    _new: list[Path] = field(default_factory=list)

    def keep(self, name: str, sha256: str, write: Callable[[Path], object]) -> Path:
        """Keep something, unless it is there; gives its file.

        Args:
            name: of the file.
            sha256: of its content.
            write: writes it into a file that is not there.

        Raises:
            UnreachableError: it cannot be written.
        """
        path = self.home.handed_over(sha256) / name
        self._kept.append(path)
        if not path.is_file():
            with made_beside(path) as partial:
                self._new.append(path)
                write(partial)
        return path

    def keep_bytes(self, name: str, content: bytes) -> Path:
        """Keep a file's content; see :meth:`keep`."""
        sha256 = hashlib.sha256(content).hexdigest()
        return self.keep(name, sha256, lambda path: path.write_bytes(content))

    def forget(self) -> None:
        """Remove what this call has written: it is of no use."""
        for path in self._new:
            remove(path.parent)
        self._new.clear()

    def as_given(self, error: InputError) -> InputError:
        """An error in the words of its reader: no names of files in the home, nor of options, and
        the lines of the script that functions are of.
        """
        text = with_lines_of_files(str(error))
        for path in self._kept:
            text = text.replace(str(path), path.stem)
        return type(error)(_OPTION.sub(lambda option: option[1].replace("-", "_"), text))
