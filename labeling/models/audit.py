"""Everything else worth knowing: logins, exports, identity look-ups, overrides with reasons."""

import pgtrigger
from django.conf import settings
from django.db import models


class AuditEvent(models.Model):
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    verb = models.CharField(max_length=40, help_text="login, logout, export_labels, open_identity, override …")
    case = models.ForeignKey("labeling.Case", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    detail = models.JSONField(default=dict, blank=True, help_text="Primary keys, counts and reasons; no identity.")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-at"]
        triggers = [pgtrigger.Protect(name="audit_is_insert_only", operation=pgtrigger.Update | pgtrigger.Delete)]


class ApiToken(models.Model):
    """A bearer token for scripts; only its sha256 is kept, the token itself is shown once."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=80)
    sha256 = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
