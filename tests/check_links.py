"""Call each link of the built site that leads to another host, and list those that are broken.

The tests do not: another host may be slow or away, and a pull request should not fail for that. A workflow runs this
once a week. What stands on the site's own address is checked by tests/test_pages.py.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urldefrag

import requests
from lxml import html

TRIES = 3
TIMEOUT = 20  # seconds
BUSY = 429  # the host says: not now; that is no broken link


def external_links(site: Path, url: str) -> dict[str, str]:
    """Each address outside of the site, without its anchor, and the first page that links to it."""
    found: dict[str, str] = {}
    for page in sorted(site.rglob("*.html")):
        for link in html.fromstring(page.read_bytes()).iter("a"):
            address = urldefrag(link.get("href") or "").url
            if address.startswith(("http://", "https://")) and not f"{address}/".startswith(url):
                found.setdefault(address, page.relative_to(site).as_posix())
    return found


def fault(session: requests.Session, address: str, pause: float) -> str:
    """What is wrong with an address, after some tries; empty where nothing is."""
    for attempt in range(1, TRIES + 1):
        try:
            with session.get(address, timeout=TIMEOUT, stream=True) as answer:
                status = answer.status_code
        except requests.RequestException as error:
            message = type(error).__name__
        else:
            if status < 400 or status == BUSY:
                return ""
            message = f"status {status}"
            if status < 500:
                return message
        if attempt < TRIES:
            time.sleep(pause * attempt)
    return message


def check(site: Path, url: str, pause: float = 5) -> Iterator[str]:
    """Print each link as it is checked; yield those that are broken."""
    links = external_links(site, url)
    with requests.Session() as session:
        session.headers["User-Agent"] = "connect-api-docs (checks its own links)"
        for number, (address, page) in enumerate(links.items(), 1):
            message = fault(session, address, pause)
            print(f"{number}/{len(links)} {message or 'ok'}: {address} on {page}", flush=True)
            if message:
                yield address


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("site", type=Path, help="the folder that the site is built in")
    parser.add_argument("url", help="the address that it is built for, which ends with /")
    arguments = parser.parse_args()
    if not (arguments.site / "index.html").is_file():
        sys.exit(f"no site in {arguments.site}: build it with .ci/build-site")
    broken = list(check(arguments.site, arguments.url))
    if broken:
        sys.exit(f"broken: {len(broken)}")
    print("no link is broken")


if __name__ == "__main__":
    main()
