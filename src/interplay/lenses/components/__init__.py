"""The component lens: the heads, MLPs and layers of a network, on a task."""

from interplay.lenses.components.lens import components, remade
from interplay.lenses.components.parts import Part
from interplay.lenses.components.sites import Anatomy, Site
from interplay.lenses.components.task import Task
from interplay.lenses.components.value import ComponentValueFunction

__all__ = ["Anatomy", "ComponentValueFunction", "Part", "Site", "Task", "components", "remade"]
