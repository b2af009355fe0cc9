"""/healthz: for whoever asks, and nothing but yes or no."""

from typing import Any

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


def test_healthz_says_yes_without_a_login() -> None:
    answer = Client().get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"ok": True})


def test_healthz_says_no_and_not_why(settings: Any, tmp_path: Any) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": f"unix://{tmp_path}/nobody-listens.sock",
        }
    }
    answer = Client().get("/healthz")
    assert (answer.status_code, answer.json()) == (503, {"ok": False})
