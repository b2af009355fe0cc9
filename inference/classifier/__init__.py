"""The classifier of vertebral slices: recipes, data, training, calibration and prediction, as child processes.

`python -m inference.classifier train|predict JOB.json`. What a worker or a page may import without torch is `recipes`,
`description`, `manifest`, `metrics` and `calibrate`.
"""
