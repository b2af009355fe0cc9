"""The rules of a round: what its readers see and what they owe. The server holds them; PRODUCT.md has the table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

from labeling.models import RoundKind

__all__ = ["DEFAULTS", "LEAST_MODEL_HIDDEN_SHARE", "Rules", "RulesRefused"]

#: Where the model is shown first, at least this share of the cases, drawn, stays hidden, so that bias can be measured.
LEAST_MODEL_HIDDEN_SHARE = 0.2

_WORDS: dict[str, tuple[str, ...]] = {
    "unit": ("slice", "vertebra"),
    "report": ("shown", "after_lock", "hidden"),
    "model": ("shown", "after_lock", "never"),
    "outlines": ("shown", "hidden"),
    "anatomy": ("editable", "pinned"),
    "feedback": ("at_once", "after_consensus", "when_closed", "none"),
}
_COUNTS = ("required_reads", "washout_days")
_SHARES = ("second_reader_share", "model_hidden_share", "audit_share")


class RulesRefused(ValueError):
    """These are no rules of a round; the message says which word or number is wrong."""


@dataclass(frozen=True)
class Rules:
    """What the readers of one round see and owe.

    Attributes
    ----------
    unit
        What is labelled: every vertebral `slice`, or the `vertebra` (slices optional).
    report
        When the clinical report may be seen: `shown`, `after_lock` of the own read, `hidden`.
    model
        When the model's opinion may be seen: `shown` first, `after_lock` of the own read, `never` before the reference
        is locked.
    outlines
        Mask outlines at first look.
    anatomy
        `editable`: the reader may make a new version; `pinned`: dissent is *level said*.
    ao_required
        Whether a fracture needs the AO type of its body before the read can be locked.
    required_reads, washout_days
        How many locked reads a case needs, and how many days must lie between a reader's own lock and this round.
    second_reader_share, model_hidden_share
        Shares (0 to 1) of the cases that are drawn for a second reader, and for hiding the model.
    feedback
        When a reader learns what the others said.
    audit_share
        Of what a consensus found agreed, the share that is drawn to be looked at again once the reference is set.
    """

    unit: str
    report: str
    model: str
    outlines: str
    anatomy: str
    ao_required: bool
    required_reads: int
    washout_days: int
    second_reader_share: float
    model_hidden_share: float
    feedback: str
    audit_share: float = 0.1

    def __post_init__(self) -> None:
        for name, words in _WORDS.items():
            if getattr(self, name) not in words:
                raise RulesRefused(f"The rule {name} is {getattr(self, name)!r}. It is one of {', '.join(words)}.")
        if not isinstance(self.ao_required, bool):
            raise RulesRefused("The rule ao_required is true or false.")
        for name in _COUNTS:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise RulesRefused(f"The rule {name} is {value!r}. It is a whole number from 0.")
        for name in _SHARES:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
                raise RulesRefused(f"The rule {name} is {value!r}. It is a share from 0 to 1.")
        if self.model == "shown" and self.model_hidden_share < LEAST_MODEL_HIDDEN_SHARE:
            raise RulesRefused(
                f"Where the model is shown first, it stays hidden in at least {LEAST_MODEL_HIDDEN_SHARE:.0%} of the "
                "cases."
            )

    @classmethod
    def parse(cls, rules: Mapping[str, Any]) -> Rules:
        """Rules from their JSON form.

        Raises
        ------
        RulesRefused
            where a rule is unknown, missing, or not one of its words.
        """
        known = {field.name for field in fields(cls)}
        owed = {field.name for field in fields(cls) if field.default is MISSING}
        if unknown := sorted(set(rules) - known):
            raise RulesRefused(f"There is no rule called {', '.join(unknown)}.")
        if missing := sorted(owed - set(rules)):
            raise RulesRefused(f"These rules are missing: {', '.join(missing)}.")
        return cls(**rules)

    def as_json(self) -> dict[str, Any]:
        """The JSON form that `parse` reads."""
        return asdict(self)


#: Repeat and consensus take their unit from the rounds they follow; what stands here is for the independent round.
DEFAULTS: dict[RoundKind, Rules] = {
    RoundKind.PRACTICE: Rules(
        unit="slice",
        report="after_lock",
        model="after_lock",
        outlines="shown",
        anatomy="pinned",
        ao_required=True,
        required_reads=1,
        washout_days=0,
        second_reader_share=0.0,
        model_hidden_share=0.0,
        feedback="at_once",
    ),
    RoundKind.LABELLING: Rules(
        unit="slice",
        report="shown",
        model="after_lock",
        outlines="shown",
        anatomy="editable",
        ao_required=True,
        required_reads=1,
        washout_days=0,
        second_reader_share=0.1,
        model_hidden_share=0.2,
        feedback="after_consensus",
    ),
    RoundKind.INDEPENDENT: Rules(
        unit="vertebra",
        report="hidden",
        model="never",
        outlines="hidden",
        anatomy="pinned",
        ao_required=True,
        required_reads=2,
        washout_days=0,
        second_reader_share=0.0,
        model_hidden_share=1.0,
        feedback="when_closed",
    ),
    RoundKind.REPEAT: Rules(
        unit="vertebra",
        report="hidden",
        model="never",
        outlines="hidden",
        anatomy="pinned",
        ao_required=True,
        required_reads=1,
        washout_days=28,
        second_reader_share=0.0,
        model_hidden_share=1.0,
        feedback="when_closed",
    ),
    RoundKind.CONSENSUS: Rules(
        unit="vertebra",
        report="hidden",
        model="never",
        outlines="shown",
        anatomy="pinned",
        ao_required=True,
        required_reads=1,
        washout_days=28,
        second_reader_share=0.0,
        model_hidden_share=1.0,
        feedback="none",
    ),
}
