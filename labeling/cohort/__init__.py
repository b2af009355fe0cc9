"""The cohort: reports that are searched, cases that come in and go out, the split, the flowchart and Table 1."""
