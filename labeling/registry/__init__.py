"""The registry of models: their files under their SHA-256, which of them works, and how one comes in."""

from labeling.registry.imports import import_model
from labeling.registry.versions import activate, active, model_folder, reader_of_model, register, retire

__all__ = ["activate", "active", "import_model", "model_folder", "reader_of_model", "register", "retire"]
