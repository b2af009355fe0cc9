"""Reads become truth: what differs, what is settled, what is asked again, and the reference that stays."""
