"""The Celery application: `celery -A config worker`.

`config/__init__.py` stays empty, because the launcher imports `config` before any package is installed; so whoever
sends tasks (web, commands, tests) imports this module itself.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("sagittal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["labeling.intake", "inference"])
# The default of every thread: labeling sends tasks by name through celery.current_app and may not import config.
app.set_default()
