import warnings

from django.apps import AppConfig


class LabelingConfig(AppConfig):
    name = "labeling"
    verbose_name = "Sagittal record"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # pydicom's complaints quote the value they complain about, and the value may be a patient's name.
        import pydicom

        pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
        warnings.filterwarnings("ignore", module="pydicom")
