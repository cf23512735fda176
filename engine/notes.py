"""What is noted of a partition while a process has it, for those who look at how it stands."""

from dataclasses import dataclass

from engine.standing import Held


@dataclass(slots=True)
class Notes:
    """Of one partition. Written by the thread that works on it, read by any."""

    at_end: float
    """Epoch seconds at which it was last seen to be at the end of the log; at first, when it was taken."""
    restored: float = 0.0
    passed_over: int = 0
    saved_at: float | None = None
    saving: float = 0.0
    size: int = 0
    unsaved: str = ""

    def saved(self, at: float, seconds: float, size: int) -> None:
        """Note a snapshot that was written."""
        self.saved_at, self.saving, self.size, self.unsaved = at, seconds, size, ""

    def told(self, partition: int, offset: int, reached: float | None, now: float) -> Held:
        """Return how it stands; `reached` is when the last event that was processed had been written to the log."""
        return Held(
            partition,
            offset,
            behind=max(0.0, now - max(self.at_end, reached or 0.0)),
            restored=self.restored,
            passed_over=self.passed_over,
            saved_at=self.saved_at,
            saving=self.saving,
            size=self.size,
            unsaved=self.unsaved,
        )
