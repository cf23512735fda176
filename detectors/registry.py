"""Which kinds of detector there are: a file each, found by the `kind` it states, imported when it is asked for.

Packages of others join through the entry-point group `forewarn.detectors`: its name is the kind, its value the class.
"""

import difflib
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.abc import InspectLoader
from importlib.metadata import EntryPoint, entry_points

import detectors
from detectors.base import Detector

GROUP = "forewarn.detectors"
_STATED = re.compile(r"""^    kind(?:: [^=]+)? = ["']([\w-]+)["']""", re.MULTILINE)


class UnknownKind(LookupError):
    """Nothing is known under this name."""


def kinds() -> list[str]:
    """Return the names that `kind:` may take.

    >>> "threshold" in kinds()
    True
    """
    return sorted(_found())


def detector_class(kind: str) -> type[Detector]:
    """Return the class of a kind, importing its module.

    Raises UnknownKind with the nearest name, and TypeError if what another package offers is no detector.

    >>> detector_class("treshold")
    Traceback (most recent call last):
    detectors.registry.UnknownKind: no detector kind 'treshold'; did you mean 'threshold'?
    """
    found = _found()
    if kind not in found:
        near = difflib.get_close_matches(kind, found, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(found))}"
        raise UnknownKind(f"no detector kind {kind!r}; {hint}")
    source = found[kind]
    return _own(kind, source) if isinstance(source, str) else _checked(kind, source.load())


@cache
def _found() -> Mapping[str, str | EntryPoint]:
    """Map each kind to its module or entry point, importing none: River alone takes two seconds."""
    others: dict[str, str | EntryPoint] = {point.name: point for point in entry_points(group=GROUP)}
    own: dict[str, str | EntryPoint] = dict(_stated())
    if both := sorted(own.keys() & others.keys()):
        raise ValueError(f"another package offers the detector kind {both[0]!r} too; uninstall it or rename its kind")
    return others | own


def _stated() -> Iterator[tuple[str, str]]:
    for info in pkgutil.iter_modules(detectors.__path__, "detectors."):
        for kind in _STATED.findall(_source(info)):
            yield kind, info.name


def _source(info: pkgutil.ModuleInfo) -> str:
    spec = info.module_finder.find_spec(info.name, None)
    loader = spec.loader if spec else None
    return (loader.get_source(info.name) if isinstance(loader, InspectLoader) else None) or ""


def _own(kind: str, module: str) -> type[Detector]:
    loaded = importlib.import_module(module)
    classes = [m for m in vars(loaded).values() if inspect.isclass(m) and issubclass(m, Detector)]
    return next(c for c in classes if c.__module__ == module and vars(c).get("kind") == kind)


def _checked(kind: str, loaded: object) -> type[Detector]:
    if inspect.isclass(loaded) and issubclass(loaded, Detector) and loaded.kind == kind:
        return loaded
    raise TypeError(f"the entry point {kind!r} of {GROUP} is {loaded!r}, no Detector of that kind")
