"""How much may leave now: what providers take, whether they are there, and how many people answer those who call."""

from engine.traffic.traffic import Asked, SendingState, Traffic, rank

__all__ = ["Asked", "SendingState", "Traffic", "rank"]
