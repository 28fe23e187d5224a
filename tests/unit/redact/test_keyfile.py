from __future__ import annotations

from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from forkpoint.redact.keyfile import KEY_BYTES, key_of, read_or_make


def test_a_key_is_made_once_however_many_ask_at_the_same_time(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "one.key"
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: read_or_make(path), range(16)))

    assert len(keys) == 1
    assert len(keys.pop()) == KEY_BYTES
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("text", ["", "c2hvcnQ=", "no base64!", b64encode(bytes(33)).decode()])
def test_a_text_that_is_no_key_is_refused_by_the_name_of_its_source(text: str) -> None:
    with pytest.raises(ValueError, match="THE_SETTING must hold 32 bytes") as refused:
        key_of(text, source="THE_SETTING")
    assert not text or text not in str(refused.value)
