"""The written report: what stands in it, in plain pieces, and the same pieces typeset as PDF."""
