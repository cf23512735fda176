"""What could be read of a configuration folder, with the place of everything."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from engine.config.model import (
    CalendarConfig,
    ChannelConfig,
    Config,
    DeskConfig,
    DetectorConfig,
    MainConfig,
    Place,
    PlaybookConfig,
    PolicyConfig,
)
from engine.config.problems import Problems, errors
from engine.config.yamlsource import Items, Node, Scalar, Table

if TYPE_CHECKING:
    from engine.config.model.status import StatusConfig
    from outreach.render import Templates


@dataclass(slots=True)
class Loaded:
    """The parts that are whole, the problems of those that are not, and the nodes they were read from."""

    folder: Path
    environ: Mapping[str, str]
    problems: Problems = field(default_factory=Problems)
    main: MainConfig | None = None
    policy: PolicyConfig = field(default_factory=PolicyConfig)
    detectors: dict[str, DetectorConfig] = field(default_factory=dict)
    playbooks: dict[str, PlaybookConfig] = field(default_factory=dict)
    channels: dict[str, ChannelConfig] = field(default_factory=dict)
    desks: dict[str, DeskConfig] = field(default_factory=dict)
    calendars: dict[str, CalendarConfig] = field(default_factory=dict)
    status: "StatusConfig | None" = None
    declared: dict[str, dict[str, Place]] = field(default_factory=dict)
    """By section (detectors, playbooks, channels, desks, calendars): every name written down, and where."""
    roots: dict[str, Table] = field(default_factory=dict)
    """The mappings that forewarn.yaml, policy.yaml, status.yaml and the files of channels, desks and calendars are."""
    files: list[str] = field(default_factory=list)
    tables: dict[Place, Table] = field(default_factory=dict)
    """Every mapping that was read, by its place."""
    templates: "Templates | None" = None
    """The templates that were looked over."""

    def config(self) -> Config | None:
        """Return the configuration, unless something makes it unusable."""
        if self.main is None or errors(self.problems.found):
            return None
        parts = self.detectors, self.playbooks, self.channels, self.calendars
        more = tuple(self.files), self.templates, self.desks, self.status
        return Config(self.folder, self.main, self.policy, *parts, *more)

    def where(self, start: Place, *path: str | int) -> Place:
        """Return the place of what stands under `path` in the mapping at `start`, or of the nearest thing above it."""
        node: Node | None = self.tables.get(start)
        place = start
        for part in path:
            node = _inside(node, part)
            if node is None:
                return place
            place = node.place
        return place

    def node(self, start: Place, *path: str | int) -> Node | None:
        """Return what stands under `path` in the mapping at `start`; None if nothing does."""
        node: Node | None = self.tables.get(start)
        for part in path:
            node = _inside(node, part)
        return node

    def key(self, start: Place, *path: str | int) -> Place:
        """Return the place of the key that `path` ends with."""
        above = self.node(start, *path[:-1])
        entries = above.entries if isinstance(above, Table) else ()
        found = [entry.place for entry in entries if entry.key == path[-1]]
        return found[0] if found else self.where(start, *path)


def _inside(node: Node | None, part: str | int) -> Node | None:
    if isinstance(part, str):
        return node.get(part) if isinstance(node, Table) else None
    if isinstance(node, Items):
        return node.items[part] if part < len(node.items) else None
    return node if part == 0 and isinstance(node, Scalar | Table) else None
