"""The names that expressions and templates may use: what the engine fills in."""

from typing import Final

SEVERITY: Final = ("value", "score", "expected", "low", "high")
"""Of a detector's `severity`, beside the extras of its kind."""
WHEN: Final = ("value", "score", "severity", "detector", "subject", "account", "account.*")
"""Of a playbook's `where`; the last stands for the attributes of the account."""

_COMMON: Final = (
    "now",
    *(f"sender.{name}" for name in ("company", "help_url", "postal_address")),
    *(f"customer.{name}" for name in ("account", "name", "locale", "zone")),
    *(
        f"issue.{name}"
        for name in (
            "id",
            "severity",
            "status",
            "opened_at",
            "summary",
            "subject",
            "subject_name",
            "detector",
            "detector_about",
        )
    ),
    *(f"evidence.{name}" for name in ("value", "expected", "low", "high", "score", "window_s", "eta_s")),
    *(f"evidence.{name}" for name in ("eta_low_s", "eta_high_s", "explanation", "points")),
)
MESSAGE: Final = frozenset(
    {
        *_COMMON,
        *(f"person.{name}" for name in ("name", "roles", "zone")),
        *(f"links.{name}" for name in ("page", "unsubscribe", "preferences")),
        "next_update_at",
        "ticket.number",
        *(f"article.{name}" for name in ("title", "url")),
        *(f"remedy.{name}" for name in ("name", "kind", "about", "amount", "currency", "lasts")),
    }
)
"""Of a message to a customer."""
DIGEST: Final = frozenset(
    {
        *("now", "next_update_at", "items", "links.page", "links.unsubscribe", "links.preferences"),
        *(f"sender.{name}" for name in ("company", "help_url", "postal_address")),
        *(f"customer.{name}" for name in ("account", "name", "locale", "zone")),
        *(f"person.{name}" for name in ("name", "roles", "zone")),
    }
)
"""Of several messages to a customer as one. Each of `items` has a `headline`, a `text` of some lines and a `link`."""
NEWS: Final = frozenset(
    {
        "now",
        *(f"sender.{name}" for name in ("company", "help_url", "postal_address")),
        *(f"page.{name}" for name in ("title", "url")),
        *(
            f"entry.{name}"
            for name in ("title", "kind", "state", "impact", "components", "starts_at", "ends_at", "url")
        ),
        "updates",
        *(f"links.{name}" for name in ("confirm", "choose", "leave")),
    }
)
"""Of a mail to a subscriber of the status page. `updates` has the latest words first: `at`, `state` and `text`."""
ANSWER: Final = frozenset(
    {
        "now",
        *(f"sender.{name}" for name in ("company", "help_url", "postal_address")),
        *(f"customer.{name}" for name in ("account", "name", "locale", "zone")),
        *("person.name", "person.zone", "links.page", "links.preferences", "number", "choices"),
    }
)
"""Of an answer to what a customer said; `choices` are things told together, each with a `headline` and a `link`."""
HANDOVER: Final = frozenset(
    {
        *("now", "sender.company", "why", "severity", "thread", "others", "next_step", "links.console"),
        *(f"customer.{name}" for name in ("account", "name", "locale", "zone")),
        *(f"person.{name}" for name in ("id", "name", "locale", "email", "phone", "hours", "callable")),
        *(f"issue.{name}" for name in ("id", "summary", "status", "severity", "subject", "detector", "opened_at")),
    }
)
"""Of the ticket that puts a conversation before a person."""
AGENT: Final = frozenset({*_COMMON, "history", "next_step", "links.console"})
"""Of a ticket and of an escalation."""
APPROVAL: Final = AGENT | {
    f"approval.{name}" for name in ("id", "playbook", "why", "needed", "audience", "expires_at", "link")
}
"""Of the question whether so many are to be told."""
DEFECT: Final = AGENT | {f"defect.{name}" for name in ("id", "owner", "title", "after")}
"""Of the word to the owner of a defect."""
INCIDENT: Final = AGENT | {
    f"incident.{name}" for name in ("id", "title", "issues", "accounts", "some", "cause", "asked")
}
"""Of the one ticket of an incident."""
