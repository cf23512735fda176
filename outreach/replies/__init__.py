"""What people answer, understood by a small explicit grammar: see `outreach.replies.grammar`."""

from outreach.replies.grammar import KEYS, Grammar, Reading
from outreach.replies.lexicon import Meaning

__all__ = ["KEYS", "Grammar", "Meaning", "Reading"]
