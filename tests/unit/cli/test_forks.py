"""The words of `forkpoint replay` become the edits and policies of the replay engine."""

from __future__ import annotations

from pathlib import Path

import pytest
from forkpoint.replay.edits import read_edits as engine_edits
from forkpoint.replay.policy import read_policy
from forkpoint_cli.errors import CliError
from forkpoint_cli.forks import parse_edit, read_edits, read_policy_file, with_mode


@pytest.mark.parametrize(
    ("argument", "edit"),
    [
        ('output={"ok": true}', {"kind": "output", "value": {"ok": True}}),
        ("output=plain words", {"kind": "output", "value": "plain words"}),
        ("model=small-1", {"kind": "model", "value": "small-1"}),
        ("fail=429", {"kind": "fail", "value": 429}),
        (
            "params./temperature=0",
            {
                "kind": "params",
                "patch": [{"op": "add", "path": "/temperature", "value": 0}],
            },
        ),
    ],
)
def test_an_edit_argument_is_an_edit_the_engine_takes(argument: str, edit: dict[str, object]):
    assert parse_edit(argument) == edit
    assert len(engine_edits([edit])) == 1


def test_a_value_may_come_from_a_file(tmp_path: Path):
    (tmp_path / "clean.json").write_text('"a clean letter"')

    edit = parse_edit(f"output=@{tmp_path}/clean.json")

    assert edit["value"] == "a clean letter"


def test_one_place_takes_all_edits_and_several_are_paired_in_order():
    assert [place for place, _ in read_edits(["412"], ["model=a", "fail=429"])] == ["412", "412"]
    assert [place for place, _ in read_edits(["1", "r#0.3"], ["fail=1", "fail=2"])] == [
        "1",
        "r#0.3",
    ]


@pytest.mark.parametrize(
    ("at", "edits"), [([], ["fail=429"]), (["1", "2"], ["fail=429"]), (["1"], ["nonsense"])]
)
def test_edits_that_do_not_say_where_or_what_are_refused(at: list[str], edits: list[str]):
    with pytest.raises(CliError):
        read_edits(at, edits)


def test_a_policy_may_be_yaml_and_a_mode_sets_its_default(tmp_path: Path):
    path = tmp_path / "policy.yaml"
    path.write_text("policy: forkpoint.policy/1\nrules:\n  - {match: {kind: tool}, mode: cached}\n")

    policy = read_policy(with_mode(read_policy_file(path), "live"))

    assert (policy.default.mode, policy.rules[0].mode) == ("live", "cached")


@pytest.mark.parametrize(
    "text", ["a: &x 1\nb: *x\n", "a: !!python/name:os.system x\n", "- 1\n", "{"]
)
def test_yaml_that_is_more_than_data_is_refused(text: str, tmp_path: Path):
    path = tmp_path / "policy.yaml"
    path.write_text(text)

    with pytest.raises(CliError):
        read_policy_file(path)
