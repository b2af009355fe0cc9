"""Rounds before and while they run: planned, drawn, previewed, started, claimed, handed over."""
