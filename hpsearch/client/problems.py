"""What a service refuses, as the errors that the same command raises where it works by itself."""

from collections.abc import Mapping
from typing import Any

import httpx2

from hpsearch.errors import (
    EXIT_NO_TRIAL,
    EXIT_PROGRAM,
    EXIT_UNREACHABLE,
    HpsearchError,
    InputError,
    NoTrialError,
    ProgramError,
    UnknownStudyError,
    UnreachableError,
)

_AWAY = (502, 503, 504)
"""Statuses of a service, or of the proxy before it, that may be back soon."""


class RefusedError(InputError):
    """A service refused what was asked (exit code 2).

    Attributes:
        status: of its answer: 401 and 403 for the token, 409 for the study's state, ...
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def problem_of(response: httpx2.Response) -> Mapping[str, Any] | None:
    """The problem document of an answer; None: it has none, so that it is not the service's own."""
    try:
        found = response.json()
    except ValueError:
        return None
    is_problem = isinstance(found, dict) and isinstance(found.get("detail"), str)
    return found if is_problem and "status" in found else None


def error_of(response: httpx2.Response, url: str) -> HpsearchError:
    """The error that an answer stands for.

    Args:
        response: an answer that is none of success.
        url: the service's address, for messages.
    """
    status, problem = response.status_code, problem_of(response)
    if 300 <= status < 400:
        to = response.headers.get("location", "elsewhere")
        return InputError(f"{url}: sends on to {to}; give that address, if you trust it")
    if problem is None:
        if status in _AWAY:
            return UnreachableError(f"{url}: the service is away just now ({status}); try again")
        return InputError(
            f"{url}: answers, but not as hpsearch serve does ({status}); is it the right address?"
        )
    told = str(problem["detail"])
    code = problem.get("exit_code")
    if status == 401:
        told += f" (hpsearch login {url})"
    if code == EXIT_NO_TRIAL:
        return NoTrialError(told)
    if code == EXIT_UNREACHABLE or status in _AWAY:
        return UnreachableError(f"{url}: {told}")
    if code == EXIT_PROGRAM or status >= 500:
        return ProgramError(f"{url}: {told}")
    if status == 404 and code is not None:
        return UnknownStudyError(told)
    return RefusedError(status, told)
