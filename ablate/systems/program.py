"""`Program`: one run as pure functions. The engine knows nothing else about what it trains."""

from abc import abstractmethod
from typing import Annotated, Any

from jaxtyping import Array, Float, Int, Key
from pydantic import Field

from ablate.core import Budget, Family, Metric, Recording

from .component import Component

State = Any
"""A pytree of arrays; structure and shapes must be the same for every lane and every step."""

Data = Any
"""A pytree of arrays that no step changes."""

Drawn = Any
"""A pytree of arrays, of the same structure and shapes for every step."""

Metrics = dict[str, Float[Array, ""]]
"""Named float32 scalars."""

Diagnosis = dict[str, Float[Array, "..."]]
"""Numbers or rows of them, float32, by names of three parts: ``DIAGNOSTIC/QUANTITY/LAYER``."""


class Train(Component):
    """How long a run trains and what it records. The engine reads it; a program never sees it while it trains."""

    steps: Annotated[int, Budget(), Field(gt=0)] = 1000
    """Optimiser updates. A budget: outside the identity of a run, so a larger number continues it."""
    eval_every: Annotated[int, Recording(), Field(gt=0)] = 100
    """Updates between two evaluations (and between two points of the training curve)."""


class Program(Component):
    """Everything that can be run: pure functions of a configuration (``self``), data and state.

    The default is `ablate.systems.supervised.Supervised`. For an experiment that does not fit it, subclass this
    in one file, give it fields and the functions, and register it with ``@PROGRAMS.register("name")``: lanes, resume,
    statistics and report come with it.

    Inside ``init``, ``step`` and ``evaluate`` the fields marked `Lane` are traced float32 scalars. Fields marked
    `Start` are there for ``init`` alone.
    """

    train: Train = Train()
    """Budget and recording."""

    @property
    @abstractmethod
    def recorded(self) -> tuple[Metric, ...]:
        """What ``step`` and ``evaluate`` return, with direction and unit."""

    def load(self) -> Data:
        """Arrays that all lanes read (a data set), loaded once per pack on the host. Only static fields may be used."""
        return ()

    @abstractmethod
    def init(self, data: Data, key: Key[Array, ""]) -> State:
        """The state before the first step. Derive every random number from `key` with `ablate.systems.stream`."""

    @abstractmethod
    def step(self, data: Data, state: State) -> tuple[State, Metrics]:
        """One optimiser update. A metric that is not finite ends the run as diverged, before this update."""

    def draw(self, data: Data, state: State, step: Int[Array, ""]) -> Drawn:
        """What update number `step`, from 0, reads beside the data and the state: a batch, say.

        It must not depend on anything in the state that updates change. Then the engine can draw for many updates
        together, which for a small network on a CPU takes a twentieth off its training. Nothing, by default.
        """
        return ()

    def step_with(self, data: Data, state: State, drawn: Drawn) -> tuple[State, Metrics]:
        """`step`, given what `draw` gives for the next update of the state."""
        return self.step(data, state)

    def evaluate(self, data: Data, state: State) -> Metrics:
        """Metrics that do not change the state, computed every ``train.eval_every`` steps and before the first."""
        return {}

    def diagnose(self, data: Data, state: State) -> Diagnosis:
        """What is read from inside the network, whenever `evaluate` is called. Kept beside the metrics."""
        return {}

    def described(self, name: str, values: list[float]) -> str | None:
        """What numbers of `diagnose` say, for those that stand for text; else None. On the host."""
        return None

    def consumes(self) -> dict[str, int]:
        """How much one update takes in, by unit: ``{"characters": 1024}``. Static fields only, on the host.

        Curves can be drawn over it.
        """
        return {}

    def recordings(self) -> tuple[str, ...]:
        """What `diagnose` records, as names that change with it: a run is not complete while it lacks one of them."""
        return ()

    def guarded(self, state: State) -> Any:
        """The part of the state that must stay finite. The whole state, unless a program knows better."""
        return state

    def parameters(self, state: State) -> Any:
        """The trainable part of the state, for counting. The whole state, unless a program knows better."""
        return state


PROGRAMS: Family[Program] = Family("program")
"""What a grid's ``base.program`` chooses from; ``supervised`` is the default."""
