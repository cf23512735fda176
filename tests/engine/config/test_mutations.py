"""Whatever is done to the starter, it is a configuration or it has problems; nothing is ever raised."""

import copy
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.config.check import checked
from engine.config.problems import Problems, errors
from engine.config.reader import plain
from engine.config.yamlsource import parse

STARTER = Path(__file__).parents[3] / "config"
LEFT_OUT = "[b-z]*.test.yaml"
"""One test of playbooks is enough here: they all have the same form."""
FILES = sorted(path.relative_to(STARTER).as_posix() for path in STARTER.rglob("*.yaml") if not path.match(LEFT_OUT))
ODD: list[Any] = [
    None, True, 0, -1, 10**30, 1e308, float("nan"), "", "x", "-5m", "3 of 2", "0 per day", "a > ", "(" * 200, "24:59",
    [], [[]], [None], {}, {"": ""}, {"kind": "threshold"}, {"a": {"b": [1, {"c": None}]}}, "\u202e",
    "ä" * 500,
]  # fmt: skip

Path_ = tuple[str | int, ...]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy without templates: those have tests of their own and take most of the time."""
    target = tmp_path_factory.mktemp("starter") / "config"
    shutil.copytree(STARTER, target, ignore=shutil.ignore_patterns(LEFT_OUT, "var"))
    return target


def _paths(value: Any, path: Path_ = ()) -> Iterator[Path_]:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from _paths(inner, (*path, key))


def _changed(value: Any, path: Path_, how: str, odd: Any) -> Any:
    if not path:
        return odd
    copied = copy.deepcopy(value)
    inner = copied
    for part in path[:-1]:
        inner = inner[part]
    if how == "retype":
        inner[path[-1]] = odd
        return copied
    kept = inner.pop(path[-1])
    if how == "rename":
        if isinstance(inner, dict):
            inner[f"{path[-1]}x"] = kept
        else:
            inner.append(kept)
    return copied


def _survives(folder: Path, name: str, content: bytes) -> None:
    original = (folder / name).read_bytes()
    try:
        (folder / name).write_bytes(content)
        config, problems = checked(folder, {})
    finally:
        (folder / name).write_bytes(original)
    assert (config is None) == bool(errors(problems))
    assert problems == sorted(problems)


@given(st.data())
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_dropped_renamed_and_retyped_nodes(folder: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(FILES))
    documents = [plain(node) for node in parse((folder / name).read_bytes(), name, Problems())]
    index = data.draw(st.integers(0, len(documents) - 1))
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(list(_paths(documents[index]))))
        how = data.draw(st.sampled_from(["drop", "rename", "retype"]))
        documents[index] = _changed(documents[index], path, how, data.draw(st.sampled_from(ODD)))
    _survives(folder, name, yaml.safe_dump_all(documents, allow_unicode=True).encode())


@given(st.data())
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_bytes_in_between(folder: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(FILES))
    content = (folder / name).read_bytes()
    at = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(at, min(at + 30, len(content))))
    _survives(folder, name, content[:at] + data.draw(st.binary(max_size=12)) + content[end:])
