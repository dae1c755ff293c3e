"""Mapping files that are bombs, or no mapping files at all: refused soon, in little memory, and not shown."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time

import pytest

from pipelines.raw.mapping import BadMappingError, read_mapping

PASSWORDS = "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n"
READ = "import sys; from pathlib import Path; from pipelines.raw.mapping import read_mapping; read_mapping(Path(sys.argv[1]))"


def bomb(levels):
    """Each level holds the one before ten times."""
    lists = [f"  l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 10)}]" for i in range(1, levels)]
    return "\n".join(["tables:", "  l0: &l0 [a, a, a, a, a, a, a, a, a, a]", *lists, f"  deals: *l{levels - 1}\n"])


HOSTILE = {
    "aliases of aliases": bomb(12),
    "aliases in one list": "tables:\n  a: &a [" + "x," * 5000 + "]\n  deals: [" + "*a," * 5000 + "]\n",
    "nested lists": "tables: " + "[" * 200_000,
    "nested names": "tables: " + "{a: " * 50_000,
    "a long word": "tables: " + "a" * 10_000_000,
    "many names": "tables:\n" + "".join(f"  t{i}: 1\n" for i in range(200_000)),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_bomb_is_refused_in_bounded_time_and_memory(tmp_path, text):
    file = tmp_path / "own.yaml"
    file.write_text(text)

    def in_little_memory():
        resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
        resource.setrlimit(resource.RLIMIT_CPU, (20, 20))

    done = subprocess.run(
        [sys.executable, "-c", READ, str(file)],
        preexec_fn=in_little_memory,
        capture_output=True,
        text=True,
        check=False,
    )
    message = done.stderr.splitlines()[-1]
    assert "BadMappingError" in message, done.stderr[-500:]
    assert len(message) < 500


def test_aliases_that_repeat_little_are_taken(tmp_path):
    file = tmp_path / "own.yaml"
    columns = "{deal_id: no, kind: {constant: SELL}, price: p, occurred_at: at, ingested_at: at}"
    file.write_text(
        f"tables:\n  deals:\n    - {{from: a.csv, columns: &same {columns}}}\n    - {{from: b.csv, columns: *same}}\n"
    )
    assert [part.item.value for part in read_mapping(file).parts["deals"]] == ["a.csv", "b.csv"]


@pytest.mark.parametrize(
    "content",
    [
        PASSWORDS,
        "s3cret: root\ntoken: s3cret\n",
        "TOKEN=s3cret\nroot=1\n",
        "machine root login s3cret\n\tpassword s3cret\n",
        "- root: s3cret\n- s3cret\n",
        "[s3cret]\nroot = 1\n",
        "*s3cret root\n",
        "!s3cret root\n",
        "%s3cret root\n---\n",
        '{"auths": {"root": {"auth": "s3cret"}}, "auths": 1}',
        "-----BEGIN OPENSSH PRIVATE KEY-----\ns3cretroot\n",
        "'s3cret root\n",
    ],
)
def test_what_stands_in_a_file_that_is_no_mapping_is_not_shown(tmp_path, content):
    file = tmp_path / "own.yaml"
    file.write_text(content)
    with pytest.raises(BadMappingError, match=r"own\.yaml.*expected `tables:`") as caught:
        read_mapping(file)
    for secret in ("root", "s3cret", "daemon"):
        assert secret not in str(caught.value).replace(str(tmp_path), "")


def test_a_misspelt_top_is_answered_with_what_was_meant(tmp_path):
    file = tmp_path / "own.yaml"
    file.write_text("table:\n  deals: []\n")
    with pytest.raises(BadMappingError, match=r"own\.yaml:1: .* did you mean 'tables' by 'table'\?"):
        read_mapping(file)


def test_a_long_value_is_shown_shortened(tmp_path):
    file = tmp_path / "own.yaml"
    file.write_text(f"tables:\n  deals: {'a' * 5000}\n")
    with pytest.raises(BadMappingError, match="expected a list under deals") as caught:
        read_mapping(file)
    assert len(str(caught.value)) < 300


def test_what_is_no_file_is_not_waited_for(tmp_path):
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    began = time.monotonic()
    for place in (pipe, tmp_path, tmp_path / "none.yaml"):
        with pytest.raises(BadMappingError, match="expected a mapping file"):
            read_mapping(place)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("expression", ["(" * 300 + "no" + ")" * 300, "not " * 500 + "no", "no + " * 5000 + "no"])
def test_an_expression_that_is_too_long_or_nested_too_deep_is_told_with_its_line(desk, tmp_path, expression):
    desk.text("s.csv", "no\n1\n")
    columns = f"{{deal_id: no, kind: {{constant: SELL}}, price: '{expression}', occurred_at: no, ingested_at: no}}"
    file = tmp_path / "own.yaml"
    file.write_text(f"tables:\n  deals:\n    - from: s.csv\n      columns: {columns}\n")
    with pytest.raises(BadMappingError, match=r"own\.yaml:4: .*too long, or nested too deep") as caught:
        desk.load(mapping=read_mapping(file))
    assert len(str(caught.value)) < 400
