"""Consensus and the one place that says truth. A consensus is itself a read, by a panel."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q

from labeling.models.anatomy import Vertebra
from labeling.models.cohort import Case
from labeling.models.readers import Reader
from labeling.models.reading import Read

_CONSENSUS_LOCKED = """
    IF EXISTS (SELECT 1 FROM labeling_read r
               WHERE r.id IN (NEW.consensus_id, OLD.consensus_id) AND r.state = 'locked') THEN
        RAISE EXCEPTION '{name}: the consensus is locked' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
    RETURN NEW;
"""


def _frozen_with_its_consensus(name: str) -> pgtrigger.Trigger:
    """How a consensus came about never changes once it is locked."""
    return pgtrigger.Trigger(
        name=name,
        when=pgtrigger.Before,
        operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
        func=_CONSENSUS_LOCKED.format(name=name),
    )


#: Why two readers of one vertebra differ, in the order in which they are offered.
REASONS = {
    "schmorl-node": "Schmorl node",
    "endplate": "Osteochondrosis or endplate sclerosis",
    "cortex": "Cortical irregularity",
    "wedging": "Physiological wedging",
    "limbus": "Limbus vertebra",
    "acuity": "Acuity",
    "level": "Level off by one",
    "artefact": "Artefact",
    "borderline": "True borderline",
    "other": "Other",
}


class ReasonCode(models.Model):
    """Why readers differed, as published versions of words."""

    code = models.SlugField(max_length=40)
    version = models.PositiveIntegerField(default=1)
    text = models.CharField(max_length=120)

    class Meta:
        constraints = [models.UniqueConstraint(name="reason_code_version_is_unique", fields=["code", "version"])]

    def __str__(self) -> str:
        return self.text


class Sitting(models.Model):
    """A consensus as its panel sits over it: what truth it is to say, and whether the lead has shown it the report."""

    consensus = models.OneToOneField(Read, on_delete=models.PROTECT, related_name="sitting")
    target = models.CharField(max_length=40, default="fracture", help_text="Of the reference that it becomes.")
    report_shown_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    report_shown_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="report_is_shown_by_somebody_at_a_time",
                condition=Q(report_shown_by__isnull=True, report_shown_at__isnull=True)
                | Q(report_shown_by__isnull=False, report_shown_at__isnull=False),
            )
        ]
        triggers = [_frozen_with_its_consensus("sitting_stays_once_consensus_is_locked")]


class ShiftMoves(models.TextChoices):
    """What a shift by one level moves: where only the names are off, the findings stay on their vertebrae."""

    NONE = "", "–"
    NAMES = "names", "names"
    FINDINGS = "findings", "findings"


class Settles(models.Model):
    """This consensus settles that read; A or B as drawn for the case.

    `shift` says by how many vertebrae towards the feet the read is taken to be off: its levels are compared as moved,
    the read itself stays as it was locked.
    """

    consensus = models.ForeignKey(Read, on_delete=models.PROTECT, related_name="settles")
    read = models.ForeignKey(Read, on_delete=models.PROTECT, related_name="settled_by")
    letter = models.CharField(max_length=1)
    shift = models.SmallIntegerField(default=0)
    shift_moves = models.CharField(max_length=8, choices=ShiftMoves.choices, blank=True, default=ShiftMoves.NONE)
    shift_by = models.ForeignKey(Reader, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        verbose_name_plural = "settles"
        constraints = [
            models.UniqueConstraint(name="consensus_settles_a_read_once", fields=["consensus", "read"]),
            models.UniqueConstraint(name="consensus_uses_a_letter_once", fields=["consensus", "letter"]),
            models.CheckConstraint(name="consensus_does_not_settle_itself", condition=~Q(consensus=models.F("read"))),
            models.CheckConstraint(name="settled_read_is_a_or_b", condition=Q(letter__in=["A", "B"])),
            models.CheckConstraint(
                name="shift_is_by_one_and_says_what_moves",
                condition=Q(shift=0, shift_moves="") | Q(shift__in=[-1, 1], shift_moves__in=["names", "findings"]),
            ),
        ]
        triggers = [
            _frozen_with_its_consensus("settled_reads_stay_once_consensus_is_locked"),
            pgtrigger.Trigger(
                name="settled_read_is_locked_and_of_the_same_case",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func="""
                    IF NEW.read_id <> NEW.consensus_id
                       AND NOT EXISTS (SELECT 1 FROM labeling_read r
                                   JOIN labeling_read c ON c.id = NEW.consensus_id AND c.case_id = r.case_id
                                   WHERE r.id = NEW.read_id AND r.state = 'locked') THEN
                        RAISE EXCEPTION 'settled_read_is_locked_and_of_the_same_case: read %', NEW.read_id
                            USING ERRCODE = 'integrity_constraint_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]


