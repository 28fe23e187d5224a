"""Settings: arguments win over the environment, and mistakes are said at once."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import fields
from pathlib import Path

import pytest
from forkpoint.capture.assembly import redactor_of
from forkpoint.capture.keys import KEY_FILE, project_key
from forkpoint.errors import ConfigurationError, RedactionError
from forkpoint.settings import Redaction, Settings

DOCS = Path(__file__).parents[3] / "docs" / "sdk.md"


def test_arguments_win_over_the_environment_and_that_over_defaults() -> None:
    environment = {"FORKPOINT_URL": "http://a:1/", "FORKPOINT_FAIL": "closed"}

    settings = Settings.from_environment(environment, url="http://b:2", token=None)

    assert (settings.url, settings.fail, settings.queue_events) == ("http://b:2", "closed", 10_000)


def test_numbers_flags_and_paths_are_read_as_such() -> None:
    settings = Settings.from_environment(
        {"FORKPOINT_FLUSH_S": "0.5", "FORKPOINT_DISABLED": "1", "FORKPOINT_SPOOL": "/x"}
    )

    assert (settings.flush_s, settings.disabled, settings.spool) == (0.5, True, Path("/x"))


@pytest.mark.parametrize(
    "environment",
    [{"FORKPOINT_FAIL": "maybe"}, {"FORKPOINT_URL": "ftp://x"}, {"FORKPOINT_FLUSH_S": "soon"}],
)
def test_a_wrong_setting_is_refused(environment: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError):
        Settings.from_environment(environment)


def test_no_secret_is_in_the_text_of_settings() -> None:
    environment = {"FORKPOINT_TOKEN": "fp_canary", "FORKPOINT_REDACT_KEY": "canary2"}

    assert "canary" not in repr(Settings.from_environment(environment))


def test_every_setting_is_documented() -> None:
    text = DOCS.read_text()
    names = [one.metadata["env"] for one in fields(Settings) if "env" in one.metadata]

    assert [name for name in names if f"`{name}`" not in text] == []


def test_a_key_is_made_once_and_kept_to_its_owner(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)

    key = project_key(settings)

    assert project_key(settings) == key
    path = tmp_path / "keys" / KEY_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in path.parent.iterdir()] == [KEY_FILE]


def test_a_given_key_is_used_and_a_wrong_one_refused(tmp_path: Path) -> None:
    key = bytes(range(32))
    file = tmp_path / "key"
    file.write_bytes(b64encode(key) + b"\n")

    assert project_key(Settings(redact_key=b64encode(key).decode())) == key
    assert project_key(Settings(redact_key_file=file)) == key
    with pytest.raises(RedactionError, match="32 bytes"):
        project_key(Settings(redact_key="c2hvcnQ="))
    with pytest.raises(RedactionError, match="cannot read"):
        project_key(Settings(redact_key_file=tmp_path / "absent"))


def test_secrets_come_from_the_environment_by_name(tmp_path: Path) -> None:
    environment = {
        "OPENAI_API_KEY": "sk-canary-1234567",
        "DB_PASSWORD": "canary-pass",
        "HOME": "/home/canary-user",
        "SSH_AUTH_SOCK": "/tmp/agent.12",
        "API_TOKEN": "/run/secrets/token",
        "XDG_SESSION_ID": "session-12345",
        "PIN_TOKEN": "12345678",
        "FORKPOINT_REDACT_KEY": b64encode(bytes(32)).decode(),
    }
    settings = Settings.from_environment(
        environment, data=tmp_path, redaction=Redaction(secrets=("given-secret",))
    )

    assert set(redactor_of(settings).secrets) == {
        "sk-canary-1234567",
        "canary-pass",
        "given-secret",
        environment["FORKPOINT_REDACT_KEY"],
    }
