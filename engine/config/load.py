"""From a folder to a `Config`, or to all that is wrong with it."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from detectors.durations import Duration
from engine.config.loaded import Loaded
from engine.config.model import (
    BUILTIN,
    CalendarConfig,
    ChannelConfig,
    Config,
    DeskConfig,
    DetectorConfig,
    MainConfig,
    Place,
    PlaybookConfig,
    PolicyConfig,
    Sending,
)
from engine.config.model.status import StatusConfig
from engine.config.problems import Problem, errors
from engine.config.reader import BROKEN, Key, Reader, fields_of
from engine.config.secrets import Vault
from engine.config.special import SPECIAL, choose, parameters
from engine.config.yamlsource import Entry, Node, Scalar, Table, read_file
from engine.errors import ConfigError

MAIN, POLICY, CALENDARS = "forewarn.yaml", "policy.yaml", "calendars.yaml"
CHANNELS, DESKS, STATUS = "channels.yaml", "desks.yaml", "status.yaml"
TEST_ENDING = ".test.yaml"
DESK_KEYS = (
    Key("poll", Duration | Literal["never"], required=False),
    Key("on_end", Literal["note", "solve"], required=False),
)
"""What an entry of desks.yaml says beside what the desk's constructor takes."""
Named = TypeVar("Named", DetectorConfig, PlaybookConfig)


def load(folder: Path, environ: Mapping[str, str] | None = None) -> tuple[Config | None, list[Problem]]:
    """Read the configuration under `folder`; None where a problem is an error. Secrets come from `environ`."""
    loaded = read_folder(folder, environ)
    return loaded.config(), loaded.problems.sorted()


def load_or_raise(folder: Path, environ: Mapping[str, str] | None = None) -> Config:
    """Read the configuration under `folder`; raises ConfigError that lists everything wrong with it."""
    config, problems = load(folder, environ)
    if config is None:
        wrong = errors(problems)
        count = "1 problem" if len(wrong) == 1 else f"{len(wrong)} problems"
        listed = "\n".join(f"  {problem}" for problem in wrong)
        raise ConfigError(f"{count} in the configuration\n{listed}", place=str(folder))
    return config


def find_folder(folder: Path) -> Path:
    """Return where forewarn.yaml lies: `folder` itself or `config` in it."""
    inner = folder / "config"
    return inner if not (folder / MAIN).exists() and (inner / MAIN).exists() else folder


def read_folder(folder: Path, environ: Mapping[str, str] | None = None) -> Loaded:
    """Read everything that can be read, whatever is wrong with the rest."""
    loaded = Loaded(find_folder(folder), os.environ if environ is None else environ)
    _read_main(loaded)
    _read_policy(loaded)
    _read_channels(loaded)
    _read_desks(loaded)
    _read_calendars(loaded)
    _read_status(loaded)
    loaded.detectors = _read_section(loaded, "detectors", DetectorConfig)
    loaded.playbooks = _read_section(loaded, "playbooks", PlaybookConfig)
    return loaded


def _reader(loaded: Loaded, vault: Vault | None = None) -> Reader:
    return Reader(loaded.problems, SPECIAL, vault, loaded.tables)


def _read_main(loaded: Loaded) -> None:
    if not (loaded.folder / MAIN).exists():
        remedy = "write a starter with forewarn init"
        loaded.problems.error(Place(MAIN, 1, 1), f"there is no such file in {loaded.folder}", remedy)
        return
    node = _only_document(loaded, MAIN)
    if node is None:
        loaded.problems.error(Place(MAIN, 1, 1), "is empty", "it names at least the sender")
        return
    main = _root(loaded, MAIN, node, MainConfig, Vault(loaded.environ, loaded.folder, "the store"))
    loaded.main = main if isinstance(main, MainConfig) else None


def _read_policy(loaded: Loaded) -> None:
    node = _only_document(loaded, POLICY)
    policy = BROKEN if node is None else _root(loaded, POLICY, node, PolicyConfig)
    if isinstance(policy, PolicyConfig):
        loaded.policy = policy


def _read_status(loaded: Loaded) -> None:
    node = _only_document(loaded, STATUS)
    status = BROKEN if node is None else _root(loaded, STATUS, node, StatusConfig)
    if isinstance(status, StatusConfig):
        loaded.status = status


def _root(loaded: Loaded, name: str, node: Node, cls: type, vault: Vault | None = None) -> Any:
    if isinstance(node, Table):
        loaded.roots[name] = node
    return _reader(loaded, vault).record(cls, node)


def _read_channels(loaded: Loaded) -> None:
    from outreach.registry import channel_class, channel_types  # noqa: PLC0415 -- reads a folder

    for whole in _connectors(loaded, CHANNELS, "channels"):
        entry, sending = _divided(loaded, whole)
        read = _connector(loaded, entry, "the channel", channel_types(), channel_class)
        if read is not None:
            loaded.channels[entry.key] = ChannelConfig(*read, sending)
        if isinstance(whole.value, Table):
            loaded.tables[whole.value.place] = whole.value


def _divided(loaded: Loaded, entry: Entry) -> tuple[Entry, Sending]:
    """Return what an entry says to the channel's constructor, and what it says of how the channel is sent by."""
    if not isinstance(entry.value, Table):
        return entry, Sending()
    reader, keys = _reader(loaded), fields_of(Sending)
    named = {key.key for key in keys}
    place, entries = entry.value.place, entry.value.entries
    ours = reader.values(keys, Table(place, tuple(each for each in entries if each.key in named))) or {}
    theirs = Table(place, tuple(each for each in entries if each.key not in named))
    return Entry(entry.key, entry.place, theirs), Sending(**ours)


