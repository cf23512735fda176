"""Small YAML files beside templates, read with a word for whoever wrote them."""

import difflib
from collections.abc import Collection, Mapping
from typing import Any

LONGEST = 65_536
"""Bytes of such a file."""


def mapping(raw: bytes, place: str, known: Collection[str]) -> Mapping[str, Any]:
    """Return the mapping a file is, with no key but those `known`. Raises ValueError."""
    import yaml  # noqa: PLC0415 -- only where there is such a file

    if len(raw) > LONGEST:
        raise ValueError(f"{place}: is longer than {LONGEST} bytes")
    try:
        found = yaml.safe_load(raw)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{place}: is no YAML ({' '.join(str(error).split())})") from error
    if not isinstance(found, Mapping):
        raise ValueError(f"{place}: is no mapping; write {', '.join(known)}")  # noqa: TRY004 -- what a file says
    for key in found:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            remedy = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
            raise ValueError(f"{place}: unknown key {key!r}; {remedy}")
    return found


def text(found: Mapping[str, Any], key: str, place: str) -> str:
    """Return the text under a key. Raises ValueError where there is none."""
    value = found.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{place}: {key} is missing; write it as text")
    return value.strip()
