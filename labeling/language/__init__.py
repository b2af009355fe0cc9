"""The language of clinical reports: what a text says of each vertebra. A proposal and no more: a person confirms it."""

from labeling.language.ao_types import named_types
from labeling.language.levels import LEVELS, LevelMention, level_mentions
from labeling.language.reading import General, Proposal, ReportReading, read_report
from labeling.language.sentences import Section, Sentence, sentences_of

__all__ = [
    "LEVELS",
    "General",
    "LevelMention",
    "Proposal",
    "ReportReading",
    "Section",
    "Sentence",
    "level_mentions",
    "named_types",
    "read_report",
    "sentences_of",
]
