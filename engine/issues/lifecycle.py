"""The life of an issue, as pure functions: an issue and what happened in, the issue as it is then and what changed out.

Which changes there are:

- `raised` with no issue opens one. Within `reopen_within` of a resolution it reopens that issue as its next episode.
- What a detector on trial found causes nothing (`shadow`); if it still goes on when the trial ends, it opens then.
- `ongoing` updates the evidence. The severity goes up at once; it goes down only when nothing as bad was seen for
  `reopen_within`, and then to the worst that was, so that a value near a limit does not toggle it.
- `cleared` resolves. A flapping issue is held open instead until it was calm for `reopen_within` (`settle`).
- An issue reopened more often than `flap_count` within `flap_seconds` is flapping.
- A dismissed or expired issue is not brought back by the anomaly it was about: neither while that goes on, nor, if
  dismissed, by a new raise within `reopen_within` of its last signal. Only a severity above the dismissed one opens a
  new issue, for nobody has judged that.
- An issue resolved by hand is reopened if its anomaly still goes on `reopen_within` later: a fix needs time to show.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Literal

from engine.config.model import SEVERITIES
from engine.ids import derive
from engine.issues.findings import Finding
from engine.issues.view import ENGINE, IssueView, Kind, Moved, Rules, Track, Transition, worse

_NEXT = 1e-6
"""The least step between two changes of one issue, in seconds: their times give their order."""


def advance(issue: IssueView | None, finding: Finding, rules: Rules, now: float) -> Moved:
    """Return what `finding` makes of `issue`, the latest one with its fingerprint."""
    if finding.signal.state == "cleared":
        return _cleared(issue, finding, rules, now)
    if issue is None:
        return _opened(finding, now)
    if issue.active:
        return _gone_on(issue, finding, rules, now)
    return _after_end(issue, finding, rules, now)


def settle(issue: IssueView, rules: Rules, now: float) -> Moved:
    """Resolve a flapping issue that was calm for long enough."""
    calm = issue.track.calm_since
    if not issue.active or calm is None or now < calm + rules.reopen_within:
        return Moved(issue)
    return _end(issue, "resolved", now, ended=calm + rules.reopen_within, how="cleared")


def acknowledge(issue: IssueView, who: str, now: float, why: str = "") -> Moved:
    """Take note that `who` looks after it; nothing changes unless it is open."""
    if issue.status != "open":
        return Moved(issue)
    return _change(replace(issue, status="acknowledged"), "acknowledged", now, ("open", "acknowledged"), who, why)


def resolve(issue: IssueView, who: str, now: float, why: str = "") -> Moved:
    """End it because `who` says it is over; nothing changes if it ended before."""
    return _end(issue, "resolved", now, ended=now, how="operator", by=(who, why))


def dismiss(issue: IssueView, who: str, now: float, why: str = "") -> Moved:
    """End it because `who` says it was a false alarm; nothing changes if it ended before."""
    return _end(issue, "dismissed", now, ended=now, how="dismissed", by=(who, why))


def expire(issue: IssueView, now: float) -> Moved:
    """End it because it was open for too long to be news; nothing changes if it ended before."""
    return _end(issue, "expired", now, ended=now, how="expired")


def replay(changes: Iterable[tuple[str, str, str]]) -> dict[str, Any]:
    """Return status, severity, episode and flapping as the history (what, before, after), in order, says they are.

    >>> replay([("opened", "", "low"), ("severity", "low", "high"), ("resolved", "open", "resolved")])
    {'status': 'resolved', 'severity': 'high', 'reopened': 0, 'flapping': False}
    """
    now: dict[str, Any] = {"status": "", "severity": "", "reopened": 0, "flapping": False}
    for what, _, after in changes:
        if what in {"opened", "severity", "reopened", "flapping"}:
            now["severity"] = after
        if what in {"opened", "reopened", "flapping"}:
            now["status"] = "open"
        if what in {"reopened", "flapping"}:
            now.update(reopened=now["reopened"] + 1, flapping=what == "flapping")
        if what in {"acknowledged", "resolved", "dismissed", "expired"}:
            now.update(status=after, flapping=now["flapping"] and what == "acknowledged")
    return now


def _opened(finding: Finding, now: float) -> Moved:
    seen, fingerprint = finding.signal, finding.fingerprint
    issue = IssueView(
        id=derive("iss", fingerprint, repr(seen.time)),
        fingerprint=fingerprint,
        detector=seen.detector,
        series=finding.series,
        subject=finding.subject,
        account=finding.account,
        severity=finding.severity,
        status="open",
        opened_at=seen.time,
        noticed_at=now,
        updated_at=now,
        shadow=finding.shadow,
    )
    return _change(_look(issue, finding, now), "opened", now, ("", finding.severity))


def _gone_on(issue: IssueView, finding: Finding, rules: Rules, now: float) -> Moved:
    if issue.shadow and not finding.shadow:
        return _counted(issue, finding, now)
    if issue.track.calm_since is not None:
        issue = replace(issue, flapped=(*_recent(issue, finding, rules), finding.signal.time))
    severity, track = _severity(issue, finding, rules)
    seen = _look(replace(issue, severity=severity, track=track), finding, now)
    if severity == issue.severity:
        return Moved(seen)
    return _change(seen, "severity", now, (issue.severity, severity))


def _counted(issue: IssueView, finding: Finding, now: float) -> Moved:
    """Begin anew for everyone: its detector is on trial no longer."""
    counted = replace(issue, shadow=False, severity=finding.severity, track=Track(), noticed_at=now)
    return _change(_look(counted, finding, now), "opened", now, ("", finding.severity))


def _severity(issue: IssueView, finding: Finding, rules: Rules) -> tuple[str, Track]:
    reset = replace(issue.track, lower_since=None, lower="")
    if not worse(issue.severity, finding.severity):
        return finding.severity, reset
    since = issue.track.lower_since
    if since is None:
        return issue.severity, replace(reset, lower_since=finding.signal.time, lower=finding.severity)
    worst = max(issue.track.lower, finding.severity, key=SEVERITIES.index)
    if finding.signal.time - since >= rules.reopen_within:
        return worst, reset
    return issue.severity, replace(issue.track, lower=worst)


def _after_end(issue: IssueView, finding: Finding, rules: Rules, now: float) -> Moved:
    if issue.shadow != finding.shadow:
        return _opened(finding, now)
    same = finding.signal.state == "ongoing" and not issue.track.cleared
    within = finding.signal.time <= max(_ended(issue), issue.track.last) + rules.reopen_within
    judged = issue.track.end == "dismissed" or (issue.track.end == "expired" and same)
    if judged and (same or within):
        fresh = worse(finding.severity, issue.severity)
        return _opened(finding, now) if fresh else Moved(_look(issue, finding, now))
    if same and finding.signal.time <= _ended(issue) + rules.reopen_within:
        return Moved(_look(issue, finding, now))
    if same or finding.signal.time <= _ended(issue) + rules.reopen_within:
        return _reopened(issue, finding, rules, now)
    return _opened(finding, now)


def _reopened(issue: IssueView, finding: Finding, rules: Rules, now: float) -> Moved:
    times = (*_recent(issue, finding, rules), finding.signal.time)
    flapping = len(times) > rules.flap_count
    again = replace(
        issue,
        status="open",
        severity=finding.severity,
        resolved_at=None,
        reopened=issue.reopened + 1,
        flapping=flapping,
        flapped=times,
        track=Track(),
    )
    kind: Kind = "flapping" if flapping else "reopened"
    return _change(_look(again, finding, now), kind, now, (issue.severity, finding.severity))


def _cleared(issue: IssueView | None, finding: Finding, rules: Rules, now: float) -> Moved:
    if issue is None:
        return Moved(None)
    held = issue.track.calm_since
    seen = _look(issue, finding, now)
    if not issue.active:
        return Moved(seen)
    if not issue.flapping:
        return _end(seen, "resolved", now, ended=finding.until, how="cleared")
    if held is not None:
        return Moved(replace(seen, track=replace(seen.track, calm_since=held)))
    calm = replace(seen, track=replace(seen.track, calm_since=finding.until))
    return _change(calm, "cleared_held", now, (issue.status, issue.status), due=finding.until + rules.reopen_within)


def _end(
    issue: IssueView,
    kind: Literal["resolved", "dismissed", "expired"],
    now: float,
    *,
    ended: float,
    how: Literal["cleared", "operator", "dismissed", "expired"],
    by: tuple[str, str] = (ENGINE, ""),
) -> Moved:
    if not issue.active:
        return Moved(issue)
    status = "dismissed" if kind == "dismissed" else "resolved"
    over = replace(
        issue,
        status=status,
        resolved_at=max(ended, issue.began_at),
        flapping=False,
        track=replace(issue.track, end=how, calm_since=None),
    )
    return _change(over, kind, now, (issue.status, status), *by)


def _change(
    issue: IssueView,
    kind: Kind,
    now: float,
    between: tuple[str, str],
    who: str = ENGINE,
    note: str = "",
    *,
    due: float | None = None,
) -> Moved:
    at = max(now, issue.updated_at + _NEXT)
    changed = replace(issue, updated_at=at)
    return Moved(changed, (Transition(kind, changed, at, *between, who, note, due),))


def _look(issue: IssueView, finding: Finding, now: float) -> IssueView:
    """Take the finding into the evidence; a `cleared` one leaves what was wrong to be read."""
    cleared = finding.signal.state == "cleared"
    evidence, summary = finding.evidence(), issue.summary
    if cleared:
        after = {name: evidence[name] for name in ("value", "expected", "window")}
        evidence = {
            **issue.evidence,
            "state": "cleared",
            "cleared": after,
            "points": evidence["points"] or issue.evidence.get("points", []),
        }
    else:
        summary = finding.signal.explanation or f"{finding.signal.detector} on {finding.series}"
    last = max(issue.track.last, finding.until)
    track = replace(issue.track, last=last, cleared=cleared, calm_since=None)
    return replace(issue, evidence=evidence, summary=summary, track=track, updated_at=max(now, issue.updated_at))


def _recent(issue: IssueView, finding: Finding, rules: Rules) -> tuple[float, ...]:
    since = finding.signal.time - rules.flap_seconds
    return tuple(moment for moment in issue.flapped if moment > since)


def _ended(issue: IssueView) -> float:
    return issue.opened_at if issue.resolved_at is None else issue.resolved_at
