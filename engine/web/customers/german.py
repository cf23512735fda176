"""The words of the pages for customers, in German. What is in braces is filled in."""

from collections.abc import Mapping
from typing import Final

GERMAN: Final[Mapping[str, str]] = {
    "lang": "de",
    "genuine": "Diese Nachricht ist echt",
    "genuine_more": "{company} hat sie Ihnen am {at} geschickt. Die Seite ist signiert, niemand sonst kann sie machen.",
    "what_we_wrote": "Was wir geschrieben haben",
    "as_text": "Dasselbe als einfacher Text",
    "links_off": "Links in dieser Kopie sind abgeschaltet.",
    "removed": "Der Text dieser Nachricht ist nicht mehr gespeichert.",
    "now": "Wie es jetzt steht",
    "open": "Wir arbeiten noch daran.",
    "acknowledged": "Unsere Leute arbeiten daran.",
    "resolved": "Es ist vorbei, seit {at}.",
    "dismissed": "Es war ein Fehlalarm: Sie müssen nichts tun.",
    "goodwill": "Als Ausgleich",
    "remedy_credit": "Wir haben Ihrem Konto {amount} gutgeschrieben.",
    "remedy_extension": "{about}",
    "remedy_other": "{about}",
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
    "prefs_title": "Was Sie von uns bekommen, und wie",
    "prefs_more": "Angekreuzt: So dürfen wir Ihnen schreiben. Vor dem Speichern ändert sich nichts.",
    "prefs_none": "Wir haben keine Adresse, an die wir Ihnen schreiben könnten.",
    "prefs_button": "Speichern",
    "prefs_saved": "Gespeichert.",
    "invalid_title": "Dieser Link funktioniert nicht",
    "invalid_more": "Er ist unvollständig oder zu alt. Nehmen Sie den Link der letzten Nachricht, oder fragen Sie uns.",
    "email": "E-Mail",
    "sms": "SMS",
    "whatsapp": "WhatsApp",
    "voice": "Telefon",
    "webhook": "Webhook",
    "inapp": "Nachricht im Produkt",
    "next": "Wie es weitergeht",
    "next_open": "Sie hören von uns, sobald es vorbei ist. Diese Seite zeigt immer, wo wir stehen.",
    "next_over": "Dazu kommt von uns nichts mehr, außer es tritt wieder auf.",
    "measured": "Was wir gemessen haben",
    "measured_value": "Zuletzt gemessen: {value}.",
    "measured_usual": "Bei Ihnen üblich: {low} bis {high}.",
    "measured_above": "Bei Ihnen üblich: höchstens {high}.",
    "measured_below": "Bei Ihnen üblich: mindestens {low}.",
    "measured_expected": "Am wahrscheinlichsten wäre gewesen: {value}.",
    "measured_since": "Wir sehen es seit {at}.",
    "picture": "Die Messwerte davor, im Lauf der Zeit. {text}",
    "expected": "erwartet {value}",
    "rule": "Darauf achten wir:",
    "basis_granted": "Sie haben dem am {at} zugestimmt: „{wording}“.",
    "basis_granted_in": "Sie haben dem am {at} zugestimmt, in „{source}“: „{wording}“.",
    "basis_plain": "Sie haben dem am {at} zugestimmt.",
    "basis_implied": (
        "Es ist eine Mitteilung zu etwas, das Sie nutzen. Dafür braucht es auf diesem Weg keine "
        "Zustimmung; Sie können sie jederzeit beenden."
    ),
    "basis_none": "Eine Zustimmung von Ihnen haben wir nicht mehr, darum kommen keine solchen Nachrichten mehr.",
    "say": "Sagen Sie uns Bescheid",
    "say_fixed": "Es funktioniert wieder",
    "say_broken": "Es funktioniert noch nicht",
    "say_not_mine": "Das betrifft mich nicht",
    "say_call": "Bitte rufen Sie mich an",
    "say_number": "Ihre Nummer, falls es eine andere ist als {number}",
    "say_number_none": "Ihre Nummer",
    "said_fixed": (
        "Am {at} haben Sie uns gesagt, dass es wieder funktioniert. Das ist vermerkt; wir beobachten es, "
        "bis es unsere Messungen bestätigen."
    ),
    "said_broken": (
        "Am {at} haben Sie uns gesagt, dass es noch nicht funktioniert. Jemand aus unserem Team kümmert sich darum."
    ),
    "said_not_mine": (
        "Am {at} haben Sie uns gesagt, dass es Sie nicht betrifft. Das ist vermerkt; wir prüfen, ob wir "
        "uns geirrt haben."
    ),
    "said_call": "Am {at} haben Sie um einen Anruf gebeten. Jemand aus unserem Team wurde darum gebeten.",
    "said_other": "Am {at} haben Sie uns geschrieben. Jemand aus unserem Team liest es.",
    "said_which": (
        "Am {at} haben Sie auf eine Nachricht zu mehreren Dingen geantwortet. Meinten Sie dieses, sagen Sie es hier."
    ),
    "said_thanks": "Am {at} haben Sie uns geantwortet.",
    "said_more": "Sie können uns jederzeit mehr sagen:",
    "service": "Störungen",
    "service_more": "Wenn etwas nicht funktioniert, das Sie nutzen, und wenn es wieder geht. Das ist keine Werbung.",
    "marketing": "Werbung",
    "marketing_more": "Angebote und Neuigkeiten. Sie bekommen sie nur, wenn Sie sie hier ankreuzen.",
    "wording_service": "Ich möchte über Störungen per {channel} an {address} informiert werden.",
    "wording_marketing": (
        "Ich bin einverstanden, dass mir {company} Werbung per {channel} an {address} schickt. Ich kann "
        "das jederzeit widerrufen."
    ),
    "wording_service_here": "Ich möchte über Störungen per Nachricht im Produkt informiert werden.",
    "wording_marketing_here": (
        "Ich bin einverstanden, dass mir {company} Werbung im Produkt zeigt. Ich kann das jederzeit widerrufen."
    ),
    "how_title": "Wie wir Sie am besten erreichen",
    "how_first": "Zuerst versuchen",
    "how_usual": "wie bisher",
    "how_language": "Sprache",
    "how_zone": "Zeitzone, für die Stunden, zu denen wir Ihnen schreiben dürfen",
    "how_bad_zone": (
        "Eine Zeitzone dieses Namens gibt es nicht; schreiben Sie sie wie Europe/Vienna. Es wurde nichts gespeichert."
    ),
    "all_title": "Alles beenden",
    "all_more": (
        "Sie bekommen keinerlei Nachrichten mehr von uns, auf keinem Weg. Durch Ankreuzen oben können Sie "
        "das wieder ändern."
    ),
    "all_button": "Alles beenden",
    "all_done": "Erledigt: Sie bekommen keine Nachrichten mehr von uns.",
    "object_title": "Mich nicht nach meinen Daten beurteilen",
    "object_more": (
        "Wir achten darauf, wie sich verhält, was Sie nutzen, um Störungen früh zu bemerken. Sie können "
        "widersprechen: Dann vergessen wir, was wir über Sie gelernt haben, beurteilen Sie nie wieder "
        "danach und schreiben Ihnen nicht mehr."
    ),
    "object_button": "Ich widerspreche",
    "object_done": (
        "Sie haben am {at} widersprochen. Wir beurteilen Sie nicht nach Ihren Daten und schreiben Ihnen "
        "nicht. Wenn Sie oben etwas ankreuzen, sind Nachrichten wieder erlaubt; der Widerspruch gegen das "
        "Beurteilen bleibt."
    ),
    "slack": "Slack",
    "teams": "Microsoft Teams",
}
