"""What people answered us, and what we said to that."""

from sqlmodel import Field, SQLModel


class Conversation(SQLModel, table=True):
    """A person's answers on one matter; how far it has come is what its turns say."""

    id: str = Field(primary_key=True)
    person: str = Field(index=True)
    account: str = ""
    issue: str = Field(default="", index=True)
    """What it is about; empty where we never wrote to them."""
    began_at: float


class Turn(SQLModel, table=True):
    """One thing that was said in a conversation."""

    id: str = Field(primary_key=True)
    conversation: str = Field(index=True)
    at: float
    way: str
    """in: by the person; out: by us, without anyone of ours."""
    channel: str
    """Kind of the channel, or `page`."""
    address: str = ""
    text: str = ""
    meaning: str
    """Of an answer of ours, that of what it answers."""
    hand_over: str = ""
    """Why a person takes over from here on."""
