"""What the rows of a sheet of old reads are about: which cases, whose accounts, which vertebrae."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from django.contrib.auth.models import User

from labeling.intake.read_tables import ReadRow, RowError
from labeling.models import Anatomy, AnatomyVertebra, Case
from labeling.reading.rounds import reading_anatomy

__all__ = ["OldRead", "OldReader", "cases_of", "old_reads_of", "readers_of"]

_LONGEST_USERNAME = 150


@dataclass(frozen=True, slots=True)
class OldReader:
    """A reader as the sheet calls them; `account` is the name of the account they are, or will be, made by the import
    where `is_new`."""

    name: str
    account: str
    is_new: bool
    user: int | None = None


@dataclass(frozen=True, slots=True)
class OldRead:
    """What one reader said of one case: rows by vertebra, and those on levels that are not in view."""

    reader: str
    case: Case
    anatomy: Anatomy
    said: Mapping[int, ReadRow]
    not_in_view: tuple[ReadRow, ...]
    day: date | None


def cases_of(rows: Iterable[ReadRow]) -> tuple[dict[str, Case], list[RowError]]:
    """Name in the sheet -> case; a name that no case has is an error, once, at its first row."""
    first: dict[str, int] = {}
    for row in rows:
        first.setdefault(row.case, row.number)
    # "P000012-2" is the second examination of P000012, and pseudonyms may hold a hyphen.
    spelt = {spelling for name in first for spelling in (name, name.upper())}
    stems = {stem for name in spelt for stem in (name, name.rpartition("-")[0]) if stem}
    known = {
        case.name.casefold(): case
        for case in Case.objects.filter(patient__pseudonym__in=stems).select_related("patient")
    }
    found = {name: known[name.casefold()] for name in first if name.casefold() in known}
    missing = [RowError(first[name], f"There is no case called {name}.") for name in first if name not in found]
    return found, missing


def readers_of(rows: Iterable[ReadRow]) -> tuple[tuple[OldReader, ...], list[RowError]]:
    first: dict[str, int] = {}
    for row in rows:
        first.setdefault(row.reader, row.number)
    by_username = {user.username: user for user in User.objects.filter(username__in=list(first))}
    by_name: dict[str, list[User]] = {}
    for user in User.objects.all():
        by_name.setdefault(user.get_full_name(), []).append(user)
    taken = {username.casefold() for username in User.objects.values_list("username", flat=True)}
    readers: list[OldReader] = []
    errors: list[RowError] = []
    for name, number in first.items():
        matching = [by_username[name]] if name in by_username else by_name.get(name, [])
        if len(matching) > 1:
            errors.append(
                RowError(number, f"{len(matching)} accounts belong to a {name}. Write the name of the account.")
            )
        elif matching and matching[0].username in {one.account for one in readers}:
            sentence = (
                f"{name} and another name in the sheet are both the account {matching[0].username}. Use one name."
            )
            errors.append(RowError(number, sentence))
        elif matching:
            readers.append(OldReader(name, matching[0].username, False, matching[0].pk))
        else:
            account = _username(name, taken)
            taken.add(account.casefold())
            readers.append(OldReader(name, account, True))
    return tuple(readers), errors


def _username(name: str, taken: set[str]) -> str:
    """A name for an account that nobody has: "Dr. Anna Groß" is dr.anna.gross."""
    bare = unicodedata.normalize("NFKD", name.casefold())
    words = "".join(sign if sign.isascii() and sign.isalnum() else " " for sign in bare if not _is_accent(sign)).split()
    stem = ".".join(words)[: _LONGEST_USERNAME - 6] or "reader"
    names = (stem if n == 1 else f"{stem}-{n}" for n in range(1, len(taken) + 2))
    return next(one for one in names if one not in taken)


def _is_accent(sign: str) -> bool:
    return bool(unicodedata.combining(sign))


def old_reads_of(rows: Iterable[ReadRow], cases: Mapping[str, Case]) -> tuple[tuple[OldRead, ...], list[RowError]]:
    """The rows of each reader on each case, on the anatomy that the case is read on."""
    together: dict[tuple[str, int], list[ReadRow]] = {}
    anatomies: dict[int, tuple[Anatomy, dict[str, int]] | None] = {}
    errors: list[RowError] = []
    for row in rows:
        case = cases.get(row.case)
        if case is None:
            continue
        if case.pk not in anatomies:
            anatomies[case.pk] = _anatomy(case)
            if anatomies[case.pk] is None:
                errors.append(RowError(row.number, f"The vertebrae of {case.name} are not known yet."))
        if anatomies[case.pk] is not None:
            together.setdefault((row.reader, case.pk), []).append(row)
    by_key = {case.pk: case for case in cases.values()}
    reads = []
    for (reader, case_key), own in together.items():
        found = anatomies[case_key]
        if found is None:
            continue
        anatomy, levels = found
        said = {levels[row.level]: row for row in own if row.level in levels}
        missing = tuple(row for row in own if row.level not in levels)
        day = max((row.day for row in own if row.day is not None), default=None)
        reads.append(OldRead(reader, by_key[case_key], anatomy, said, missing, day))
    return tuple(reads), errors


def _anatomy(case: Case) -> tuple[Anatomy, dict[str, int]] | None:
    anatomy = reading_anatomy(case)
    if anatomy is None:
        return None
    rows = AnatomyVertebra.objects.filter(anatomy=anatomy).exclude(level="")
    return anatomy, dict(rows.values_list("level", "vertebra"))
