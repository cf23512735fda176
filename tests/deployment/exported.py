"""What a process exports, by name."""

import re
from collections.abc import Mapping
from dataclasses import replace

from engine.metrics import Metrics, State
from engine.standing import Held, Pool, Standing
from engine.traffic import SendingState
from engine.traffic.lane import LaneState
from tests.faults.house import House

HELP = re.compile(r"^# HELP (\S+) (.*)$", re.MULTILINE)


def exported(house: House) -> Mapping[str, str]:
    """Return the help of all that any role exports, by name."""
    held = Held(0, 1, behind=0.0, restored=0.1, passed_over=0, saved_at=1.0, saving=0.1, size=1)
    standing = Standing(held=(held,), records={"whole": 1}, pool=Pool(10, 1))
    away = LaneState("twilio", ("sms",), "open", 0.0, "refused", None, 4)
    state = State(
        house.engine.storage.database,
        house.engine.storage.dead_letters,
        house.clock,
        house.engine.lags,
        unread=house.engine.unread,
        standing=lambda: replace(standing, leads=True),
        sending=lambda: SendingState((away,), 3, 17),
    )
    metrics = Metrics()
    metrics.watch(state)
    found = dict(HELP.findall(metrics.text().decode()))
    return {name: about for name, about in found.items() if not name.endswith("_created")}
