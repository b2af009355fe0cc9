"""Input that says what it holds: a field nobody knows is refused, not silently dropped."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request


class StrictSerializer(serializers.Serializer[Any]):
    """A serializer that refuses unknown fields by name: a misspelt field is a 400, never a label that went nowhere."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if isinstance(data, Mapping):
            unknown = sorted(str(name) for name in data if name not in self.fields)
            if unknown:
                raise serializers.ValidationError({name: ["There is no field of this name."] for name in unknown})
        values: dict[str, Any] = super().to_internal_value(data)
        return values


class ShortList(serializers.ListField):
    """A list whose length is checked before its items: a body of a megabyte holds more of them than a second can."""

    def run_child_validation(self, data: Any) -> list[Any]:
        if self.max_length is not None and len(data) > self.max_length:
            raise serializers.ValidationError(f"Ensure this field has no more than {self.max_length} elements.")
        values: list[Any] = super().run_child_validation(data)
        return values


def body(request: Request, serializer: type[StrictSerializer]) -> dict[str, Any]:
    """The validated JSON body of a request.

    Raises
    ------
    ValidationError
        naming each field that is unknown, missing or not what it should be.
    """
    checked = serializer(data=request.data)
    checked.is_valid(raise_exception=True)
    values: dict[str, Any] = checked.validated_data
    return values


def query(request: Request, serializer: type[StrictSerializer]) -> dict[str, Any]:
    """The validated query parameters of a request; of a parameter given twice the last counts.

    Raises
    ------
    ValidationError
        as `body`.
    """
    checked = serializer(data=request.query_params.dict())
    checked.is_valid(raise_exception=True)
    values: dict[str, Any] = checked.validated_data
    return values
