"""What leaves: the words of a message, an escalation or a ticket, made at the moment it is sent.

`writer` writes them · `parts` what they are made of · `pictures` of the evidence.
"""

from engine.letters.parts import Addressed, Form, Letter, Outside, Posted
from engine.letters.pictures import evidence_picture
from engine.letters.writer import Writer

__all__ = ["Addressed", "Form", "Letter", "Outside", "Posted", "Writer", "evidence_picture"]
