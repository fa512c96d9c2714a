"""The image lens: a picture and a model become a value function."""

from interplay.lenses.image.lens import image, remade
from interplay.lenses.image.value import ImageValueFunction

__all__ = ["ImageValueFunction", "image", "remade"]
