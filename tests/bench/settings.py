"""Settings of the measured installation: the real ones, with static files of its own.

Collected anew, so that what is measured is the frontend as it lies there now, and nobody else's files are touched.
"""

from config.settings import *  # noqa: F403
from config.settings import STATE

STATIC_ROOT = STATE / "static"
