"""What gunicorn serves."""

import os

from django.core.wsgi import get_wsgi_application

import config.celery  # noqa: F401 - sets the default app that sends tasks

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
_django = get_wsgi_application()

# Only now: it needs the models, and those need Django to be set up.
from labeling.api.dicomweb.first import FramesFirst  # noqa: E402

application = FramesFirst(_django)
