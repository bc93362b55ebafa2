"""Measure pages of a built site with Lighthouse and print a table; .ci/lighthouse starts this."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from harness.browser import find_chromium
from harness.host import host
from project import CONTENT_SECURITY_POLICY, ROOT

PAGES = ["", "quickstart/", "callback-types/errors/", "reference/client/"]
GATES = ("accessibility", "best-practices", "seo")
VALUES = ("largest-contentful-paint", "total-blocking-time", "cumulative-layout-shift", "total-byte-weight")
FLAGS = "--headless=new --disable-gpu --no-first-run --disable-background-networking --disable-component-update"
LIGHTHOUSE = ROOT / ".ci" / "browser-tools" / "node_modules" / "lighthouse" / "cli" / "index.js"


def measure(url: str) -> dict[str, Any]:
    """Open a page as a phone in a fresh browser and return what Lighthouse reports."""
    sandbox = " --no-sandbox" if hasattr(os, "geteuid") and os.geteuid() == 0 else ""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        ended = subprocess.run(
            [  # noqa: S607
                "node",
                str(LIGHTHOUSE),
                url,
                "--quiet",
                "--output=json",
                f"--output-path={report}",
                f"--chrome-flags={FLAGS}{sandbox} --host-resolver-rules='MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'",
            ],
            env={**os.environ, "CHROME_PATH": find_chromium() or ""},
            capture_output=True,
            text=True,
            check=False,
        )
        assert report.is_file(), f"Lighthouse ended with:\n{ended.stderr[-2000:]}"
        found: dict[str, Any] = json.loads(report.read_text())
    return found


def faults(report: dict[str, Any]) -> list[str]:
    """What keeps a page from the full score, where the score does not depend on the speed of the machine."""
    audits = report["audits"]
    found = [
        f"{name}: {audits[audit['id']]['title']}"
        for name in GATES
        if report["categories"][name]["score"] < 1
        for audit in report["categories"][name]["auditRefs"]
        if audit["weight"] and audits[audit["id"]]["score"] not in (None, 1)
    ]
    if audits["cumulative-layout-shift"]["numericValue"] > 0:
        found.append("something moves while the page loads")
    return found


def median(reports: list[dict[str, Any]], part: str, name: str, figure: str) -> float:
    return statistics.median(float(report[part][name][figure]) for report in reports)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="the built site")
    parser.add_argument("runs", type=int, help="how often each page is measured")
    arguments = parser.parse_args()
    print(f"{'page':24} accessibility best-practices seo  performance  LCP s  blocking ms  shift   KiB", flush=True)
    wrong = []
    with host(arguments.folder, CONTENT_SECURITY_POLICY) as url:
        for page in PAGES:
            reports = [measure(url + page) for _ in range(arguments.runs)]
            wrong += [f"{page or 'home'}: {fault}" for report in reports for fault in faults(report)]

            scores = {name: median(reports, "categories", name, "score") for name in (*GATES, "performance")}
            values = {name: median(reports, "audits", name, "numericValue") for name in VALUES}
            print(
                f"{page or 'home':24} {100 * scores['accessibility']:13.0f} {100 * scores['best-practices']:14.0f}"
                f" {100 * scores['seo']:3.0f}  {100 * scores['performance']:11.0f}"
                f"  {values['largest-contentful-paint'] / 1000:5.2f}  {values['total-blocking-time']:11.0f}"
                f"  {values['cumulative-layout-shift']:5.3f}  {values['total-byte-weight'] / 1024:4.0f}",
                flush=True,
            )
    print("\n".join(dict.fromkeys(wrong)), end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
