"""What is answered, as JSON."""

import json
import math
from collections.abc import Mapping
from typing import Any


def text_of(value: Any) -> str:
    """A value as JSON, which knows no infinity: trials of other programs may come to one."""
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value))


def _finite(value: Any) -> Any:
    """The same without the numbers that are none."""
    if isinstance(value, Mapping):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
