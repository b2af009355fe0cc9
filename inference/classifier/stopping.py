"""How a training ends before its time; apart from what loads torch, so that a refusal need not wait for it."""

from __future__ import annotations

__all__ = ["Cancelled"]


class Cancelled(Exception):
    """The training was asked to stop; the checkpoint of the last epoch is kept."""
