"""From columns to NDJSON: pieces of text that are known beforehand, joined in one pass."""

from collections.abc import Iterator, Sequence

import numpy as np

from engine.simulate.fleet import SOURCE
from engine.simulate.rhythm import DAY
from engine.simulate.streams import TYPES, Events

_PIECES = 6
_FIRST, _NEXT = '{"id":"', '}\n{"id":"'


class Lines:
    """Writes events; `subjects` and `texts` are what their numbers stand for."""

    def __init__(self, subjects: Sequence[str], texts: Sequence[str]) -> None:
        self._subjects = [f'Z","subject":"{subject}","data":' for subject in subjects]
        self._texts = [text + _NEXT for text in texts]
        self._clock = [f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}" for s in range(86400)]
        self._fractions = [f".{ms:03d}" for ms in range(1000)]

    def write(self, events: Events, date: str, begin: float, first: int, cuts: Sequence[int]) -> Iterator[bytes]:
        """Yield the lines of `events` of one day cut at `cuts` (row numbers); ids count from `first`.

        Each part is a whole number of lines without a line break at its end; a part may be empty.
        """
        heads = [f'","source":"{SOURCE}","type":"{name}","time":"{date}T' for name in TYPES]
        milliseconds = np.clip((events.time - begin) * 1000, 0, DAY * 1000 - 1).astype(np.int64)
        second, fraction = np.divmod(milliseconds, 1000)
        pieces: list[str] = [""] * (len(events.time) * _PIECES)
        pieces[0::6] = map(str, range(first, first + len(events.time)))
        pieces[1::6] = map(heads.__getitem__, events.type.tolist())
        pieces[2::6] = map(self._clock.__getitem__, second.tolist())
        pieces[3::6] = map(self._fractions.__getitem__, fraction.tolist())
        pieces[4::6] = map(self._subjects.__getitem__, events.subject.tolist())
        pieces[5::6] = map(self._texts.__getitem__, events.text.tolist())
        start = 0
        for cut in [*cuts, len(events.time)]:
            part = "".join(pieces[start * _PIECES : cut * _PIECES])
            yield (_FIRST + part.removesuffix(_NEXT) + "}").encode() if part else b""
            start = cut
