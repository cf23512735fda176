"""A bench on which several issues are told together: one person, several issues, and words for it."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.store.models import Address, Entity, Issue
from outreach.base import Channel
from tests.engine.sending.bench import ROOT, Bench, bench

WAIT = 1800.0
POLICY = "digest: {wait: 30m, at_most: 4}\n"
WORDS = """Subject: {{ issue.subject_name }} is in trouble, you need not do anything

It began on {{ issue.opened_at | when }}.
Do you need to do anything? No.
"""


ENDED = """Subject: {{ issue.subject_name }} is well again

It is over.
Do you need to do anything? No.
"""


@contextmanager
def gathering(
    folder: Path, *, policy: str = POLICY, channels: Mapping[str, Channel] | None = None, words: str = WORDS
) -> Iterator[Bench]:
    """Yield a bench whose messages wait for each other."""
    templates = folder / "templates"
    common = [f"_common/{name}" for name in ("digest", "ends", "correction", "expired", "sample.json")]
    for name in (*common, "_parts"):
        copy = shutil.copytree if (ROOT / "templates" / name).is_dir() else shutil.copy
        (templates / name).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / "templates" / name, templates / name)
    for name, text in (("notice", words), ("resolved", ENDED)):
        (templates / f"all/{name}/en").mkdir(parents=True)
        (templates / f"all/{name}/en/digest.txt.j2").write_text(text)
    with bench(folder, policy=policy, channels=channels) as at:
        yield at


def wrong(at: Bench, name: str, *issues: str, severity: str = "high", **more: Any) -> None:
    """Let `issues` begin now for a person, each with a message to them; the person is there from the first one on."""
    now = at.clock.time()
    if f"contact/{name}" not in {row.id for row in at.rows(Entity)}:
        at.tell(name, status="skipped")
    with at.database.transaction() as session:
        for issue in issues:
            session.add(_issue(name, issue, severity, now))
            session.add(at.intent(name, f"int_{issue}", issue=f"iss_{issue}", **more))


def by_mail(at: Bench, name: str) -> None:
    """Let a person have no telephone."""
    with at.database.transaction() as session:
        for row in at.rows(Address, entity=f"contact/{name}", kind="phone"):
            session.delete(session.get(Address, row.id))


def statuses(at: Bench, *issues: str) -> list[str]:
    """Return how far the opening messages of issues have come."""
    return [at.message(issue).status for issue in issues]


def _issue(name: str, issue: str, severity: str, now: float) -> Issue:
    account = f"account/{name}"
    fixed: dict[str, Any] = {"detector": "errors", "series": account, "subject": f"device/{issue}", "account": account}
    times: dict[str, Any] = {"opened_at": now, "noticed_at": now, "updated_at": now}
    about: dict[str, Any] = {"severity": severity, "status": "open", "summary": "trouble"}
    return Issue(id=f"iss_{issue}", fingerprint=issue, **fixed, **times, **about)
