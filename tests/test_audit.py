"""The audit of dependencies: what it makes of what pip-audit tells."""

from __future__ import annotations

import pytest
from scripts import audit

FINE = {"name": "fine", "version": "1.0", "vulns": []}
BAD = {
    "name": "bad",
    "version": "2.0",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1", "3.0"]}, {"id": "GHSA-2"}],
}
UNKNOWN = {"name": "unknown", "skip_reason": "Dependency not found on PyPI"}


def test_a_known_vulnerability_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(audit, "installed", lambda: audit.Path("python"))
    monkeypatch.setattr(audit, "asked", lambda python, service: {"dependencies": [FINE, BAD]})
    assert audit.main() == 1
    assert capsys.readouterr().out == (
        "audit: known vulnerabilities (by pypi):\n"
        "  bad 2.0: PYSEC-1, mended in 2.1, 3.0\n  bad 2.0: GHSA-2\n"
    )


def test_none_is_told_with_what_was_not_compared() -> None:
    assert audit.verdict({"dependencies": [FINE, FINE, UNKNOWN]}, "osv") == (
        "audit: no known vulnerability in 2 packages (by osv); not known there: unknown",
        False,
    )


@pytest.mark.parametrize("required", [False, True])
def test_a_service_that_cannot_be_asked_is_said(
    required: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def asked(python: object, service: str) -> dict[str, object]:
        if service == "osv":
            raise audit.subprocess.TimeoutExpired("pip-audit", 180)
        return {"dependencies": [UNKNOWN]}

    monkeypatch.setattr(audit, "installed", lambda: audit.Path("python"))
    monkeypatch.setattr(audit, "asked", asked)
    monkeypatch.setenv("INTERPLAY_REQUIRE_AUDIT", str(int(required)))
    assert audit.main() == int(required)
    told = capsys.readouterr().err
    assert told.startswith("audit: NOT DONE, no advisory service could be asked: pypi: none of 1 ")
    assert "osv: Command 'pip-audit' timed out" in told


def test_no_tool_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def installed() -> audit.Path:
        raise audit.subprocess.CalledProcessError(1, "pip", stderr="a\nno matching distribution\n")

    monkeypatch.setattr(audit, "installed", installed)
    monkeypatch.delenv("INTERPLAY_REQUIRE_AUDIT", raising=False)
    assert audit.main() == 0
    assert "pip-audit==2.10.1 cannot be installed (no matching" in capsys.readouterr().err
