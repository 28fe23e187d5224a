"""What the content tests share."""

from __future__ import annotations

import random

import pytest
from unit.content import vectors


@pytest.fixture
def rnd():
    return random.Random(20_260_501)


@pytest.fixture
def messages():
    return vectors.messages(400)
