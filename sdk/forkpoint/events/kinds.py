"""The closed lists of the canonical event schema: kinds, statuses, modes, effects, states."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What a step is. `AGENT` is a scope that holds others; `CUSTOM` is anything else."""

    MODEL = "model"
    RETRIEVER = "retriever"
    TOOL = "tool"
    PLANNER = "planner"
    VALIDATOR = "validator"
    SAFETY = "safety"
    AGENT = "agent"
    CUSTOM = "custom"


class RunStatus(StrEnum):
    """Where a run stands. `INTERRUPTED`: its writer vanished without saying goodbye."""

    RUNNING = "running"
    OK = "ok"
    ERROR = "error"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


class StepStatus(StrEnum):
    """Where a step stands; the same words as for runs."""

    RUNNING = "running"
    OK = "ok"
    ERROR = "error"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


class Health(StrEnum):
    """What is wrong with a recording, apart from how the agent fared."""

    INCOMPLETE = "incomplete"
    PRIVACY_RISK = "privacy_risk"
    ARTIFACT_FAILED = "artifact_failed"


class Effect(StrEnum):
    """What calling a tool does to the world; undeclared is `UNKNOWN` and treated as a write."""

    PURE = "pure"
    READ = "read"
    IDEMPOTENT_WRITE = "idempotent_write"
    WRITE = "write"
    UNKNOWN = "unknown"


class Mode(StrEnum):
    """How a replayed step got its answer."""

    EXACT = "exact"
    CACHED = "cached"
    SIMULATED = "simulated"
    LIVE = "live"


class Match(StrEnum):
    """How a replayed call found its recorded step."""

    EXACT = "exact"
    TOKEN = "token"
    SHAPE = "shape"
    POSITION = "position"
    SHIFTED = "shifted"
    MOVED = "moved"
    INTENT = "intent"
    ELIDED = "elided"
    NONE = "none"


class ArtifactState(StrEnum):
    """Whether a payload may be read: only `CLEAN` ones are."""

    PENDING = "pending"
    CLEAN = "clean"
    AT_RISK = "at_risk"
    WITHHELD = "withheld"
    FAILED = "failed"


class Verdict(StrEnum):
    """How a replay ended, with the exit code of `forkpoint replay` in brackets."""

    IDENTICAL = "identical"  # 0
    FORKED = "forked"  # 0
    DIVERGED = "diverged"  # 1
    PARTIAL = "partial"  # 1
    INCOMPARABLE = "incomparable"  # 125
