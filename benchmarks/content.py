"""Content: what a captured call costs its host, and what a run costs to store."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from time import thread_time_ns
from typing import Any

import zstandard
from forkpoint.content import Digest, MemoryBlocks, Tracker, encode, snapshot, walk
from forkpoint.events.canonical import canonical_bytes

from benchmarks.capture import host_figures

Message = dict[str, Any]

RUNS = Path(__file__).parents[1] / "examples" / "agentdojo" / "runs"
CALLS = 400
MESSAGE_BYTES = 2000
REFERENCE_BYTES = 43
"""What an event holds of a value: the text of its root."""
PACK_BYTES = 256 * 1024


def run() -> dict[str, float]:
    talk = conversation(CALLS, size=MESSAGE_BYTES)
    figures = host_figures()
    figures["background_append_us"] = background_append_us(talk)
    raw, packed = loop_ratios(talk)
    figures["storage_ratio_loop400"] = raw
    figures["storage_ratio_loop400_packed"] = packed
    if any(RUNS.rglob("*.json")):
        figures["storage_ratio_agentdojo"] = agentdojo_ratio(RUNS)
    return figures


def conversation(n: int, *, size: int, seed: int = 7) -> list[Message]:
    """Messages of random words, the frequent ones more often, so that they compress like text."""
    rnd = random.Random(seed)
    words = [
        "".join(rnd.choices("etaoinshrdlucmfwyp", k=rnd.randrange(2, 10))) for _ in range(4000)
    ]
    weights = [1 / rank for rank in range(1, len(words) + 1)]
    texts = [" ".join(rnd.choices(words, weights, k=size // 5))[:size] for _ in range(n)]
    return [
        {"role": "user" if at % 2 == 0 else "assistant", "content": text}
        for at, text in enumerate(texts)
    ]


def background_append_us(talk: Sequence[Message]) -> float:
    """CPU of the background thread for a call of 400 messages of which one is new."""
    tracker = Tracker(MemoryBlocks().put)
    snapshots = [snapshot(talk[:end]) for end in range(len(talk) - 60, len(talk) + 1)]
    tracker.feed(snapshots[0])
    costs: list[int] = []
    for data in snapshots[1:]:
        started = thread_time_ns()
        tracker.feed(data)
        costs.append(thread_time_ns() - started)
    return median(costs) / 1000


def loop_ratios(talk: Sequence[Message]) -> tuple[float, float]:
    """Stored bytes of a loop that says one message a call, by unique bytes: raw, and packed."""
    blocks = MemoryBlocks()
    tracker = Tracker(blocks.put)
    roots = [tracker.feed(snapshot(talk[:end])).root for end in range(1, len(talk) + 1)]
    unique = sum([len(canonical_bytes(message)) for message in talk])
    held = REFERENCE_BYTES * len(roots)
    return (blocks.size + held) / unique, (packed_bytes(roots, blocks) + held) / unique


def packed_bytes(roots: Iterable[Digest], blocks: MemoryBlocks) -> int:
    """Bytes of all bodies in walk order, joined to packs, each compressed."""
    compressor = zstandard.ZstdCompressor(level=3)
    seen: set[Digest] = set()
    packs, size = [b""], 0
    for root in roots:
        for _, body in walk(root, blocks.get, seen):
            if len(packs[-1]) + len(body) > PACK_BYTES:
                size += len(compressor.compress(packs.pop()))
                packs.append(b"")
            packs[-1] += body
    return size + len(compressor.compress(packs[-1]))


def agentdojo_ratio(directory: Path) -> float:
    """All runs in one project: every assistant message is a call with all messages before it."""
    blocks = MemoryBlocks()
    unique: set[bytes] = set()
    events = 0
    for file in sorted(directory.rglob("*.json")):
        messages = json.loads(file.read_text(encoding="utf-8")).get("messages", [])
        unique.update(map(canonical_bytes, messages))
        tracker = Tracker(blocks.put)
        for at, message in enumerate(messages):
            if message["role"] == "assistant":
                tracker.feed(snapshot(messages[:at]))
                encode(message, blocks.put)
                events += 2
    return (blocks.size + REFERENCE_BYTES * events) / sum(map(len, unique))
