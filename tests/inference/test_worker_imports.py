"""A worker never loads torch: only the child that needs it does."""

import subprocess
import sys

from config.environment import ROOT


def test_the_tasks_are_loaded_without_any_package_of_the_inference_set():
    script = (
        "import django, sys; django.setup(); import config.celery, inference.tasks, inference.opening; "
        "config.celery.app.loader.import_default_modules(); "
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'torch', 'torchvision', 'timm', 'nnunetv2'}))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
