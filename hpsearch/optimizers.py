"""The optimizers: one class each, with its settings, Keras' name, and what it keeps in memory.

The settings have the names and the defaults of Keras' arguments. A new one is a class here, listed
in :data:`OPTIMIZERS`.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, Strict

from hpsearch.fields import Bool, Section
from hpsearch.searchable import OneOf, kind_of

LearningRate = Annotated[float, Strict(), Field(gt=0.0, le=10.0)]
Decay = Annotated[float, Strict(), Field(ge=0.0, lt=1.0)]
"""A momentum-like coefficient."""
Epsilon = Annotated[float, Strict(), Field(gt=0.0, le=1.0)]
WeightDecay = Annotated[float, Strict(), Field(ge=0.0, le=1.0)]


class Optimizer(Section):
    """What every optimizer has."""

    keras: ClassVar[str]
    """The class in ``keras.optimizers``."""

    type: str
    learning_rate: LearningRate

    @property
    def slots(self) -> int:
        """Numbers that it keeps for each parameter, from 0."""
        raise NotImplementedError


class Adam(Optimizer):
    """Adam (Kingma & Ba, 2015). Defaults are those of ``keras.optimizers.Adam``."""

    keras = "Adam"

    type: Literal["adam"] = "adam"
    learning_rate: LearningRate = 1e-3
    beta_1: Decay = 0.9
    beta_2: Decay = 0.999
    epsilon: Epsilon = 1e-7
    amsgrad: Bool = False

    @property
    def slots(self) -> int:
        """Both moments, and the greatest second one."""
        return 2 + self.amsgrad


class AdamW(Optimizer):
    """Adam with decoupled weight decay (Loshchilov & Hutter, 2019). Defaults of Keras' AdamW."""

    keras = "AdamW"

    type: Literal["adamw"] = "adamw"
    learning_rate: LearningRate = 1e-3
    beta_1: Decay = 0.9
    beta_2: Decay = 0.999
    epsilon: Epsilon = 1e-7
    amsgrad: Bool = False
    weight_decay: WeightDecay = 4e-3

    @property
    def slots(self) -> int:
        """Both moments, and the greatest second one."""
        return 2 + self.amsgrad


class SGD(Optimizer):
    """Gradient descent with momentum. Defaults of ``keras.optimizers.SGD``."""

    keras = "SGD"

    type: Literal["sgd"] = "sgd"
    learning_rate: LearningRate = 1e-2
    momentum: Decay = 0.0
    nesterov: Bool = False

    @property
    def slots(self) -> int:
        """The velocity."""
        return int(self.momentum > 0)


class RMSprop(Optimizer):
    """RMSprop (Hinton, 2012). Defaults of ``keras.optimizers.RMSprop``."""

    keras = "RMSprop"

    type: Literal["rmsprop"] = "rmsprop"
    learning_rate: LearningRate = 1e-3
    rho: Decay = 0.9
    momentum: Decay = 0.0
    epsilon: Epsilon = 1e-7
    centered: Bool = False

    @property
    def slots(self) -> int:
        """The mean of squares, the velocity and the mean."""
        return 1 + (self.momentum > 0) + self.centered


class Lion(Optimizer):
    """The sign of a momentum (Chen et al., 2023). Defaults of ``keras.optimizers.Lion``."""

    keras = "Lion"

    type: Literal["lion"] = "lion"
    learning_rate: LearningRate = 1e-3
    beta_1: Decay = 0.9
    beta_2: Decay = 0.99
    weight_decay: WeightDecay = 0.0

    @property
    def slots(self) -> int:
        """The momentum."""
        return 1


OPTIMIZERS: dict[str, type[Optimizer]] = {
    kind_of(one): one for one in (Adam, AdamW, SGD, RMSprop, Lion)
}
"""Every optimizer by the ``type`` that a file names it by."""

AnyOptimizer = Annotated[Optimizer, OneOf((*OPTIMIZERS.values(),))]
"""The field of a configuration that holds one of them."""
