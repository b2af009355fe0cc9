"""How a reader works: their keys. Kept with the reader, so that they are there at every workstation."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User

from labeling.models import Reader
from labeling.reading.roles import reader_of

__all__ = ["DEFAULT_PREFERENCES", "keep_preferences", "preferences_of"]

#: What holds until somebody says otherwise; no key changed, keys without a modifier do something.
DEFAULT_PREFERENCES: dict[str, Any] = {"keys": {}, "single_keys": True}


def preferences_of(user: User) -> dict[str, Any]:
    """All preferences of this person. Asking makes no reader of them."""
    kept = Reader.objects.filter(user=user).values_list("preferences", flat=True).first() or {}
    return {name: kept.get(name, default) for name, default in DEFAULT_PREFERENCES.items()}


def keep_preferences(user: User, preferences: dict[str, Any]) -> dict[str, Any]:
    """Replaces all preferences by these; what they leave out goes back to its default."""
    reader = reader_of(user)
    reader.preferences = {name: preferences[name] for name in DEFAULT_PREFERENCES if name in preferences}
    reader.save(update_fields=["preferences"])
    return preferences_of(user)
