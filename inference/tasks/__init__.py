"""The Celery tasks of the models: the one place that knows the record on one side and the models' programs.

A worker imports no torch. It writes what a program needs into the folder of the job, starts it as a child, listens,
and stores what it gives.
"""

from inference.tasks.classify import classify
from inference.tasks.frame import job_folder
from inference.tasks.measuring import measure
from inference.tasks.segmentation import segment, train_segmentation
from inference.tasks.train_classifier import train_classifier

__all__ = ["classify", "job_folder", "measure", "segment", "train_classifier", "train_segmentation"]
