"""Compare what constraints.txt pins with the known vulnerabilities: ``make audit``.

Fails on a vulnerability that is known. Where no advisory service can be reached, or pip-audit
cannot be installed, it says so and does not fail, unless INTERPLAY_REQUIRE_AUDIT=1: a check that
needs the network must not keep anybody from working without one.

pip-audit is pinned, as all that `make` installs, and lives in an environment of its own, so that
its dependencies are not among what is audited; the advisories are those of the day.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

REPOSITORY: Final = Path(__file__).parent.parent
FOLDER: Final = REPOSITORY / ".venv-audit"
TOOL: Final = "pip-audit==2.10.1"
SERVICES: Final = ("pypi", "osv")
PATIENCE: Final = 180
"""Seconds for the installation, and for each service."""


def main() -> int:
    """Return 1 for a known vulnerability, else 0."""
    try:
        python = installed()
    except (OSError, subprocess.SubprocessError) as error:
        return not_done(f"{TOOL} cannot be installed ({_brief(error)})")
    reasons = []
    for service in SERVICES:
        try:
            told, vulnerable = verdict(asked(python, service), service)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            reasons.append(f"{service}: {_brief(error)}")
            continue
        print(told)
        return int(vulnerable)
    return not_done("; ".join(reasons))


def installed() -> Path:
    """Return the Python that has pip-audit."""
    python = FOLDER / "bin" / "python"
    if not (FOLDER / TOOL).exists():
        venv.create(FOLDER, with_pip=True, clear=True)
        command = [python, "-m", "pip", "install", "-q", TOOL]
        subprocess.run(command, check=True, timeout=PATIENCE, capture_output=True, text=True)
        (FOLDER / TOOL).touch()
    return python


def asked(python: Path, service: str) -> Mapping[str, Any]:
    """Return what an advisory service says of all pins."""
    command = [
        *(python, "-m", "pip_audit", "--requirement", REPOSITORY / "constraints.txt"),
        *("--no-deps", "--disable-pip", "--vulnerability-service", service, "--timeout", "15"),
        *("--format", "json", "--progress-spinner", "off"),
    ]
    done = subprocess.run(command, timeout=PATIENCE, capture_output=True, text=True)
    try:  # its exit status is 1 for a vulnerability and for a service that fails
        told: Mapping[str, Any] = json.loads(done.stdout)
    except ValueError:
        last = (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]
        raise ValueError(last) from None
    return told


def verdict(told: Mapping[str, Any], service: str) -> tuple[str, bool]:
    """Return what was found, in words, and whether something is vulnerable.

    Raises
    ------
    ValueError
        nothing was compared: an index that is no advisory service knows none of the packages.

    Examples
    --------
    >>> fine = {"name": "a", "version": "1", "vulns": []}
    >>> verdict({"dependencies": [fine, {"name": "b", "skip_reason": "not found"}]}, "osv")
    ('audit: no known vulnerability in 1 package (by osv); not known there: b', False)
    """
    packages: Sequence[Mapping[str, Any]] = told["dependencies"]
    compared = [one for one in packages if "vulns" in one]
    skipped = [one["name"] for one in packages if "vulns" not in one]
    if not compared:
        raise ValueError(f"none of {len(packages)} packages is known there")
    found = [
        f"  {one['name']} {one['version']}: {each['id']}"
        + (f", mended in {', '.join(each['fix_versions'])}" if each.get("fix_versions") else "")
        for one in compared
        for each in one["vulns"]
    ]
    rest = f"; not known there: {', '.join(skipped)}" if skipped else ""
    noun = "package" if len(compared) == 1 else "packages"
    if found:
        return "\n".join([f"audit: known vulnerabilities (by {service}{rest}):", *found]), True
    return f"audit: no known vulnerability in {len(compared)} {noun} (by {service}){rest}", False


def not_done(reason: str) -> int:
    required = os.environ.get("INTERPLAY_REQUIRE_AUDIT") == "1"
    print(f"audit: NOT DONE, no advisory service could be asked: {reason}", file=sys.stderr)
    return int(required)


def _brief(error: Exception) -> str:
    told = getattr(error, "stderr", None) or str(error)
    return (str(told).strip().splitlines() or [type(error).__name__])[-1][:200]


if __name__ == "__main__":
    sys.exit(main())
