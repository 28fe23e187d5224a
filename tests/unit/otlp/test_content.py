from __future__ import annotations

import base64
import json
from typing import Any

from forkpoint.content import MemoryBlocks, decode, digest_from_text
from forkpoint.events.kinds import ArtifactState
from forkpoint.redact.engine import Redactor
from forkpoint.redact.ruleset import Ruleset
from forkpoint.redact.tokens import TokenKey
from forkpoint_server.ingestion.otlp.content import RunContent, read_content
from forkpoint_server.ingestion.otlp.staged import Opened, StagedSpan

RUN = "01a20000-0000-8000-8000-000000000001"
REDACTOR = Redactor(Ruleset(), TokenKey(b"k" * 32))
LLM = {"openinference.span.kind": "LLM"}


def content(*attributes: dict[str, Any], redactor: Redactor | None = REDACTOR) -> RunContent:
    spans = [
        StagedSpan(
            span_id=number.to_bytes(8, "big"),
            parent_id=b"",
            name="chat",
            start_ns=number,
            failed=False,
            message="",
            attributes=each,
            happenings=(),
            resource={},
            scope="tests",
            truncated=False,
            links=0,
        )
        for number, each in enumerate(attributes, start=1)
    ]
    return read_content(Opened(spans=spans, records={}), redactor, run_id=RUN)


def value(read: RunContent, role: str, *, step: int = 0) -> Any:
    ref = next(each for each in read.steps[step].artifacts if each.role == role)
    blocks = MemoryBlocks()
    for digest, body in read.blocks.items():
        blocks.put(digest, body)
    assert ref.root is not None
    return decode(digest_from_text(ref.root), blocks.get)


def test_redacted_placeholder_withholds_the_payload():
    read = content({**LLM, "llm.input_messages.0.message.content": "__REDACTED__"})

    found = {each.role: (each.state, each.reason) for each in read.steps[0].artifacts}
    assert found["input.messages"] == (ArtifactState.WITHHELD, "policy")
    assert read.steps[0].signature is None


def test_without_a_redaction_key_every_payload_is_withheld():
    read = content({**LLM, "input.value": "a secret"}, redactor=None)

    assert {each.state for each in read.steps[0].artifacts} == {ArtifactState.WITHHELD}
    assert not read.blocks


def test_equal_calls_have_equal_signatures_and_other_words_another():
    one, same, other = content(
        {**LLM, "input.value": "hi"}, {**LLM, "input.value": "hi"}, {**LLM, "input.value": "ho"}
    ).steps

    assert one.signature == same.signature != other.signature


def test_a_data_url_becomes_a_file_and_a_remote_one_stays_text():
    inline = "data:image/png;base64," + base64.b64encode(b"png" * 2000).decode()
    read = content(
        {
            **LLM,
            "gen_ai.input.messages": [
                {
                    "role": "user",
                    "parts": [
                        {
                            "type": "image_url",
                            "image_url": {"url": inline},
                        },
                        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
                    ],
                }
            ],
        }
    )

    parts = value(read, "input.messages")[0]["parts"]
    assert parts[0] == {"type": "media", "url": {"$file": "media-0"}}
    assert parts[1] == {"type": "media", "url": "https://example.com/a.png"}
    file = next(each for each in read.steps[0].artifacts if each.role == "file.media-0")
    assert file.media_type == "image/png"
    assert value(read, "file.media-0") == b"png" * 2000


def test_secrets_in_nested_json_are_masked_before_anything_is_hashed():
    inner = json.dumps({"password": "hunter22hunter"})
    outer = json.dumps({"messages": [{"role": "user", "content": inner}]})
    read = content({**LLM, "input.value": outer})

    stored = b"".join(read.blocks.values())
    assert b"hunter22hunter" not in stored
    assert b"rx1_VALUE_" in stored


def test_a_conversation_that_grows_as_text_is_read_like_each_of_its_texts_alone():
    said = [
        {"role": "user", "parts": [{"type": "text", "content": f"{n}, [" * n}]} for n in range(6)
    ]
    chat = {"gen_ai.operation.name": "chat"}
    texts = [json.dumps(said[: n + 1]) for n in range(6)]
    others = [json.dumps([*said[:2], {"role": "user", "parts": []}]), texts[4][:-2], texts[3]]

    together = content(*({**chat, "gen_ai.input.messages": text} for text in texts + others))

    for number, text in enumerate(texts + others):
        alone = content({**chat, "gen_ai.input.messages": text})
        role = "input.messages"
        assert value(together, role, step=number) == value(alone, role), number
        assert together.steps[number].signature == alone.steps[0].signature
