import warnings
from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class LabelingConfig(AppConfig):
    name = "labeling"
    verbose_name = "Sagittal record"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # pydicom's complaints quote the value they complain about, and the value may be a patient's name.
        import pydicom

        pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
        warnings.filterwarnings("ignore", module="pydicom")

        # After each migration, and after whatever has emptied the tables of a test.
        post_migrate.connect(_publish_reasons, sender=self)


def _publish_reasons(**_: Any) -> None:
    """The reasons that a panel chooses from are rows, so that later versions of their words can stand beside them."""
    from labeling.models.consensus import REASONS, ReasonCode

    ReasonCode.objects.bulk_create(
        [ReasonCode(code=code, text=text) for code, text in REASONS.items()], ignore_conflicts=True
    )
