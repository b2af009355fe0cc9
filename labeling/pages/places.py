"""Addresses of places inside the reading room."""

from django.urls import reverse

__all__ = ["room_at"]


def room_at(read: int, vertebra: int, k: int | None) -> str:
    """The room of a read at a vertebra and, where one is given, a slice (`k` from 0; in the address from 1)."""
    place = f"{reverse('room', args=[read])}?vertebra={vertebra}"
    return place if k is None else f"{place}&slice={k + 1}"