def _read_desks(loaded: Loaded) -> None:
    from outreach.registry import desk_class, desk_kinds  # noqa: PLC0415 -- reads a folder

    for entry in _connectors(loaded, DESKS, "desks"):
        kinds = [kind for kind in desk_kinds() if kind != BUILTIN]
        own, theirs = _parted(entry.value)
        values = _reader(loaded).values(DESK_KEYS, own) or {}
        read = _connector(loaded, Entry(entry.key, entry.place, theirs), "the desk", kinds, desk_class)
        if read is not None and isinstance(entry.value, Table):
            loaded.desks[entry.key] = DeskConfig(*read, **{**values, **_never(values)})
            loaded.tables[entry.value.place] = entry.value


def _parted(node: Node) -> tuple[Table, Node]:
    """Return what a desk's entry says to the engine, and what it says to the desk."""
    if not isinstance(node, Table):
        return Table(node.place, ()), node
    ours = {key.name for key in DESK_KEYS}
    own = tuple(entry for entry in node.entries if entry.key in ours)
    return Table(node.place, own), Table(node.place, tuple(entry for entry in node.entries if entry.key not in ours))


def _never(values: Mapping[str, Any]) -> dict[str, Any]:
    return {"poll": Duration(0.0)} if values.get("poll") == "never" else {}


def _connectors(loaded: Loaded, file: str, section: str) -> Iterator[Entry]:
    loaded.declared[section] = {}
    for entry in _entries(loaded, file, "write a name, and under it type and parameters"):
        loaded.declared[section][entry.key] = entry.place
        yield entry


def _connector(
    loaded: Loaded, entry: Entry, what: str, types: Sequence[str], find: Callable[[str], type]
) -> tuple[str, str, dict[str, Any], Place] | None:
    """Return the name, type and parameters of something that speaks to the world, and where it stands."""
    reader = _reader(loaded, Vault(loaded.environ, loaded.folder, what))
    chosen = choose(reader, entry.value, "type", types, find)
    if chosen is None:
        return None
    cls, table = chosen
    params = parameters(reader, cls, table, "type")
    named = table.get("type")
    if params is None or not isinstance(named, Scalar):
        return None
    return entry.key, named.text, params, table.place


def _read_calendars(loaded: Loaded) -> None:
    loaded.declared["calendars"] = {}
    reader = _reader(loaded)
    for entry in _entries(loaded, CALENDARS, "write a name, and under it weekly, dates, holidays or changes"):
        loaded.declared["calendars"][entry.key] = entry.place
        if isinstance(calendar := reader.record(CalendarConfig, _named(entry)), CalendarConfig):
            loaded.calendars[entry.key] = calendar


def _named(entry: Entry) -> Node:
    """Return the mapping under a name with that name in it."""
    if not isinstance(entry.value, Table):
        return entry.value
    name = Entry("name", entry.place, Scalar(entry.place, entry.key, entry.key, entry.key))
    return Table(entry.value.place, (name, *entry.value.entries))


def _entries(loaded: Loaded, file: str, remedy: str) -> tuple[Entry, ...]:
    """Return the entries of a file that is one mapping; none where there is no such file."""
    node = _only_document(loaded, file)
    if isinstance(node, Table):
        loaded.roots[file] = loaded.tables[node.place] = node
        return tuple(node.entries)
    if node is not None:
        loaded.problems.error(node.place, "expected a mapping", remedy)
    return ()


def _read_section(loaded: Loaded, section: str, cls: type[Named]) -> dict[str, Named]:
    found: dict[str, Named] = {}
    names = loaded.declared.setdefault(section, {})
    reader = _reader(loaded)
    for node in _section_documents(loaded, section):
        is_first = _declare(loaded, names, node)
        value = reader.record(cls, node)  # of a name that is taken too: everything wrong is told at once
        if is_first and isinstance(value, cls):
            found[value.name] = value
    return found


def _declare(loaded: Loaded, names: dict[str, Place], node: Node) -> bool:
    named = node.get("name") if isinstance(node, Table) else None
    if not isinstance(named, Scalar):
        return True
    if first := names.get(named.text):
        loaded.problems.error(named.place, f'the name "{named.text}" is taken', f"by {first}")
        return False
    names[named.text] = named.place
    return True


def _section_documents(loaded: Loaded, section: str) -> Iterator[Node]:
    for path in sorted((loaded.folder / section).glob("*.y*ml")):
        name = f"{section}/{path.name}"
        if path.suffix != ".yaml":
            loaded.problems.warning(Place(name, 1, 1), "is not read", f"call it {path.stem}.yaml")
        elif not name.endswith(TEST_ENDING):
            yield from _documents(loaded, name)


def _documents(loaded: Loaded, name: str) -> list[Node]:
    before = len(loaded.problems.found)
    documents = read_file(loaded.folder / name, name, loaded.problems)
    loaded.files.append(name)
    if not documents and len(loaded.problems.found) == before:
        loaded.problems.error(Place(name, 1, 1), "is empty", "write a document or delete the file")
    return documents


def _only_document(loaded: Loaded, name: str) -> Node | None:
    if not (loaded.folder / name).exists():
        return None
    documents = read_file(loaded.folder / name, name, loaded.problems)
    loaded.files.append(name)
    for extra in documents[1:]:
        loaded.problems.error(extra.place, "a second document", f"{name} is one document")
    return documents[0] if documents else None
