"""The configuration, as typed values. The dataclasses are the schema: `engine/config/reader.py` fills them from YAML.

A field is a key; a field named with a trailing underscore is the key without it (`for_` → `for`). A field without a
default must be given. `Place` fields are filled with the position of the mapping itself and are no keys.

A file of YAML each: `main`, with `log` · `detectors`, with what they watch (`watching`) and when not to (`calendars`) ·
`playbooks` · `policy`, with `digests` and `incidents` · `connectors` · `status`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from engine.config.model.calendars import DAYS, CalendarConfig, Dates, Day, Weekly, Widen
from engine.config.model.connectors import BUILTIN, ChannelConfig, DeskConfig, Escalation, Sending
from engine.config.model.detectors import DetectorConfig
from engine.config.model.digests import DigestConfig, Digested
from engine.config.model.incidents import IncidentConfig
from engine.config.model.log import LogConfig
from engine.config.model.main import (
    IN_DATABASE,
    EventRules,
    Listen,
    MainConfig,
    Retention,
    Sender,
    SnapshotsConfig,
    StoreConfig,
)
from engine.config.model.places import NOWHERE, Clock, Of, Per, Place
from engine.config.model.playbooks import (
    BEST,
    MOST_HELD_OUT,
    PREFERRED,
    SAFETY,
    SEVERITIES,
    BlastRadius,
    EscalateStep,
    Limits,
    MessageStep,
    Offer,
    PlaybookConfig,
    Step,
    TicketStep,
    When,
    WorthConfig,
)
from engine.config.model.policy import (
    MOST_TURNS,
    Approvals,
    ConversationConfig,
    GoodwillConfig,
    Hours,
    Inhibition,
    Pace,
    PolicyConfig,
    Remedy,
    Shift,
    StreamLimits,
    Threshold,
)
from engine.config.model.status import StatusConfig
from engine.config.model.watching import STAGE_REACHED, Article, ArticleText, Demand, Input, Measure, Raise, Watch

if TYPE_CHECKING:
    from outreach.render import Templates

__all__ = [
    "BEST",
    "BUILTIN",
    "DAYS",
    "IN_DATABASE",
    "MOST_HELD_OUT",
    "MOST_TURNS",
    "NOWHERE",
    "PREFERRED",
    "SAFETY",
    "SEVERITIES",
    "STAGE_REACHED",
    "Approvals",
    "Article",
    "ArticleText",
    "BlastRadius",
    "CalendarConfig",
    "ChannelConfig",
    "Clock",
    "Config",
    "ConversationConfig",
    "Dates",
    "Day",
    "Demand",
    "DeskConfig",
    "DetectorConfig",
    "DigestConfig",
    "Digested",
    "EscalateStep",
    "Escalation",
    "EventRules",
    "GoodwillConfig",
    "Hours",
    "IncidentConfig",
    "Inhibition",
    "Input",
    "Limits",
    "Listen",
    "LogConfig",
    "MainConfig",
    "Measure",
    "MessageStep",
    "Of",
    "Offer",
    "Pace",
    "Per",
    "Place",
    "PlaybookConfig",
    "PolicyConfig",
    "Raise",
    "Remedy",
    "Retention",
    "Sender",
    "Sending",
    "Shift",
    "SnapshotsConfig",
    "StatusConfig",
    "Step",
    "StoreConfig",
    "StreamLimits",
    "Threshold",
    "TicketStep",
    "Watch",
    "Weekly",
    "When",
    "Widen",
    "WorthConfig",
]


@dataclass(frozen=True, slots=True)
class Config:
    """Everything under one configuration folder."""

    folder: Path
    main: MainConfig
    policy: PolicyConfig
    detectors: Mapping[str, DetectorConfig]
    playbooks: Mapping[str, PlaybookConfig]
    channels: Mapping[str, ChannelConfig]
    calendars: Mapping[str, CalendarConfig] = field(default_factory=dict)
    files: Sequence[str] = ()
    """Every file read, for reload and for `check`."""
    templates: "Templates | None" = None
    """The templates as they were when all was found to be right; None: nobody has looked yet."""
    desks: Mapping[str, DeskConfig] = field(default_factory=dict)
    """Those of desks.yaml; `builtin` is there without it."""
    status: StatusConfig | None = None
    """The public status page; None: there is none."""

    @property
    def data_dir(self) -> Path:
        """Where the engine writes."""
        return (self.folder / self.main.data).resolve()

    @property
    def templates_dir(self) -> Path:
        """Where templates are read."""
        return (self.folder / self.main.templates).resolve()
