"""The Celery application: `celery -A config worker`.

`config/__init__.py` stays empty, because the launcher imports `config` before any package is installed; so whoever
sends tasks (web, commands, tests) imports this module itself.
"""

import os
import signal
from typing import Any

from celery import Celery
from celery.signals import worker_process_init

from config.processes import follow_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("sagittal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(
    ["labeling.jobs", "labeling.intake", "labeling.reading", "labeling.analysis", "labeling.cohort", "inference"]
)
# The default of every thread: labeling sends tasks by name through celery.current_app and may not import config.
app.set_default()


def follow_the_worker(**_: Any) -> None:
    """A worker that is killed takes its processes along: they would go on for as long as their job lasts."""
    follow = follow_parent(os.getppid(), signal.SIGKILL)
    if follow is not None:
        follow()


worker_process_init.connect(follow_the_worker)
