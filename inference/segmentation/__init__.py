"""Segmentation by nnU-Net: prediction and training, as child processes that speak JSON lines.

`python -m inference.segmentation predict|train|check JOB.json`. Only the child imports torch and nnunetv2; what a
worker or a page may import is `models`, `packing`, `labels` and `settings`.
"""
