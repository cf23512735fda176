"""The words of the pages for customers, in English and German. What is in braces is filled in."""

from collections.abc import Mapping
from typing import Final

ENGLISH: Final[Mapping[str, str]] = {
    "lang": "en",
    "genuine": "This message is genuine",
    "genuine_more": "{company} sent it to you on {at}. This page is signed: nobody else can make one.",
    "what_we_wrote": "What we wrote",
    "as_text": "The same as plain text",
    "links_off": "Links in this copy are switched off.",
    "removed": "The text of this message is no longer stored.",
    "now": "How it stands now",
    "open": "We are still working on it. You will hear from us when it is over.",
    "acknowledged": "Our people are working on it. You will hear from us when it is over.",
    "resolved": "It is over, since {at}.",
    "dismissed": "It was a false alarm: there is nothing you have to do.",
    "gone": "We no longer keep the details.",
    "why": "Why you got this",
    "why_more": "You are a contact of {account}, and it concerns something you use. Sent by {channel} to {address}.",
    "less": "Choose what you get",
    "stop": "Get no more of these",
    "help": "Help and contact",
    "stop_title": "Get no more of these messages?",
    "stop_more": "We will stop sending these messages to {address}. Nothing has changed yet.",
    "stop_all": "This stops every message about problems, on every channel.",
    "stop_button": "Stop these messages",
    "stopped_title": "Done: you get no more of these",
    "stopped_more": "We stopped sending these messages to {address}. You can come back to this any time.",
    "stopped_sms": "You get no more messages from us. Write START to get them again.",
    "prefs_title": "How we may tell you about problems",
    "prefs_more": "Ticked: we may tell you this way when something you use does not work. This is not advertising.",
    "prefs_on": "Tell me by {channel}: {address}",
    "prefs_none": "We have no address of yours to write to.",
    "prefs_button": "Save",
    "prefs_saved": "Saved.",
    "prefs_wording": "I want to be told about problems by {channel} at {address}.",
    "invalid_title": "This link does not work",
    "invalid_more": "It is incomplete or too old. Open the link of our latest message, or ask our support.",
    "email": "e-mail",
    "sms": "text message",
    "whatsapp": "WhatsApp",
    "voice": "telephone",
    "webhook": "webhook",
    "inapp": "message inside the product",
}

GERMAN: Final[Mapping[str, str]] = {
    "lang": "de",
    "genuine": "Diese Nachricht ist echt",
    "genuine_more": "{company} hat sie Ihnen am {at} geschickt. Die Seite ist signiert, niemand sonst kann sie machen.",
    "what_we_wrote": "Was wir geschrieben haben",
    "as_text": "Dasselbe als einfacher Text",
    "links_off": "Links in dieser Kopie sind abgeschaltet.",
    "removed": "Der Text dieser Nachricht ist nicht mehr gespeichert.",
    "now": "Wie es jetzt steht",
    "open": "Wir arbeiten noch daran. Sie hören von uns, wenn es vorbei ist.",
    "acknowledged": "Unsere Leute arbeiten daran. Sie hören von uns, wenn es vorbei ist.",
    "resolved": "Es ist vorbei, seit {at}.",
    "dismissed": "Es war ein Fehlalarm: Sie müssen nichts tun.",
    "gone": "Die Einzelheiten sind nicht mehr gespeichert.",
    "why": "Warum Sie das bekommen haben",
    "why_more": "Sie sind Kontakt von {account}, und es betrifft Sie. Gesendet per {channel} an {address}.",
    "less": "Auswählen, was Sie bekommen",
    "stop": "Keine solchen Nachrichten mehr",
    "help": "Hilfe und Kontakt",
    "stop_title": "Keine solchen Nachrichten mehr bekommen?",
    "stop_more": "Wir schicken dann keine solchen Nachrichten mehr an {address}. Noch hat sich nichts geändert.",
    "stop_all": "Das beendet alle Nachrichten über Störungen, auf allen Wegen.",
    "stop_button": "Nachrichten beenden",
    "stopped_title": "Erledigt: Sie bekommen keine solchen Nachrichten mehr",
    "stopped_more": "Wir schicken keine solchen Nachrichten mehr an {address}. Sie können das jederzeit wieder ändern.",
    "stopped_sms": "Sie bekommen keine Nachrichten mehr von uns. Mit START bekommen Sie sie wieder.",
    "prefs_title": "Wie wir Ihnen Störungen melden dürfen",
    "prefs_more": "Angekreuzt: So dürfen wir uns melden, wenn etwas nicht funktioniert. Das ist keine Werbung.",
    "prefs_on": "Per {channel} melden: {address}",
    "prefs_none": "Wir haben keine Adresse, an die wir Ihnen schreiben könnten.",
    "prefs_button": "Speichern",
    "prefs_saved": "Gespeichert.",
    "prefs_wording": "Ich möchte über Störungen per {channel} an {address} informiert werden.",
    "invalid_title": "Dieser Link funktioniert nicht",
    "invalid_more": "Er ist unvollständig oder zu alt. Nehmen Sie den Link der letzten Nachricht, oder fragen Sie uns.",
    "email": "E-Mail",
    "sms": "SMS",
    "whatsapp": "WhatsApp",
    "voice": "Telefon",
    "webhook": "Webhook",
    "inapp": "Nachricht im Produkt",
}


def words(locale: str) -> Mapping[str, str]:
    """Return the words for a locale; English where there are no others.

    >>> words("de_AT")["lang"], words("fr")["lang"], words("")["lang"]
    ('de', 'en', 'en')
    """
    return GERMAN if locale.lower().startswith("de") else ENGLISH
