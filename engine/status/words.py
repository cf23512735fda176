"""The words of the status page, in English and German. What is in braces is filled in."""

from collections.abc import Mapping
from typing import Final

ENGLISH: Final[Mapping[str, str]] = {
    "lang": "en",
    "investigating": "Investigating",
    "identified": "Cause found",
    "monitoring": "Fixed, being watched",
    "resolved": "Resolved",
    "scheduled": "Planned",
    "in_progress": "Under way",
    "completed": "Completed",
    "cancelled": "Cancelled",
    "impact_none": "No impact",
    "impact_minor": "Minor impact",
    "impact_major": "Major impact",
    "impact_critical": "Critical impact",
    "operational": "Works",
    "under_maintenance": "Under maintenance",
    "degraded_performance": "Slow or limited",
    "partial_outage": "Partly down",
    "major_outage": "Down",
    "all_operational": "Everything works",
    "all_under_maintenance": "Maintenance is under way",
    "all_degraded_performance": "Some things are slow or limited",
    "all_partial_outage": "Some things do not work",
    "all_major_outage": "There is a major outage",
    "has_begun": "The maintenance has begun.",
    "has_ended": "The maintenance is over.",
    "status_of": "Status of {title}",
    "as_of": "As of {at}",
    "now": "What is going on",
    "planned": "Maintenance",
    "components": "How things stand",
    "uptime": "{share} in the last 90 days",
    "uptime_why": "Critical incidents count in full, major ones by a third; announced maintenance does not count.",
    "days_ago": "90 days ago",
    "today": "today",
    "recent": "Past 14 days",
    "none_recent": "Nothing in the past 14 days.",
    "history": "History",
    "history_all": "All of the past 90 days",
    "none": "Nothing in the past 90 days.",
    "back": "Current status",
    "concerns": "Concerns: {names}",
    "window": "{start} to {end}",
    "updates": "Updates",
    "subscribe": "Be told by e-mail",
    "subscribe_more": "We write to you when something is new here. You confirm it first, and end it with one click.",
    "address": "E-mail address",
    "only": "Only about",
    "only_more": "Nothing ticked means everything.",
    "subscribe_button": "Subscribe",
    "hook_subscribe": "Tell a system of yours",
    "hook_subscribe_more": "We post signed JSON (Standard Webhooks) to an https address when something is new here. "
    "The first request holds the secret, and the link that confirms.",
    "hook_address": "Address (https)",
    "hook_asked_title": "Look at what your system received",
    "hook_asked_more": "If the address can be written to and is not subscribed yet, a request with a secret and a link "
    "is on its way. Nothing else comes until the link was confirmed.",
    "hook_confirm_title": "Please confirm",
    "hook_confirm_more": "Somebody wants this address to be told what is new on our status page. Keep the secret: all "
    "that we send is signed with it. To confirm, POST to the link, or open it; otherwise nothing more comes.",
    "hook_wording": "I want what is new on the status page to be sent to {address}.",
    "asked_title": "Look into your mailbox",
    "asked_more": "If the address can be written to and is not subscribed yet, a mail with a link is on its way. "
    "Nothing else comes until you have confirmed it.",
    "busy_title": "Please try again later",
    "busy_more": "Too many people asked at the same time. Nothing was changed.",
    "confirm_title": "Confirm your subscription",
    "confirm_more": "We will write to {address} when something is new on this page. Nothing has changed yet.",
    "confirm_button": "Confirm",
    "confirmed_title": "You are subscribed",
    "confirmed_more": "We write to {address} when something is new.",
    "leave_title": "Get no more mails about the status?",
    "leave_more": "We will stop writing to {address} about the status page. Nothing has changed yet.",
    "leave_button": "End the subscription",
    "left_title": "Done: the subscription has ended",
    "left_more": "We no longer write to {address} about the status page.",
    "choose_title": "What you are told of",
    "choose_button": "Save",
    "chosen": "Saved.",
    "invalid_title": "This link does not work",
    "invalid_more": "It is incomplete or too old, or the subscription has ended. You can subscribe anew.",
    "wording": "I want to be told by e-mail at {address} what is new on the status page.",
    "feeds": "Also as",
    "help": "Help and contact",
}

