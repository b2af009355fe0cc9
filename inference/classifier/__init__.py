"""The classifier of vertebral slices: recipes, data, training, calibration and prediction, as child processes.

`python -m inference.classifier train|predict|check JOB.json`. What a worker or a page may import without torch is
`recipes`, `settings`, `sources`, `description`, `packing`, `manifest`, `metrics` and `calibrate`.
"""
