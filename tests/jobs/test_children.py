"""A child process under supervision: what it says, how it may end, and that nothing of it is left."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from config.processes import alive, wait_until
from labeling.imaging.refusal import Refusal
from labeling.jobs import children, queue
from labeling.jobs.children import Ended, supervise
from labeling.jobs.queue import Lease, LeaseLost
from labeling.models import Job, JobState
from tests.jobs.conftest import REPOSITORY, database_away, folder_of, gone

pytestmark = pytest.mark.django_db(transaction=True)

TIED = "from labeling.jobs.child import tie_to_parent; tie_to_parent()\n"


def run(lease: Lease, program: str, **options: Any) -> Ended:
    """Supervise a child that runs this program, as a worker would."""
    with lease:
        return supervise(lease, [sys.executable, "-c", TIED + program], folder=folder_of(lease.job), **options)


def ended(lease: Lease) -> Job:
    lease.finish(JobState.DONE)
    return Job.objects.get(pk=lease.job.pk)


def test_what_a_child_says_stands_in_the_row(claimed: Lease):
    run(
        claimed,
        """
import json, sys
def say(**message): print(json.dumps(message), flush=True)
say(stage="Planning", share=0.1)
for epoch in range(3): say(curve="train loss", x=epoch, y=1 / (epoch + 1))
say(curve="Dice", x=0, y=float("nan"))
print("a word beside it")
print("a warning", file=sys.stderr)
say(stage="Training", share=0.05)
""",
    )
    job = ended(claimed)
    assert job.curves == {"train loss": [[0, 1.0], [1, 0.5], [2, 1 / 3]], "Dice": [[0, None]]}
    assert set(job.log_tail.splitlines()) == {"a word beside it", "a warning"}
    assert claimed.journal.stage == "Training"
    assert claimed.journal.share == 0.1


def test_a_child_that_is_a_part_of_the_work_moves_the_progress_by_that_part(claimed: Lease):
    program = """
import json
print(json.dumps({"stage": "Half", "share": 0.5}))
print(json.dumps({"stage": "Nowhere", "share": float("nan")}))
"""
    run(claimed, program, shares=(0.2, 0.8))
    assert (claimed.journal.stage, claimed.journal.share) == ("Nowhere", pytest.approx(0.5))


def test_progress_is_seen_from_outside_while_the_child_works(claimed: Lease, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(queue, "WRITE_EVERY_SECONDS", 0.05)
    seen: list[tuple[str, float]] = []

    def look() -> None:
        while not seen or seen[-1][0] != "Third":
            seen.append(Job.objects.values_list("stage", "progress").get(pk=claimed.job.pk))
            time.sleep(0.02)
        connection.close()

    watcher = threading.Thread(target=look)
    watcher.start()
    run(
        claimed,
        """
import json, time
for number, stage in enumerate(["First", "Second", "Third"]):
    print(json.dumps({"stage": stage, "share": number / 3}), flush=True)
    time.sleep(0.5)
""",
    )
    watcher.join(5)
    assert [stage for stage in ("First", "Second", "Third") if stage in dict(seen)] == ["First", "Second", "Third"]


def test_garbage_half_characters_and_endless_lines_do_no_harm(claimed: Lease):
    run(
        claimed,
        """
import os, sys
out = sys.stdout.buffer
out.write(b"\\xff\\xfe\\x00 no UTF-8 \\xe2\\x82\\n" + os.urandom(200_000) + b"\\n")
out.write(b'{"stage": "\\\\ud800 half \\\\u0000", "share": 1e999}\\n{"stage": 1}\\n{]\\n')
for _ in range(50): out.write(b"x" * 1_000_000)
out.write(b"\\nthe end")
""",
    )
    job = ended(claimed)
    assert len(job.log_tail.encode()) <= 20_000
    assert job.log_tail.endswith("the end")


def test_a_child_that_refuses_gives_its_own_sentence(claimed: Lease):
    with pytest.raises(Refusal) as refused:
        run(
            claimed,
            """
import json, sys
print(json.dumps({"refused": "empty-mask", "sentence": "The model found nothing. Choose another model."}), flush=True)
sys.exit(3)
""",
        )
    assert (refused.value.code, refused.value.sentence[:24]) == ("empty-mask", "The model found nothing.")


def test_a_child_that_stops_is_quoted_with_its_error_not_with_what_came_after(claimed: Lease):
    with pytest.raises(Refusal) as refused:
        run(
            claimed,
            """
import atexit, sys
atexit.register(lambda: print("a leaked semaphore", file=sys.stderr))
raise ValueError("fold 3 is missing")
""",
        )
    assert refused.value.code == "child-ended"
    assert "ValueError: fold 3 is missing" in refused.value.sentence
    assert "exit status 1" in refused.value.sentence


def test_a_full_disk_is_said_in_a_sentence(claimed: Lease):
    with pytest.raises(Refusal) as refused:
        run(claimed, "open('/dev/full', 'wb', buffering=0).write(b'x')")
    assert refused.value.code == "disk-full"
    assert "Free some space" in refused.value.sentence


@pytest.mark.parametrize(
    ("program", "code"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "out-of-memory"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGBUS)", "shared-memory"),
        ("raise MemoryError", "out-of-memory"),
        ("raise SystemExit(7)", "child-ended"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "child-ended"),
    ],
)
def test_every_violent_end_has_a_code_and_says_what_to_do(claimed: Lease, program: str, code: str):
    with pytest.raises(Refusal) as refused:
        run(claimed, program)
    assert refused.value.code == code
    assert "start this job again" in refused.value.sentence


def test_a_child_that_takes_too_much_memory_is_ended_with_its_helpers(claimed: Lease):
    begun = time.monotonic()
    with pytest.raises(Refusal) as refused:
        run(
            claimed,
            """
