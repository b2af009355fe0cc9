"""Who a case is. The one place that opens the seal, and every look is written down in the same transaction.

A text that comes in is held against the seal by the program itself: nobody is shown anything but what was found in it.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction

from labeling.imaging.identity_traces import traces_of
from labeling.imaging.refusal import Refusal
from labeling.imaging.sealing import Seal
from labeling.models import AuditEvent, Case, Identity
from labeling.reading.roles import may_open_identity

__all__ = ["identity_in", "open_identity"]


def open_identity(user: Any, case: Case) -> dict[str, Any]:
    """The real identifiers of a case and the exact age.

    Returns
    -------
    dict
        ``patient`` (patient_id, issuer, name, birth_date), ``study`` (study_uid, accession_number …), ``age`` in years
        or None, and for DICOM ``series``, ``instances`` and ``frames_of_reference``, each pseudonymised UID → real UID.

    Raises
    ------
    PermissionDenied
        for everyone but administrators who hold the permission to open identities; nothing is opened then.
    Refusal
        ``no-identity`` where the case has none, ``seal-unreadable`` where the keys at hand do not fit.
    """
    if not may_open_identity(user):
        raise PermissionDenied("Looking up who a case is needs the role administrator and the permission for it.")
    with transaction.atomic():
        # Before the look: if the record of it cannot be written, there is no look.
        AuditEvent.objects.create(by=user, verb="open_identity", case=case, detail={"case": case.pk})
        identity = Identity.objects.filter(case=case).first()
        if identity is None:
            raise Refusal("no-identity", "This case has no sealed identity: it was not brought in from files.")
        return Seal(settings.IDENTITY_KEYS).open(bytes(identity.sealed))


def identity_in(text: str, case: Case) -> list[str]:
    """What of the sealed identity of a case a text plainly holds: "the patient's name", "the date of birth" …

    Nothing of the identity itself is given back. Empty too where the case has no sealed identity.

    Raises
    ------
    Refusal
        ``seal-unreadable`` where the keys at hand do not fit: unchecked, nothing may come in.
    """
    identity = Identity.objects.filter(case=case).first()
    if identity is None:
        return []
    return traces_of(text, Seal(settings.IDENTITY_KEYS).open(bytes(identity.sealed)))
