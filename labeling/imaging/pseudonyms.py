"""Names that stand for patients, UIDs and dates, made from a secret key and nothing else.

Every answer is an HMAC-SHA256 (RFC 2104) of the original under the key, so the same original always gives the same
answer, no table has to be kept, and nobody without the key can tell which original an answer stands for or test a
guess. Each purpose has a label of its own inside the HMAC: a pseudonym says nothing about a UID or a date shift.
Another key gives unrelated answers, which is how an export gets its own.
"""

from __future__ import annotations

import datetime
import hmac
import re
import unicodedata
import uuid

from labeling.imaging.refusal import Refusal

__all__ = ["LONGEST_SHIFT_DAYS", "Pseudonymizer"]

#: Dates move back by 1 to this many days (ten years), the same for all dates of a patient.
LONGEST_SHIFT_DAYS = 3652

_SHORTEST_KEY = 32
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # no I, L, O, U: cannot be misread when spoken or copied by hand
_DATE = re.compile(r"(\d{4})([.\-]?)(\d{2})\2(\d{2})", re.ASCII)
# What exporters write into Patient ID (0010,0020) when there is none. Taken at face value these would merge strangers
# into one patient.
_NO_ID = {
    "",
    "ANON",
    "ANONYM",
    "ANONYMIZED",
    "ANONYMISED",
    "ANONYMOUS",
    "NA",
    "NIL",
    "NOID",
    "NONE",
    "NULL",
    "REMOVED",
    "UNBEKANNT",
    "UNKNOWN",
    "INCONNU",
}


class Pseudonymizer:
    """Pseudonyms, UIDs and date shifts under one secret key.

    Parameters
    ----------
    key
        At least 32 random bytes. Raises `Refusal` when it is shorter.
    """

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        if len(key) < _SHORTEST_KEY:
            raise Refusal(
                "pseudonym-key",
                f"The pseudonym key has {len(key)} bytes. At least {_SHORTEST_KEY} random bytes are needed. "
                "Set a longer key and start again.",
            )
        self._key = bytes(key)

    def __repr__(self) -> str:
        return "Pseudonymizer(<key not shown>)"

    def patient(self, patient_id: str, issuer: str = "") -> str:
        """The pseudonym of a patient: "SAG-" and 8 characters of Crockford base32 (40 bits).

        `patient_id` and `issuer` are Patient ID (0010,0020) and Issuer of Patient ID (0010,0021); white space around
        them, letter case and Unicode form make no difference. Leading zeros do. 40 bits: among 10,000 patients two
        share a pseudonym with a chance of 1 in 22,000, so whoever stores the link back compares the real identifiers.

        Raises
        ------
        Refusal
            "no-patient-id" for an empty identifier or a placeholder (ANONYMOUS, 0000): use `patient_of_study` then.
        """
        identifier = _normal(patient_id)
        bare = re.sub(r"[\W_]", "", identifier)
        if bare in _NO_ID or set(bare) <= {"0"}:
            raise Refusal(
                "no-patient-id",
                "The patient has no identifier. Patient ID (0010,0020) is empty or a placeholder. "
                "Name the patient on import, or read the study as a patient of its own.",
            )
        return self._pseudonym("patient", identifier, _normal(issuer))

    def patient_of_study(self, study_uid: str) -> str:
        """The pseudonym of a patient who is known by one study only: bound to its Study Instance UID (0020,000D).

        Two such studies are two patients, even if one person was examined twice: joining strangers would be worse.
        Raises `Refusal` when the UID is empty too.
        """
        return self._pseudonym("patient-of-study", self._bare_uid(study_uid))

    def uid(self, original: str) -> str:
        """The UID that stands for `original`: "2.25." and a UUID as one integer (PS3.5 B.2), at most 44 of the 64
        characters allowed.

        The UUID is of version 8 (RFC 9562): 122 bits of the HMAC. Raises `Refusal` for an empty UID, which would make
        different objects equal.
        """
        return self._uuid_uid("uid", self._bare_uid(original))

    def derived_uid(self, *parts: str | int | bytes) -> str:
        """A UID for something made here, such as slice k of a stack: the same parts in the same order give the same
        UID.
        """
        if not parts:
            raise Refusal("no-uid", "A derived UID needs at least one part. Name what the object was made from.")
        return self._uuid_uid("derived-uid", *parts)

    def report_key(self, what: str, identifier: str) -> str:
        """What stands for the examination of a report that came without images: 64 hexadecimal digits.

        `what` says of which kind the identifier is, such as "accession": the same text of two kinds gives two keys.
        White space, letter case and Unicode form make no difference. Leading zeros do.
        """
        return self._digest("report", what, re.sub(r"\s+", "", _normal(identifier))).hex()

    def shift_days(self, patient_key: str) -> int:
        """By how many days the dates of a patient move back: 1 to `LONGEST_SHIFT_DAYS`, never 0.

        `patient_key` is the patient's pseudonym, so that two studies of one patient keep their interval.
        """
        return int.from_bytes(self._digest("date-shift", patient_key), "big") % LONGEST_SHIFT_DAYS + 1

    def shift_date(self, value: str | datetime.date, patient_key: str) -> str:
        """`value` (DA: YYYYMMDD, or the older YYYY.MM.DD and YYYY-MM-DD) moved back, as YYYYMMDD; "" when it is no
        date or leaves the calendar.
        """
        if isinstance(value, str):
            match = _DATE.fullmatch(value.strip(" \0"))
            if not match:
                return ""
            try:
                value = datetime.date(int(match[1]), int(match[3]), int(match[4]))
            except ValueError:
                return ""
        days = self.shift_days(patient_key)
        if value.toordinal() <= days:
            return ""
        moved = datetime.date.fromordinal(value.toordinal() - days)
        return f"{moved.year:04d}{moved.month:02d}{moved.day:02d}"

    def _digest(self, purpose: str, *parts: str | int | bytes) -> bytes:
        message = bytearray()
        for part in (purpose, *parts):
            kind, data = (b"b", part) if isinstance(part, bytes) else (b"s", str(part).encode("utf-8", "surrogatepass"))
            # Kind and length before each part: ("ab", "c") and ("a", "bc") must not meet, nor text and bytes.
            message += kind + len(data).to_bytes(8, "big") + data
        return hmac.digest(self._key, bytes(message), "sha256")

    def _pseudonym(self, purpose: str, *parts: str) -> str:
        bits = int.from_bytes(self._digest(purpose, *parts)[:5], "big")
        return "SAG-" + "".join(_CROCKFORD[bits >> shift & 31] for shift in range(35, -1, -5))

    def _uuid_uid(self, purpose: str, *parts: str | int | bytes) -> str:
        bits = int.from_bytes(self._digest(purpose, *parts)[:16], "big")
        bits = bits & ~(0xF << 76) | 8 << 76  # version 8
        bits = bits & ~(0x3 << 62) | 2 << 62  # variant of RFC 9562
        return f"2.25.{uuid.UUID(int=bits).int}"

    @staticmethod
    def _bare_uid(uid: str) -> str:
        bare = str(uid).strip(" \0\r\n\t")
        if not bare:
            raise Refusal(
                "no-uid",
                "A UID is empty where one is needed, so the file cannot be told from others. "
                "Export the study again with its UIDs.",
            )
        return bare


def _normal(text: str) -> str:
    """Letter case, Unicode form and white space around taken away: two spellings of one identifier that people hold to
    be the same.
    """
    return unicodedata.normalize("NFKC", str(text).strip(" \0\r\n\t")).strip().upper()