GERMAN: Final[Mapping[str, str]] = {
    "lang": "de",
    "investigating": "Wird untersucht",
    "identified": "Ursache gefunden",
    "monitoring": "Behoben, wird beobachtet",
    "resolved": "Behoben",
    "scheduled": "Geplant",
    "in_progress": "Läuft gerade",
    "completed": "Abgeschlossen",
    "cancelled": "Abgesagt",
    "impact_none": "Keine Auswirkung",
    "impact_minor": "Geringe Auswirkung",
    "impact_major": "Große Auswirkung",
    "impact_critical": "Kritische Auswirkung",
    "operational": "Funktioniert",
    "under_maintenance": "In Wartung",
    "degraded_performance": "Langsam oder eingeschränkt",
    "partial_outage": "Teilweise ausgefallen",
    "major_outage": "Ausgefallen",
    "all_operational": "Alles funktioniert",
    "all_under_maintenance": "Eine Wartung läuft",
    "all_degraded_performance": "Manches ist langsam oder eingeschränkt",
    "all_partial_outage": "Manches funktioniert nicht",
    "all_major_outage": "Es gibt einen großen Ausfall",
    "has_begun": "Die Wartung hat begonnen.",
    "has_ended": "Die Wartung ist vorbei.",
    "status_of": "Status von {title}",
    "as_of": "Stand: {at}",
    "now": "Was gerade los ist",
    "planned": "Wartung",
    "components": "Wie es steht",
    "uptime": "{share} in den letzten 90 Tagen",
    "uptime_why": "Kritische Störungen zählen voll, große zu einem Drittel; angekündigte Wartung zählt nicht.",
    "days_ago": "vor 90 Tagen",
    "today": "heute",
    "recent": "Die letzten 14 Tage",
    "none_recent": "Nichts in den letzten 14 Tagen.",
    "history": "Verlauf",
    "history_all": "Alles aus den letzten 90 Tagen",
    "none": "Nichts in den letzten 90 Tagen.",
    "back": "Aktueller Status",
    "concerns": "Betrifft: {names}",
    "window": "{start} bis {end}",
    "updates": "Meldungen",
    "subscribe": "Per E-Mail informiert werden",
    "subscribe_more": "Wir schreiben Ihnen, wenn hier etwas neu ist. Sie bestätigen es zuerst; ein Klick beendet es.",
    "address": "E-Mail-Adresse",
    "only": "Nur über",
    "only_more": "Nichts angekreuzt heißt: über alles.",
    "subscribe_button": "Abonnieren",
    "hook_subscribe": "Ein System von Ihnen informieren",
    "hook_subscribe_more": "Wir senden signiertes JSON (Standard Webhooks) an eine https-Adresse, wenn hier etwas neu "
    "ist. In der ersten Anfrage stehen der Schlüssel und der Link, der bestätigt.",
    "hook_address": "Adresse (https)",
    "hook_asked_title": "Sehen Sie nach, was Ihr System empfangen hat",
    "hook_asked_more": "Wenn wir an die Adresse senden können und sie noch nicht angemeldet ist, kommt eine Anfrage "
    "mit einem Schlüssel und einem Link. Sonst kommt nichts, bis der Link bestätigt ist.",
    "hook_confirm_title": "Bitte bestätigen",
    "hook_confirm_more": "Jemand möchte, dass diese Adresse erfährt, was auf unserer Statusseite neu ist. Bewahren Sie "
    "den Schlüssel auf: Alles, was wir senden, ist damit signiert. Zum Bestätigen senden Sie ein POST an den Link oder "
    "öffnen ihn; sonst kommt nichts mehr.",
    "hook_wording": "Ich möchte, dass Neues auf der Statusseite an {address} gesendet wird.",
    "asked_title": "Sehen Sie in Ihr Postfach",
    "asked_more": "Wenn wir an die Adresse schreiben können und sie noch nicht angemeldet ist, kommt eine E-Mail mit "
    "einem Link. Sonst kommt nichts, bis Sie bestätigt haben.",
    "busy_title": "Bitte versuchen Sie es später noch einmal",
    "busy_more": "Zu viele haben zugleich angefragt. Es hat sich nichts geändert.",
    "confirm_title": "Bestätigen Sie Ihr Abonnement",
    "confirm_more": "Wir schreiben an {address}, wenn auf dieser Seite etwas neu ist. Noch hat sich nichts geändert.",
    "confirm_button": "Bestätigen",
    "confirmed_title": "Sie sind angemeldet",
    "confirmed_more": "Wir schreiben an {address}, wenn etwas neu ist.",
    "leave_title": "Keine E-Mails zum Status mehr?",
    "leave_more": "Wir schreiben dann nicht mehr an {address} über die Statusseite. Noch hat sich nichts geändert.",
    "leave_button": "Abonnement beenden",
    "left_title": "Erledigt: Das Abonnement ist beendet",
    "left_more": "Wir schreiben nicht mehr an {address} über die Statusseite.",
    "choose_title": "Worüber wir Ihnen schreiben",
    "choose_button": "Speichern",
    "chosen": "Gespeichert.",
    "invalid_title": "Dieser Link funktioniert nicht",
    "invalid_more": "Er ist unvollständig oder zu alt, oder das Abonnement ist beendet. Sie können sich neu anmelden.",
    "wording": "Ich möchte per E-Mail an {address} erfahren, was auf der Statusseite neu ist.",
    "feeds": "Auch als",
    "help": "Hilfe und Kontakt",
}
LANGUAGES: Final[Mapping[str, Mapping[str, str]]] = {"en": ENGLISH, "de": GERMAN}


def words(locale: str) -> Mapping[str, str]:
    """Return the words for a locale; English where there are no others.

    >>> words("de-AT")["resolved"], words("fr")["resolved"]
    ('Behoben', 'Resolved')
    """
    return LANGUAGES.get(locale.lower().replace("_", "-").partition("-")[0], ENGLISH)


def accepted(header: str, default: str = "en") -> str:
    """Return which of our languages an Accept-Language header prefers (RFC 9110, 12.5.4).

    >>> accepted("fr, de-AT;q=0.8, en;q=0.5"), accepted("*"), accepted("de;q=0, en;q=nonsense")
    ('de', 'en', 'en')
    """
    found = [(quality, -place, name) for place, (name, quality) in enumerate(_ranges(header)) if name in LANGUAGES]
    best = max(found, default=(0.0, 0, ""))
    return best[2] if best[0] > 0.0 else words(default)["lang"]


def _ranges(header: str) -> list[tuple[str, float]]:
    parts = [part.strip().partition(";") for part in header[:500].split(",")]
    return [(name.strip().lower().partition("-")[0], _quality(more)) for name, _, more in parts]


def _quality(text: str) -> float:
    _, _, value = text.partition("=")
    try:
        return float(value) if value else 1.0
    except ValueError:
        return 0.0
