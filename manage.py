#!/usr/bin/env python
import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from config.running import join_running

    # By hand, beside a running `make run`: find its servers and keys.
    join_running()

    from django.core.management import execute_from_command_line

    import config.celery  # noqa: F401 - sets the default app that sends tasks

    execute_from_command_line(sys.argv)
