"""What must be true of a database after any fault: the promises of ingestion, asked of its rows."""

from __future__ import annotations

from dataclasses import dataclass, field

from stack import Database


@dataclass(slots=True)
class Ledger:
    """What one sender of one run knows: the sequence numbers it sent, and had acknowledged."""

    run_id: str
    sent: set[int] = field(default_factory=set[int])
    acknowledged: set[int] = field(default_factory=set[int])


def breaches(database: Database, ledger: Ledger) -> list[str]:
    """Every promise that is broken for this run; none if all is well."""
    rows = database.sql(
        "select seq, sequence_no, encode(event_id, 'hex'), digest = sha256(body) from event "
        f"where run_id = '{ledger.run_id}' order by seq"
    ).splitlines()
    fields = [row.split("\t") for row in rows]
    seqs = [int(row[0]) for row in fields]
    numbers = [int(row[1]) for row in fields]
    head = database.sql(f"select head from run where run_id = '{ledger.run_id}'")
    checks = {
        "acknowledged and not stored": ledger.acknowledged <= set(numbers),
        "stored and never sent": set(numbers) <= ledger.sent,
        "seq has holes": seqs == list(range(len(seqs))),
        "order of the writer is lost": numbers == sorted(numbers),
        "an event is stored twice": len({row[2] for row in fields}) == len(fields),
        "a body is not its digest's": all(row[3] == "t" for row in fields),
        "head is not the last seq": int(head) == len(seqs) - 1,
    }
    return [f"{ledger.run_id}: {name}" for name, holds in checks.items() if not holds]
