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
        *(f"article.{name}" for name in ("title", "url")),
        *(f"remedy.{name}" for name in ("name", "kind", "about", "amount", "currency", "lasts")),
    }
)
"""Of a message to a customer."""
AGENT: Final = frozenset({*_COMMON, "history", "next_step", "links.console"})
"""Of a ticket and of an escalation."""
