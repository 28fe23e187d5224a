"""The redaction key of a project: from the environment, a file, or made on first use."""

from __future__ import annotations

from forkpoint.errors import RedactionError
from forkpoint.redact.keyfile import key_of, read_or_make
from forkpoint.settings import Settings

KEY_FILE = "redact.key"
"""Its name in the folder `keys` of the data folder."""


def project_key(settings: Settings) -> bytes:
    """32 bytes. Raises `RedactionError` (`key_missing`, `key_invalid`)."""
    given = settings.redact_key_file
    path = given or settings.data / "keys" / KEY_FILE
    try:
        if settings.redact_key is not None:
            return key_of(settings.redact_key, source="FORKPOINT_REDACT_KEY")
        if given is not None:
            return key_of(given.read_text(), source=str(given))
        return read_or_make(path)
    except ValueError as error:
        raise RedactionError(str(error), code="key_invalid") from None
    except OSError as error:
        message = f"cannot read or make the key file {path}"
        raise RedactionError(message, code="key_missing") from error
