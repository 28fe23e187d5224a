"""What all tables are registered in, and the column type they share."""

from __future__ import annotations

from sqlalchemy import Column, MetaData
from sqlalchemy.dialects.postgresql import UUID

metadata = MetaData()


def uuid_column(name: str, *, key: bool = False, null: bool = False) -> Column[str]:
    """A column of ids, which are text in Python."""
    return Column(name, UUID(as_uuid=False), primary_key=key, nullable=null)
