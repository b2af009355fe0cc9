"""The API described: /api/schema/ for programs, /api/docs for people, without a line of script."""

from functools import lru_cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.permissions import IsAuthenticated

METHODS = ("get", "post", "put", "patch", "delete")


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema names it."""

    target_class = "labeling.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema names it."""

    target_class = "labeling.api.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}


@extend_schema(exclude=True)
class SchemaView(SpectacularAPIView):
    """OpenAPI 3, as JSON or (`?format=yaml`) YAML."""

    permission_classes = (IsAuthenticated,)
    # JSON first: a refusal without a wish is answered in the shape of the API.
    renderer_classes = [OpenApiJsonRenderer2, OpenApiJsonRenderer, OpenApiYamlRenderer2, OpenApiYamlRenderer]


@lru_cache(maxsize=1)
def described() -> dict[str, Any]:
    """The whole schema. It is the same for everyone and as long as the process lives."""
    schema: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return schema


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """Every address with what it takes and gives, as one page."""
    schema = described()
    shapes = schema["components"]["schemas"]
    addresses = [
        _address(path, method, operation)
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
        if method in METHODS
    ]
    named = [
        {"name": name, "says": shape.get("description", ""), "fields": _fields(shape)} for name, shape in shapes.items()
    ]
    return render(request, "api/docs.html", {"info": schema["info"], "addresses": addresses, "shapes": named})


def _address(path: str, method: str, operation: dict[str, Any]) -> dict[str, Any]:
    content = operation.get("requestBody", {}).get("content", {})
    return {
        "path": path,
        "method": method.upper(),
        "id": operation["operationId"],
        "says": operation.get("description", ""),
        "parameters": [
            (one["name"], one["in"], _type(one.get("schema", {}))) for one in operation.get("parameters", [])
        ],
        "takes": [(kind, _type(body.get("schema", {}))) for kind, body in content.items()],
        "gives": [
            (status, kind, _type(body.get("schema", {})))
            for status, answer in operation["responses"].items()
            for kind, body in (answer.get("content") or {"": {}}).items()
        ],
    }


def _fields(shape: dict[str, Any]) -> list[tuple[str, str, str]]:
    needed = set(shape.get("required", ()))
    return [
        (name, _type(field) + ("" if name in needed else ", may be left out"), field.get("description", ""))
        for name, field in shape.get("properties", {}).items()
    ]


def _type(schema: dict[str, Any]) -> str:
    """A schema in a few words: "list of Gap", "map of text to Finding", "negative | fracture"."""
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    for key, between in (("allOf", " and "), ("oneOf", " or "), ("anyOf", " or ")):
        if key in schema:
            return between.join(_type(part) for part in schema[key])
    if "enum" in schema:
        return " | ".join(str(value) or "(empty)" for value in schema["enum"])
    kind = schema.get("type", "anything")
    nothing = " or nothing" if schema.get("nullable") else ""
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}{nothing}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"map to {_type(schema['additionalProperties'])}{nothing}"
    words = {"string": "text", "integer": "whole number", "boolean": "true or false", "object": "object"}
    return f"{schema.get('format') or words.get(kind, kind)}{nothing}"
