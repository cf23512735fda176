"""Why a decision is what it is: every reason there is, with its sentence for people."""

from enum import StrEnum


class Reason(StrEnum):
    """Why a decision is what it is. Each has a sentence for people, `Reason.sentence`."""

    sentence: str

    def __new__(cls, value: str, sentence: str) -> "Reason":
        """Make a member that is its name in the store and knows its sentence."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.sentence = sentence
        return member

    ALLOWED = "allowed", "No rule stands against it."
    NO_RECIPIENT = "no_recipient", "Nobody of this account is in the audience, or the person is gone."
    OBJECTED = "objected", "The person objected to being contacted (C11)."
    OPTED_OUT = "opted_out", "The person opted out (C2, C4)."
    SUSPENDED = "suspended", "The person may have opted out, and somebody has yet to read what they wrote (C2)."
    NO_CONSENT = "no_consent", "No consent is stored that this channel or purpose needs (C1)."
    NOT_WRITTEN = "not_written", "Marketing needs written consent, and what is stored was not written (C1)."
    SUPPRESSED = "suppressed", "The address is dead, or refuses us (C9, C14)."
    NO_ADDRESS = "no_address", "The person has no address on any channel of the step."
    UNFIT = "unfit", "The address is none that people may be written to at."
    NO_SESSION = "no_session", "Outside of 24 hours after the person wrote, only an approved template may go (C12)."
    MOOT = "moot", "What it would say is no longer so."
    SUPERSEDED = "superseded", "It is about an earlier episode of the issue."
    ACKNOWLEDGED = "acknowledged", "Somebody acknowledged the issue, and the step asks for nobody having done so."
    NOT_TOLD = "not_told", "The person was never told of the issue, or has heard its end already (C16)."
    ALREADY_TOLD = "already_told", "The person was told of this issue and has not heard its end yet."
    FLAPPING = "flapping", "The issue comes and goes: it is told of once it is calm, not each time."
    SILENCED = "silenced", "A silence covers the issue."
    INHIBITED = "inhibited", "Another issue that explains this one is active."
    OPEN_TICKET = "open_ticket", "There is an open ticket on the same matter: it is annotated instead (C17)."
    CONVERSATION = "conversation", "The customer is talking to us about it right now (C17)."
    QUIET_HOURS = "quiet_hours", "It is not an hour at which this person may be contacted (C5)."
    NO_HOURS = "no_hours", "There is no hour at which this person may be contacted (C5)."
    CAPPED = "capped", "The person has had as many messages as the policy allows (C15)."
    NEVER = "never", "A cap of none forbids it (C15)."
    PER_CUSTOMER = "per_customer", "The person has had as many messages as the playbook allows (C15)."
    HELD_OUT = "held_out", "It is one of the few that nobody is told of, to measure what telling is worth."
    NOT_WORTH = "not_worth", "Telling would cost more than it saves."
    REFUSED = "refused", "People were asked whether so many are to be told, and refused."
    UNANSWERED = "unanswered", "People were asked whether so many are to be told, and nobody agreed in time."
    AWAITING_APPROVAL = "awaiting_approval", "So many are to be told that people must agree first."
    BLAST_RADIUS = "blast_radius", "More are to be told than on other days: others wait while the first are watched."
    PART_OF_INCIDENT = "part_of_incident", "The issue is one of many with one cause, for which there is one ticket."
    TOLD_OF_INCIDENT = "told_of_incident", "The person was told of another issue with the same cause already."
    STOPPED = "stopped", "Somebody threw the kill switch: it waits until that is taken back."
    AWAITING_TICKET = "awaiting_ticket", "A person is to deal with it, and the ticket is not made yet."
    RATE_LIMITED = "rate_limited", "The provider takes only so many at a time: it waits for its turn."
    PACED = "paced", "More would call than those on duty can talk to: it waits for its turn."
    UNREACHABLE = "unreachable", "The provider does not answer: it waits, or goes another way."
    UNDELIVERABLE = "undeliverable", "It was tried, and did not arrive."
    NOT_SUBSCRIBED = (
        "not_subscribed",
        "Nobody is subscribed with this address, or not to this, or it was not confirmed.",
    )
    OUTDATED = "outdated", "A later word about the same says more."
    GATHERING = "gathering", "It waits a little for what else there is to tell this person."
    AWAITING_OPENING = "awaiting_opening", "The message it follows is still on its way."
