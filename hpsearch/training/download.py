"""``python -m hpsearch.training.download NAME FOLDER``: one set of ``keras.datasets`` as arrays.

``hpsearch.data.official.download`` starts it. Exit codes: 0, or 2 where Keras' copy is damaged, or
3 where it cannot be downloaded or stored, with the reason as the last line of standard error; 143
after SIGTERM, and Python's own 1 where Keras cannot be used at all.
"""

import gzip
import http.client
import os
import signal
import socket
import sys
import threading
import time
import zlib
from pathlib import Path
from types import FrameType

import numpy as np

from hpsearch.errors import EXIT_INPUT, EXIT_OK, EXIT_SIGTERM, EXIT_UNREACHABLE
from hpsearch.training.start import without_unused

_TIMEOUT = 30.0
"""Seconds without a byte, after which a connection is given up."""


def main(name: str, folder: Path) -> int:
    """Save the arrays of a set as ``x_train.npy`` ... ``y_test.npy``; gives the exit code.

    Args:
        name: as ``keras.datasets`` has it.
        folder: an existing folder.
    """
    signal.signal(signal.SIGTERM, _stop)
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    socket.setdefaulttimeout(_TIMEOUT)
    try:
        _save(name, folder)
    except KeyboardInterrupt:  # Keras has removed what was half downloaded
        return EXIT_SIGTERM
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        return _say(error, EXIT_INPUT)
    except ValueError as error:  # the arrays do not fit; or what came does not fit its checksum
        is_download = str(error).startswith("Incomplete or corrupted")
        return _say(error, EXIT_UNREACHABLE if is_download else EXIT_INPUT)
    except (OSError, http.client.HTTPException) as error:
        return _say(error, EXIT_UNREACHABLE)
    except Exception as error:
        if type(error) is not Exception:  # what Keras raises without a network
            raise
        return _say(error, EXIT_UNREACHABLE)
    return EXIT_OK


def _save(name: str, folder: Path) -> None:
    with without_unused():
        import keras  # noqa: PLC0415 - takes seconds, in which signals are heard already

    train, test = getattr(keras.datasets, name).load_data()
    arrays = {"x_train": train[0], "y_train": train[1], "x_test": test[0], "y_test": test[1]}
    for key, array in arrays.items():
        np.save(folder / f"{key}.npy", array, allow_pickle=False)


def _say(error: Exception, code: int) -> int:
    """Write the reason as one line; gives the exit code."""
    reason = " ".join(str(error).split()) or type(error).__name__
    sys.stderr.write(f"\n{reason}\n")
    return code


def _stop(_number: int, _frame: FrameType | None) -> None:
    """End as Ctrl-C does, and let nothing disturb the cleaning up."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def _end_with_parent(parent: int) -> None:
    """Stop this process when the one that started it is gone."""
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
