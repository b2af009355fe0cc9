"""`make soak`: readers and adjudicators at work for a minute, each a process of its own, and nothing lost."""
