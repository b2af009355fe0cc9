"""A whole report: one proposal for each vertebra that it names, and what it says of all the others.

Every rule is conservative in one direction: what is not said is not negative, what is doubted is indeterminate, and
what contradicts itself says so. A person confirms each proposal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from labeling.language import words
from labeling.language.levels import LEVELS
from labeling.language.sentences import Section, Sentence, sentences_of
from labeling.language.statements import Statement, statements_of

__all__ = ["General", "Proposal", "ReportReading", "read_report"]


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a report says of one level; the fields are those of `labeling.language.statements.Statement`.

    Attributes
    ----------
    spans
        Of the sentences it rests on (characters, the end excluded), in the order of the text.
    doubt
        Why a person should look twice, or ''.
    """

    level: str
    verdict: str
    spans: tuple[tuple[int, int], ...]
    ao: str = ""
    segment: str = ""
    acuity: str = "unknown"
    process_fracture: bool = False
    fresh_only: bool = False
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class General:
    """ "No fracture", of the whole spine or of a part of it.

    Attributes
    ----------
    regions
        C, T, L; empty is the whole spine.
    fresh_only
        New fractures alone are denied.
    start, end
        Of the sentence.
    """

    regions: tuple[str, ...]
    fresh_only: bool
    start: int
    end: int

    def covers(self, level: str) -> bool:
        return not self.regions or level[:1] in self.regions


@dataclass(frozen=True, slots=True)
class ReportReading:
    """What a report says.

    Attributes
    ----------
    proposals
        One for each level that is named with a word on it, from head to feet.
    general
        The denials that name no vertebra.
    unplaced
        Spans of sentences that speak of a fractured vertebra and name none.
    exclusions
        Reasons to exclude the case (instrumented, malignant, spondylodiscitis), each with the span of its sentence.
    """

    proposals: tuple[Proposal, ...]
    general: tuple[General, ...]
    unplaced: tuple[tuple[int, int], ...]
    exclusions: tuple[tuple[str, int, int], ...]

    def of(self, level: str) -> Proposal | None:
        """The proposal for a level: its own, else what a general denial says of it, else None: nothing is said."""
        own = next((one for one in self.proposals if one.level == level), None)
        if own is not None:
            return own
        denial = [one for one in self.general if one.covers(level)]
        if not denial:
            return None
        # The widest denial holds: "no fracture" says more than "no new fracture".
        fresh = all(one.fresh_only for one in denial)
        spans = tuple((one.start, one.end) for one in denial if one.fresh_only == fresh)
        return Proposal(level, "negative", spans, fresh_only=fresh)

    @property
    def mention(self) -> str:
        """The strongest thing said of any vertebral body: fracture, old, indeterminate, negative, or '' (nothing)."""
        broken = [one for one in self.proposals if one.verdict == "fracture"]
        if broken:
            return "old" if all(one.acuity == "old" for one in broken) else "fracture"
        if self.unplaced:
            return "fracture"
        if any(one.verdict == "indeterminate" for one in self.proposals):
            return "indeterminate"
        denied = self.general or any(one.verdict == "negative" for one in self.proposals)
        return "negative" if denied else ""


def read_report(text: str) -> ReportReading:
    """What a report says of each vertebra. Indication, technique and comparison say nothing."""
    sentences = [one for one in sentences_of(text) if one.section not in (Section.INDICATION, Section.TECHNIQUE)]
    statements = [statement for sentence in sentences for statement in statements_of(sentence)]
    general, unplaced = [], []
    by_level: dict[str, list[Statement]] = {}
    for one in statements:
        for level in one.levels:
            by_level.setdefault(level, []).append(one)
        if one.levels:
            continue
        if one.verdict == "negative":
            general.append(General(one.regions, one.fresh_only, one.start, one.end))
        elif one.verdict == "fracture":
            unplaced.append((one.start, one.end))
    proposals = tuple(_merged(level, by_level[level]) for level in LEVELS if level in by_level)
    named = any(one.verdict == "fracture" for one in proposals)
    return ReportReading(
        proposals,
        tuple(dict.fromkeys(general)),
        # "The fracture shows …" goes on about one that was named.
        () if named else tuple(dict.fromkeys(unplaced)),
        tuple(_exclusions(sentences)),
    )


def _merged(level: str, said: Sequence[Statement]) -> Proposal:
    """One proposal out of all that is said of a level: a fracture before a doubt, a doubt before a denial."""
    order = ("fracture", "indeterminate", "negative")
    verdict = next(word for word in order if any(one.verdict == word for one in said))
    kept = [one for one in said if one.verdict == verdict]
    proposal = Proposal(
        level,
        verdict,
        tuple(dict.fromkeys((one.start, one.end) for one in said)),
        ao=_first(one.ao for one in kept),
        segment=_first(one.segment for one in kept),
        acuity=_acuity_of(kept),
        process_fracture=any(one.process_fracture for one in said),
        fresh_only=verdict == "negative" and all(one.fresh_only for one in kept),
        doubt=_first(one.doubt for one in kept),
    )
    denied = [one for one in said if one.verdict == "negative" and not one.fresh_only and not one.process_fracture]
    if verdict != "negative" and denied:
        return replace(proposal, doubt=f"The report calls {level} broken in one place and unbroken in another.")
    return proposal


def _first(found: Iterable[str]) -> str:
    return next((one for one in found if one), "")


def _acuity_of(said: Sequence[Statement]) -> str:
    told = {one.acuity for one in said} - {"unknown"}
    return told.pop() if len(told) == 1 else "unknown"


def _exclusions(sentences: Sequence[Sentence]) -> Iterable[tuple[str, int, int]]:
    """What speaks for leaving a case out, where it is not denied."""
    for sentence in sentences:
        for reason, pattern in words.REASONS_TO_EXCLUDE.items():
            for match in pattern.finditer(sentence.text):
                before = sentence.text[: match.start()]
                clause = before[max(before.rfind(","), before.rfind(";")) + 1 :]
                if not words.NEGATION.search(clause):
                    yield reason, sentence.start, sentence.end
                    break