import pathlib, subprocess, sys, time
hungry = "import time; much = bytearray(80_000_000); time.sleep(60)"
helpers = [subprocess.Popen([sys.executable, "-c", hungry]) for _ in range(2)]
pathlib.Path("helpers").write_text(" ".join(str(one.pid) for one in helpers))
time.sleep(60)
""",
            memory_bytes=150_000_000,
        )
    assert refused.value.code == "out-of-memory"
    assert "0.1 GB are allowed" in refused.value.sentence
    assert time.monotonic() - begun < 20
    assert all(gone(int(pid)) for pid in (folder_of(claimed.job) / "helpers").read_text().split())


def test_the_most_memory_that_was_held_is_told(claimed: Lease):
    held = run(claimed, "import time; much = bytearray(100_000_000); time.sleep(1.5)")
    assert held.peak_bytes > 100_000_000
    assert held.seconds > 1.4


HELPERS = """
import pathlib, signal, subprocess, sys, time
stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(600)"
helper = subprocess.Popen([sys.executable, "-c", stubborn], stdout=subprocess.PIPE)
helper.stdout.readline()
pathlib.Path("helper").write_text(str(helper.pid))
"""


def test_what_a_child_leaves_behind_ends_with_it(claimed: Lease):
    run(claimed, HELPERS)
    assert gone(int((folder_of(claimed.job) / "helper").read_text()), 1.0)


def test_cancel_ends_the_child_and_a_helper_that_ignores_the_request(claimed: Lease):
    folder = folder_of(claimed.job)
    cancelled_at: list[float] = []

    def stop() -> None:
        wait_until(lambda: (folder / "helper").exists() and (folder / "helper").read_text() != "", 20)
        cancelled_at.append(time.monotonic())
        queue.cancel(claimed.job.key)
        connection.close()

    person = threading.Thread(target=stop)
    person.start()
    with pytest.raises(LeaseLost):
        run(claimed, HELPERS + "time.sleep(600)")
    person.join()
    assert time.monotonic() - cancelled_at[0] < 6
    assert gone(int((folder / "helper").read_text()), 0.5)
    job = Job.objects.get(pk=claimed.job.pk)
    assert (job.state, job.message) == ("cancelled", "Stopped by a person.")
    assert not claimed.finish(JobState.DONE)


def test_a_child_works_on_while_the_database_is_away(claimed: Lease, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(queue, "HEARTBEAT_SECONDS", 0.2)
    monkeypatch.setattr(children, "LOOK_EVERY_SECONDS", 0.2)
    folder = folder_of(claimed.job)

    def switch() -> None:
        wait_until(lambda: (folder / "begun").exists(), 20)
        with database_away():
            (folder / "away").touch()
            wait_until(lambda: (folder / "said").exists(), 20)
            time.sleep(1.0)
        (folder / "back").touch()

    server = threading.Thread(target=switch)
    server.start()
    run(
        claimed,
        """
import json, pathlib, time
pathlib.Path("begun").touch()
while not pathlib.Path("away").exists(): time.sleep(0.02)
print(json.dumps({"stage": "Said in the dark", "share": 0.5}), flush=True)
print("a line in the dark", flush=True)
pathlib.Path("said").touch()
while not pathlib.Path("back").exists(): time.sleep(0.02)
time.sleep(1.0)
""",
    )
    server.join()
    job = Job.objects.get(pk=claimed.job.pk)
    assert (job.state, job.stage, job.progress, job.log_tail) == (
        "running",
        "Said in the dark",
        0.5,
        "a line in the dark",
    )
    assert claimed.finish(JobState.DONE)


def test_the_record_s_keys_stay_with_the_worker(claimed: Lease):
    run(claimed, "import os, pathlib; pathlib.Path('environment').write_text('\\n'.join(os.environ))")
    names = (folder_of(claimed.job) / "environment").read_text().splitlines()
    assert "SAGITTAL_IDENTITY_KEYS" in os.environ
    assert not {"SAGITTAL_IDENTITY_KEYS", "SAGITTAL_PSEUDONYM_KEY", "SAGITTAL_SECRET_KEY", "DATABASE_URL"} & set(names)


def test_a_child_gives_way_to_reading(claimed: Lease):
    run(claimed, "import os, pathlib; pathlib.Path('nice').write_text(str(os.nice(0)))", nice=7)
    assert int((folder_of(claimed.job) / "nice").read_text()) == min(19, os.nice(0) + 7)


def test_a_program_started_by_hand_is_tied_to_nobody(tmp_path: Path):
    script = TIED + "import sys; print(sys.stdin.read())"
    said = subprocess.run(
        [sys.executable, "-c", script], input=b"typed", capture_output=True, cwd=REPOSITORY, timeout=30, check=True
    )
    assert said.stdout.strip() == b"typed"


def test_a_child_dies_with_the_process_that_supervises_it(tmp_path: Path):
    """Not a worker here, only its pipe: what kill -9 of a whole worker does is in test_workers."""
    script = f"{TIED}import os; os.chdir({str(tmp_path)!r})\n{HELPERS}\nwhile True: pass"
    child = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, cwd=REPOSITORY, start_new_session=True
    )
    assert wait_until(lambda: (tmp_path / "helper").exists() and (tmp_path / "helper").read_text() != "", 20)
    helper = int((tmp_path / "helper").read_text())
    assert alive(helper)
    assert child.stdin is not None
    child.stdin.close()
    assert child.wait(5) == -9
    assert gone(helper)
