"""The shapes of model versions."""

from rest_framework import serializers as s

from labeling.api.outputs import Shape


class ModelMadeOut(Shape):
    """A model that came in; the same files again are the same version."""

    id = s.IntegerField()
    name = s.CharField()
    sha256 = s.CharField(help_text="Of its files, not of the zip.")
    url = s.CharField(help_text="Of its page.")
