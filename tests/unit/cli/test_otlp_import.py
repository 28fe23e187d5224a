from __future__ import annotations

import json
from pathlib import Path

from forkpoint_cli.importers.otlp import read_requests
from traces import agent_trace


def _delimited(messages: list[bytes], *, words: bool) -> bytes:
    made = b""
    for body in messages:
        head, size = bytearray(), len(body)
        while size > 0x7F:
            head.append(size & 0x7F | 0x80)
            size >>= 7
        head.append(size)
        made += (len(body).to_bytes(4, "big") if words else bytes(head)) + body
    return made


def test_both_ways_of_delimiting_protobuf_are_read(tmp_path: Path):
    messages = [agent_trace(steps=n).body() for n in (1, 9)]

    for words in (True, False):
        path = tmp_path / f"words-{words}.binpb"
        path.write_bytes(_delimited(messages, words=words))
        assert [request.body for request in read_requests(path)] == messages


def test_json_lines_say_by_themselves_which_signal_they_are(tmp_path: Path):
    path = tmp_path / "mixed.json"
    lines = [{"resourceSpans": []}, {"resourceLogs": []}]
    path.write_text("\n".join(map(json.dumps, lines)) + "\n")

    assert [request.paths for request in read_requests(path)] == [("/v1/traces",), ("/v1/logs",)]


def test_one_document_over_many_lines_is_one_request(tmp_path: Path):
    path = tmp_path / "pretty.json"
    path.write_text(json.dumps({"resourceSpans": []}, indent=2))

    assert len(list(read_requests(path))) == 1
