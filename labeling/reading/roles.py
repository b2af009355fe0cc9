"""Who may do what. Roles are Django groups of the same name; what a role may see of a case is reading.visibility's."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser, Group, Permission, User
from django.db import models

from labeling.models import Reader, ReaderKind, RoundKind

__all__ = [
    "AnyUser",
    "Role",
    "initials_of",
    "make_groups",
    "may_choose_models",
    "may_export",
    "may_import",
    "may_manage_models",
    "may_open_identity",
    "may_plan_rounds",
    "may_read",
    "may_read_in",
    "may_see_all_cases",
    "reader_of",
    "roles_of",
]

AnyUser = User | AnonymousUser


class Role(models.TextChoices):
    RESIDENT = "resident", "resident"
    SENIOR = "senior", "senior reader"
    LEAD = "lead", "study lead"
    ENGINEER = "engineer", "ML engineer"
    ADMINISTRATOR = "administrator", "administrator"


_KEPT = "_roles_in_the_reading_room"
_READERS = frozenset({Role.RESIDENT, Role.SENIOR})
_OVERSEERS = frozenset({Role.LEAD, Role.ENGINEER, Role.ADMINISTRATOR})


#: Permissions beside those that a role has by being itself.
_PERMISSIONS = {Role.ADMINISTRATOR: ("open_identity",)}


def make_groups() -> None:
    """The group of each role with its permissions, made where missing; a permission taken away by hand stays away."""
    for role in Role:
        group, new = Group.objects.get_or_create(name=role.value)
        if new and role in _PERMISSIONS:
            group.permissions.set(
                Permission.objects.filter(content_type__app_label="labeling", codename__in=_PERMISSIONS[role])
            )


def roles_of(user: AnyUser) -> frozenset[Role]:
    """The roles of a person; none for someone who is not logged in or whose account is closed.

    The answer is kept on the user object: one request asks many times.
    """
    if not user.is_active or user.pk is None:
        return frozenset()
    known: frozenset[Role] | None = getattr(user, _KEPT, None)
    if known is None:
        names = set(user.groups.values_list("name", flat=True))
        known = frozenset(role for role in Role if role.value in names)
        setattr(user, _KEPT, known)
    return known


def reader_of(user: User) -> Reader:
    """The reader that this person is, made on demand."""
    reader, _ = Reader.objects.get_or_create(user=user, defaults={"kind": ReaderKind.PERSON})
    return reader


def initials_of(user: User) -> str:
    """LV for Lena Vogt; where no name is known, S2 for senior2, and the first two letters of an account without a
    number."""
    names = [name for name in (user.first_name, user.last_name) if name]
    account = user.get_username()
    short = f"{account[:1]}{account[-1:]}" if account[-1:].isdigit() else account[:2]
    return "".join(name[0] for name in names).upper() or short.upper()


def may_read(user: AnyUser) -> bool:
    return bool(roles_of(user) & _READERS)


def may_read_in(user: AnyUser, kind: str) -> bool:
    """Whether this person may take a case from the pool of a round of this kind: consensus is for seniors."""
    if kind == RoundKind.CONSENSUS:
        return Role.SENIOR in roles_of(user)
    return may_read(user)


def may_see_all_cases(user: AnyUser) -> bool:
    """Facts and images of every case; never drafts of others, and blind where a read of their own is owed."""
    return bool(roles_of(user) & _OVERSEERS)


def may_import(user: AnyUser) -> bool:
    return bool(roles_of(user) & (_OVERSEERS | {Role.RESIDENT}))


def may_export(user: AnyUser) -> bool:
    return bool(roles_of(user) & {Role.LEAD, Role.ENGINEER})


def may_manage_models(user: AnyUser) -> bool:
    """Bring models in and train them: a model's files run as a program when they are loaded."""
    return Role.ENGINEER in roles_of(user)


def may_choose_models(user: AnyUser) -> bool:
    """Say which model works from now on: activate and retire."""
    return bool(roles_of(user) & {Role.LEAD, Role.ENGINEER})


def may_plan_rounds(user: AnyUser) -> bool:
    """Plan, start, pause and close rounds, assign readers, override with a reason, name the truth."""
    return Role.LEAD in roles_of(user)


def may_open_identity(user: AnyUser) -> bool:
    return Role.ADMINISTRATOR in roles_of(user) and user.has_perm("labeling.open_identity")
