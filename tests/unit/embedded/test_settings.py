"""What `up` reads from arguments and environment, and how it looks on a terminal."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from forkpoint_server.embedded.errors import EmbeddedError
from forkpoint_server.embedded.report import Report
from forkpoint_server.embedded.settings import read_settings


def test_arguments_win_over_the_environment():
    environment = {"FORKPOINT_DATA": "/srv/a", "FORKPOINT_PORT": "5000"}

    settings = read_settings(environment, data="/srv/b", port=0)

    assert (settings.data, settings.port) == (Path("/srv/b"), 0)


def test_without_settings_it_is_loopback_4600_and_the_home_directory():
    settings = read_settings({})

    assert (settings.host, settings.port) == ("127.0.0.1", 4600)
    assert settings.data == Path.home() / ".forkpoint"


def test_an_empty_setting_is_no_setting():
    settings = read_settings({"FORKPOINT_DATABASE_URL": "", "FORKPOINT_S3_ENDPOINT": ""})

    assert settings.external.database_url is None
    assert settings.external.s3_endpoint is None


@pytest.mark.parametrize("text", ["http", "-1", "65536"])
def test_a_port_that_is_none_is_named(text: str):
    with pytest.raises(EmbeddedError, match="FORKPOINT_PORT is"):
        read_settings({"FORKPOINT_PORT": text})


def test_colours_appear_only_where_they_were_asked_for():
    plain, coloured = io.StringIO(), io.StringIO()
    for stream, wanted in ((plain, False), (coloured, True)):
        Report(stream, coloured=wanted).part("api", "http://127.0.0.1:4600", 0.5)

    assert plain.getvalue().split() == ["•", "api", "http://127.0.0.1:4600", "0.50", "s"]
    assert "\x1b[32m•\x1b[0m api" in coloured.getvalue()
