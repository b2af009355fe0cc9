"""From the 8 bits of a slice to what a network takes; the same in training and in prediction."""

from __future__ import annotations

from torch import Tensor

from inference.classifier.recipes import Recipe

__all__ = ["prepared"]


def prepared(images: Tensor, recipe: Recipe) -> Tensor:
    """(n, channels, s, s) in 0..1 to (n, input channels, s, s): a single channel goes to all, then centre and scale."""
    if images.shape[1] == 1 and recipe.input_channels > 1:
        images = images.expand(-1, recipe.input_channels, -1, -1)
    if recipe.centre == 0.0 and recipe.scale == 1.0:
        return images
    return (images - recipe.centre) / recipe.scale
