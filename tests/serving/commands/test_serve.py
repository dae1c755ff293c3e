"""`tidemark serve`, as its user meets it."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("host", ["10.0.0.1", "::", "192.168.1.7", "scorer.example"])
def test_to_serve_other_machines_must_be_said(tidemark, host):
    refused = tidemark("serve", "--host", host)
    assert refused.exit_code == 2
    assert "--without-access-control" in refused.output
    assert "features and predictions" in refused.output
