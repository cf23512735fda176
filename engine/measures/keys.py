"""Keys of series: from the `by` of a watch and a batch of events to one text for each event.

A key's components are joined with `|`; a `|` or a backslash in one is escaped with a backslash. A component is a
subject (`account/acme`) or a field and its value (`endpoint=/v1/x`).

>>> split_key(r"account/acme|endpoint=/a\\|b")
['account/acme', 'endpoint=/a|b']
>>> subject_of("endpoint=/v1|device/d-17")
'device/d-17'
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from detectors.compiled import compiled
from engine.columnar.columns import Columns, Values
from engine.columnar.hashing import Blob, same
from engine.columnar.memory import whole
from engine.columnar.texts import Texts
from engine.expressions import Kind

Owner = Callable[[str], str | None]
ACCOUNT = "account"
_PICTURES = {code: 0x2400 + code for code in range(0x20)}
_SPECIAL = re.compile(r"[\x00-\x1f|\\]")


class Keys:
    """Makes keys for one `by`.

    `subject` is the whole subject. `account` is the subject if it is an account, else `account/` and the field
    `data.account`, else the account the entities know; an event without any is unkeyed. Any other name is the subject
    if it is of that kind, else the field of that name as `name=value` (`name=` where it is absent).

    >>> subjects = Texts.of(["account/acme", "device/d-17"])
    >>> columns = Columns("api.request", 2, np.zeros(2, np.int32), np.zeros(2), subjects)
    >>> keys, unkeyed = Keys(("account",)).of(columns, {"device/d-17": "account/b"}.get)
    >>> keys, unkeyed
    (['account/acme', 'account/b'], array([False, False]))
    """

    def __init__(self, by: tuple[str, ...]) -> None:
        self.by = by

    @property
    def fields(self) -> Mapping[str, Kind]:
        """The fields of `data` that may be needed."""
        kinds = {name: Kind.TEXT if name == ACCOUNT else Kind.ANY for name in self.by}
        kinds.pop("subject", None)
        return kinds

    def of(self, columns: Columns, owner: Owner) -> tuple[Texts | list[str], NDArray[np.bool_]]:
        """Return the key of each event, and which events have none (their key is empty)."""
        unkeyed = np.zeros(columns.n, np.bool_)
        if len(self.by) == 1 and _are_keys(columns.subject, self.by[0]):
            return columns.subject, unkeyed
        parts = [_component(name, columns, owner) for name in self.by]
        for part in parts:
            if None in part:
                unkeyed |= np.array([each is None for each in part], np.bool_)
        texts = [escape(part) for part in parts]
        keys = texts[0] if len(texts) == 1 else list(map("|".join, zip(*texts, strict=True)))
        if unkeyed.any():
            keys = ["" if none else key for key, none in zip(keys, unkeyed.tolist(), strict=True)]
        return keys, unkeyed


def _are_keys(subjects: Texts, name: str) -> bool:
    """Whether all subjects are of the kind `name`, and have nothing to be escaped."""
    head = np.frombuffer(b"" if name == "subject" else f"{name}/".encode(), np.uint8)
    return _plain(subjects.data, subjects.starts, subjects.ends, head)


@compiled
def _plain(data: Blob, starts: NDArray[np.int64], ends: NDArray[np.int64], head: Blob) -> bool:
    """Whether all texts begin with `head` and hold no bar and no backslash."""
    base, there = whole(data.ctypes.data), whole(head.ctypes.data)
    for i in range(starts.size):
        if ends[i] - starts[i] < head.size or not same(base + starts[i], there, head.size):
            return False
        special = False
        for at in range(starts[i] + head.size, ends[i]):
            special |= data[at] == 124 or data[at] == 92
        if special:
            return False
    return True


def _component(name: str, columns: Columns, owner: Owner) -> list[str] | list[str | None]:
    subjects, head, values = columns.subject.tolist(), f"{name}/", columns.fields.get(name)
    if name == "subject":
        return subjects
    if name == ACCOUNT:
        return _accounts(subjects, values, owner)
    texts = _values(values, columns.n)
    return [
        subject if subject.startswith(head) else f"{name}={text}" for subject, text in zip(subjects, texts, strict=True)
    ]


def split_key(key: str) -> list[str]:
    """Return a key's components. Control characters, which no key holds, stand for what is escaped meanwhile."""
    hidden = key.replace("\\\\", "\0").replace("\\|", "\1")
    return [part.replace("\1", "|").replace("\0", "\\") for part in hidden.split("|")]


def subject_of(key: str) -> str:
    """Return the first component that is a subject; empty if there is none: a series of the whole fleet."""
    return next((part for part in split_key(key) if part and not _is_value(part)), "")


def _is_value(part: str) -> bool:
    """Whether a component is `name=value`: a subject has a slash before any equals sign, or no such sign."""
    head, sign, _ = part.partition("=")
    return bool(sign) and "/" not in head


def _accounts(subjects: list[str], values: Values | None, owner: Owner) -> list[str | None]:
    known: dict[str, str | None] = {}
    named = [None] * len(subjects) if values is None else values.tolist()
    return [
        subject
        if subject.startswith("account/")
        else f"account/{name}"
        if isinstance(name, str) and name
        else _once(known, subject, owner)
        for subject, name in zip(subjects, named, strict=True)
    ]


def _once(known: dict[str, str | None], subject: str, owner: Owner) -> str | None:
    if subject not in known:
        known[subject] = owner(subject)
    return known[subject]


def _values(values: Values | None, n: int) -> list[str]:
    if values is None:
        return [""] * n
    shown: dict[object, str] = {}
    return [shown.get(value) or shown.setdefault(value, _text(value)) for value in values.tolist()]


def _text(value: object) -> str:
    """Return a value as a key shows it: the shortest number, `true`, `false`, the text; nothing where it is absent.

    >>> [_text(each) for each in (200.0, 0.1, True, "eu", None, float("nan"))]
    ['200', '0.1', 'true', 'eu', '', '']
    """
    if value is None or value != value:  # noqa: PLR0124 - only NaN differs from itself
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def escape(parts: Sequence[str | None]) -> list[str]:
    """Escape what would cut a key in two; line breaks and the like become their pictures (U+2400 …), one for one."""
    texts = ["" if each is None else each for each in parts] if None in parts else cast("list[str]", parts)
    text = "".join(texts)
    if text.isprintable() and "|" not in text and "\\" not in text:
        return texts
    return [
        each.translate(_PICTURES).replace("\\", "\\\\").replace("|", "\\|") if _SPECIAL.search(each) else each
        for each in texts
    ]
