"""What can go wrong with content: one class per thing a caller can do differently."""

from __future__ import annotations

from forkpoint.errors import ContentError

__all__ = [
    "ContentError",
    "CorruptBlock",
    "LimitExceeded",
    "MissingBlock",
    "NotEncodable",
    "UnsupportedFormat",
]


class NotEncodable(ContentError):
    """A value of this type is outside the value model; convert it, or withhold the artifact."""

    code = "not_encodable"

    def __init__(self, type_name: str) -> None:
        super().__init__(f"a value of type {type_name} is no content", type=type_name)


class LimitExceeded(ContentError):
    """A value or tree is over a limit; the artifact is withheld, or read in parts."""

    code = "too_large"

    def __init__(self, name: str, limit: int) -> None:
        super().__init__(f"content is over the limit {name}={limit}", name=name, limit=limit)


class CorruptBlock(ContentError):
    """A block is not what its digest, count or form says; `digest` is its text form, or empty."""

    code = "block_corrupt"

    def __init__(self, digest: str, why: str) -> None:
        super().__init__(f"block {digest or '(unnamed)'} is corrupt: {why}", digest=digest, why=why)


class MissingBlock(ContentError):
    """The store has no block of this digest; send it again, or report the artifact as lost."""

    code = "block_missing"

    def __init__(self, digest: str) -> None:
        super().__init__(f"block {digest} is missing", digest=digest)


class UnsupportedFormat(ContentError):
    """A block bears a tag this version does not know; read it with a newer one."""

    code = "format_unsupported"

    def __init__(self, tag: str) -> None:
        super().__init__(f"unknown content tag {tag!r}; a newer version wrote it", tag=tag)
