"""What is fetched or unpacked once, and kept for all runs to come."""

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def kept(name: str, fill: Callable[[Path], None]) -> Path:
    """Return the folder `name` in the user's cache; where there is none, `fill` a new one first.

    It gets its name when all is in it: whoever looks meanwhile finds none, and the one that is done first stays.
    """
    folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "forewarn-tests" / name
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=folder.parent))
        fill(made)
        with suppress(OSError):  # another process was quicker
            made.rename(folder)
    return folder
