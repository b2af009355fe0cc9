"""What every test needs. The servers are started by the plugin tests.servers before settings are read."""

from pathlib import Path

import hypothesis
import pytest

import config.celery  # noqa: F401 - sets the default app that sends tasks

# How long an example takes is the machine's affair; what holds for it is ours.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def private_state(settings, tmp_path: Path) -> Path:
    """Each test has its own media, quarantine and static lookup; nothing leaks into the installation's folder."""
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.QUARANTINE_ROOT = tmp_path / "quarantine"
    settings.VOLUME_CACHE_ROOT = tmp_path / "volumes"
    settings.INFERENCE_STATUS_FILE = tmp_path / "inference.json"
    settings.MODELS_ROOT = tmp_path / "models"
    settings.JOBS_ROOT = tmp_path / "jobs"
    # Pages are rendered without collectstatic; the hashed names are covered by the browser tests.
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    return tmp_path
