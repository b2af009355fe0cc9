"""`python -m tests.soak`: eight readers and two adjudicators for a minute, each a process; prints what became of it."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from config.folders import REPOSITORY
from config.processes import LauncherError
from tests.bench.installation import Account, Site, installation
from tests.bench.report import machine, table

#: At one write a second and seven writes a case, so many cases last longer than the readers do.
WRITES_A_CASE = 5


def run(arguments: argparse.Namespace) -> int:
    with installation() as site:
        from tests.soak.filling import fill
        from tests.soak.judge import judged

        pooled = int(arguments.readers * (arguments.seconds / WRITES_A_CASE + 2))
        disputed = int(arguments.adjudicators * (arguments.seconds / 3 + 2))
        work = fill(arguments.readers, arguments.adjudicators, pooled, disputed)
        cases = ",".join(str(case.pk) for case in work.cases)
        people = [("reader", account, []) for account in work.readers]
        people += [("adjudicator", account, [str(work.panel.pk), cases]) for account in work.adjudicators]
        facts = _together(site, people, arguments.seconds)
        rows = judged(work, facts, arguments.seconds)
    print(f"{machine()}\n\n{table(rows)}")
    return 0 if all(row.ok is not False for row in rows) else 1


def _together(site: Site, people: Sequence[tuple[str, Account, list[str]]], seconds: float) -> list[dict[str, Any]]:
    """Starts a process for each person, lets them begin at once, and collects what they were told."""
    with ExitStack() as later:
        processes = []
        for place, (kind, account, more) in enumerate(people):
            offset = str(place / len(people))
            command = [sys.executable, "-m", f"tests.soak.{kind}", str(site.port), account.name, account.password]
            process = subprocess.Popen(
                [*command, offset, str(seconds), *more],
                cwd=REPOSITORY,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            later.callback(process.kill)
            processes.append((kind, process))
        facts = []
        for _, process in processes:  # everybody is logged in before anybody begins
            process.stdout.readline()  # type: ignore[union-attr]
        for _, process in processes:
            process.stdin.write("begin\n")  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
        for kind, process in processes:
            output, _ = process.communicate()
            facts += [{"by": kind, **json.loads(line)} for line in output.splitlines()]
            if process.returncode:
                facts.append({"by": kind, "what": "trouble", "at": "process", "status": process.returncode})
    return facts


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--readers", type=int, default=8)
    parser.add_argument("--adjudicators", type=int, default=2)
    try:
        return run(parser.parse_args())
    except LauncherError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
