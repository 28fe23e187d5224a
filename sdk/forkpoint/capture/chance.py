"""Random numbers as user code draws them: the module `random` and generators without a seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from random import Random
from typing import Any, cast

from forkpoint.capture.drawing import drawing, drawn, dressed, kept_frame
from forkpoint.capture.strands import Frame
from forkpoint.replay.draws import BITS, RANDOM

_CHANCES = (
    "random",
    "uniform",
    "triangular",
    "randint",
    "randrange",
    "randbytes",
    "getrandbits",
    "choice",
    "choices",
    "sample",
    "shuffle",
    "normalvariate",
    "gauss",
    "lognormvariate",
    "expovariate",
    "vonmisesvariate",
    "gammavariate",
    "betavariate",
    "binomialvariate",
    "paretovariate",
    "weibullvariate",
)


class Chance(Random):
    """Draws from another generator and keeps it; all else is made of these two."""

    def __init__(self, source: Random) -> None:
        super().__init__(0)
        self._source = source

    def random(self) -> float:
        """A float of [0, 1)."""
        return drawn_float(kept_frame(), self._source.random)

    def getrandbits(self, k: int, /) -> int:
        """An integer of `k` bits."""
        return drawn_bits(kept_frame(), k, lambda: self._source.getrandbits(k))


class Unseeded(Random):
    """A generator that user code made in a run without a seed; its draws are kept."""

    def random(self) -> float:
        """A float of [0, 1)."""
        return drawn_float(kept_frame(), super().random)

    def getrandbits(self, k: int, /) -> int:
        """An integer of `k` bits."""
        stock = super().getrandbits
        return drawn_bits(kept_frame(), k, lambda: stock(k))

    def __reduce__(self) -> Any:
        """Elsewhere it is an ordinary generator."""
        return _remade, (self.getstate(),)


def _remade(state: Any) -> Random:
    made = Random(0)
    made.setstate(state)
    return made


def drawn_float(frame: Frame | None, real: Callable[[], float]) -> float:
    """A float of [0, 1)."""
    if frame is None:
        return real()
    make = Random.random
    return drawn(frame, RANDOM, real, pack=float, unpack=float, make=make)


def drawn_bits(frame: Frame | None, k: int, real: Callable[[], int]) -> int:
    """An integer of `k` bits."""
    if frame is None or not k:
        return real()

    def unpack(value: int) -> int:
        if int(value).bit_length() > k:
            raise ValueError(k)
        return int(value)

    def make(chance: Random) -> int:
        return chance.getrandbits(k)

    return drawn(frame, BITS, real, pack=int, unpack=unpack, make=make)


def patched_chance() -> dict[tuple[Any, str], Callable[..., Any]]:
    """Functions for the module `random`, by module and name."""
    shared = Chance(cast("Any", random)._inst)
    stock_seed = random.seed

    def seed(*args: Any, **kwargs: Any) -> None:
        cast("Any", shared).gauss_next = None  # half of a pair drawn before the seed
        stock_seed(*args, **kwargs)

    def of(name: str) -> Callable[..., Any]:
        stock, ours = getattr(random, name), getattr(shared, name)

        def choose(*args: Any, **kwargs: Any) -> Any:
            return (stock if drawing() is None else ours)(*args, **kwargs)

        return dressed(choose, stock)

    found = {(random, name): of(name) for name in _CHANCES if hasattr(random, name)}
    return {**found, (random, "seed"): dressed(seed, stock_seed)}


def follow_generators() -> None:
    """Keep the draws of generators that user code makes in a run without a seed."""
    stock = Random.__init__

    def begin(self: Random, x: Any = None) -> None:
        stock(self, x)
        if x is None and type(self) is Random and drawing() is not None:
            self.__class__ = Unseeded

    Random.__init__ = dressed(begin, stock)