class Participant(models.Model):
    """A member of the panel who was present."""

    consensus = models.ForeignKey(Read, on_delete=models.PROTECT, related_name="participants")
    reader = models.ForeignKey(Reader, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(name="participant_sits_once", fields=["consensus", "reader"])]
        triggers = [_frozen_with_its_consensus("participants_stay_once_consensus_is_locked")]


class Difference(models.TextChoices):
    """In what two reads differ on a vertebra, the most harmful first; or why it is asked though they do not."""

    VERDICT = "verdict", "verdict"
    AO = "ao", "AO type"
    LEVEL = "level", "level"
    SLICES = "slices", "slices"
    UNCLEAR = "unclear", "unclear"
    AUDIT = "audit", "looked at again"


class Settlement(models.Model):
    """How one difference on one vertebra was settled. What was settled is the finding of the consensus itself."""

    consensus = models.ForeignKey(Read, on_delete=models.PROTECT, related_name="settlements")
    vertebra = models.ForeignKey(Vertebra, on_delete=models.PROTECT, related_name="+")
    difference = models.CharField(max_length=8, choices=Difference.choices)
    took = models.CharField(max_length=8, choices=[("a", "A"), ("b", "B"), ("neither", "neither")])
    reason = models.ForeignKey(ReasonCode, on_delete=models.PROTECT, related_name="+")
    teach = models.BooleanField(default=False, help_text="On the teaching list.")
    explanation = models.TextField(blank=True, default="", help_text="For teaching: what shows it.")
    by = models.ForeignKey(Reader, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="vertebra_is_settled_once", fields=["consensus", "vertebra"]),
            models.CheckConstraint(
                name="settlement_difference_is_known_word",
                condition=Q(difference__in=["verdict", "ao", "level", "slices", "unclear", "audit"]),
            ),
            models.CheckConstraint(name="settlement_took_is_known_word", condition=Q(took__in=["a", "b", "neither"])),
        ]
        triggers = [_frozen_with_its_consensus("settlement_stays_once_consensus_is_locked")]


class Question(models.Model):
    """What a panel asks one reader about one vertebra. The read stays as it was locked; the answer is beside it."""

    consensus = models.ForeignKey(Read, on_delete=models.PROTECT, related_name="questions")
    read = models.ForeignKey(Read, on_delete=models.PROTECT, related_name="asked_about")
    vertebra = models.ForeignKey(Vertebra, on_delete=models.PROTECT, related_name="+")
    text = models.TextField()
    by = models.ForeignKey(Reader, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    answer = models.TextField(blank=True, default="")
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="question_asks_something", condition=~Q(text="")),
            models.CheckConstraint(
                name="answer_has_a_time",
                condition=Q(answer="", answered_at__isnull=True) | (~Q(answer="") & Q(answered_at__isnull=False)),
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="answered_question_never_changes",
                operation=pgtrigger.Update | pgtrigger.Delete,
                condition=pgtrigger.Q(old__answered_at__isnull=False),
            )
        ]


class Reference(models.Model):
    """The one current read per case and target that says truth."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="references")
    target = models.CharField(max_length=40, default="fracture")
    read = models.ForeignKey(Read, on_delete=models.PROTECT, related_name="reference_of")
    current = models.BooleanField(default=True)
    set_by = models.ForeignKey(Reader, null=True, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField(blank=True, default="")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="one_current_truth_per_case", fields=["case", "target"], condition=Q(current=True)
            )
        ]
        triggers = [
            pgtrigger.Trigger(
                name="truth_is_a_locked_read_of_the_case",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func="""
                    IF NOT EXISTS (SELECT 1 FROM labeling_read r
                                   WHERE r.id = NEW.read_id AND r.case_id = NEW.case_id AND r.state = 'locked') THEN
                        RAISE EXCEPTION 'truth_is_a_locked_read_of_the_case: read %', NEW.read_id
                            USING ERRCODE = 'integrity_constraint_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Protect(
                name="truth_only_ever_gives_way",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__current=False)
                | pgtrigger.Q(old__read__df=pgtrigger.F("new__read"))
                | pgtrigger.Q(old__case__df=pgtrigger.F("new__case"))
                | pgtrigger.Q(old__target__df=pgtrigger.F("new__target")),
            ),
            pgtrigger.Protect(name="truth_is_never_deleted", operation=pgtrigger.Delete),
        ]
