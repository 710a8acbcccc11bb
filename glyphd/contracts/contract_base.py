"""What all contracts have in common."""

from pydantic import BaseModel, ConfigDict


class Contract(BaseModel):
    """A contract whose validator is built at its first use: a process needs few of them, and
    building all of them would take a fifth of its start."""

    model_config = ConfigDict(defer_build=True)
