"""What may stand in a URL."""


class UidConverter:
    """A DICOM UID (PS3.5 9.1): digits and dots, 64 at most. Nothing else ever reaches the database or a path."""

    regex = r"[0-9][0-9.]{0,63}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value
