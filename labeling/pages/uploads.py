"""Forms take no files. Files come in through the API, streamed into quarantine under its limits."""

from django.core.files.uploadhandler import FileUploadHandler, StopUpload


class NoUploads(FileUploadHandler):
    """Breaks a multipart body off at its first file.

    Django reads a form before it knows who sent it, so without this anyone could fill the disk without logging in.
    """

    def new_file(self, *args: object, **kwargs: object) -> None:
        raise StopUpload(connection_reset=True)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        return None

    def file_complete(self, file_size: int) -> None:
        return None
