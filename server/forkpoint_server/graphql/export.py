"""Write the schema text: `python -m forkpoint_server.graphql.export [FILE]`, default stdout."""

from __future__ import annotations

import sys
from pathlib import Path

from forkpoint_server.graphql.schema import schema


def schema_text() -> str:
    """The schema in the GraphQL schema language, with a line break at the end."""
    return schema.as_str() + "\n"


def main(arguments: list[str]) -> int:
    """Write to the file named first, or to stdout."""
    if arguments:
        Path(arguments[0]).write_text(schema_text())
    else:
        sys.stdout.write(schema_text())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
