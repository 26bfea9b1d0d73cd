"""Whatever the bytes: a plan with totals that balance, or one clear error. 10,000 in a soak."""

from __future__ import annotations

import os
import random
import sys
import time
from pathlib import Path

import pytest

from pipeline.errors import InputError
from pipeline.plan.model import OktaAppRef
from pipeline.plan.yaml_text import dump_plan
from pipeline.source.reading import read_bytes
from pipeline.survey.draft import draft_plan
from pipeline.survey.survey import survey
from tests.effort import examples
from tests.source.tables import PACKS

ROOT = Path(__file__).parent.parent.parent
CASES = examples(500, soaked=10_000)
CASE_S_MAX = 10
GROWTH_BYTES_MAX = 1024**3
SPICE = [b'"', b'""', b",", b";", b"\t", b"|", b"^", b"\n", b"\r", b"\r\n", b"\0", b"\xff", b"\x80", b"\xe9"]
SPICE += [b"\xef\xbb\xbf", b"\xff\xfe", b"sep=;\n", b"Total", b"=", b"\xc3", b"\xe2\x80\xa8", b" ", b"@"]


def seeds() -> list[bytes]:
    sample = (ROOT / "csv" / "sample_medium_denormalized.csv").read_bytes()
    text = sample.decode()
    lines = text.splitlines()
    quoted = "\r\n".join('"' + line.replace(",", '","').replace("; ", ";\n") + '"' for line in lines)
    western = text.replace("Manager", "Geschäftsführer").replace("alice", "josé")
    return [
        quoted.encode(),
        text.replace(";", "/").replace(",", ";").encode("utf-8-sig"),
        text.replace(",", "\t").encode("utf-16"),
        western.encode("cp1252"),
        *(pack(sample) for pack in PACKS),
        ("Access report\nfor ERP\n\n" + text + "Total,45,,,,,\n").encode(),
    ]


def mutated(content: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.choice([1, 1, 2, 3, 8, 30])):
        at, end = sorted(rng.randrange(len(content) + 1) for _ in range(2))
        some = content[at : min(end, at + rng.choice([1, 4, 40, 400]))]
        content = rng.choice(
            [
                content[:at] + rng.choice(SPICE) + content[at:],
                content[:at] + rng.choice(SPICE) + content[at + 1 :],
                content[:at] + bytes([rng.randrange(256)]) + content[at + 1 :],
                content[:at] + content[at + len(some) :],
                content[:at] + some * rng.choice([2, 3, 50]) + content[at:],
                content[:at],
                content[at:],
                content[:end] + rng.choice(SPICE) * rng.choice([5, 500]) + content[end:],
            ]
        )
    return content


def memory_bytes() -> int:
    resource = pytest.importorskip("resource")
    peak: int = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def test_mutated_bytes_give_a_plan_or_one_clear_error_in_little_time_and_memory() -> None:
    before = memory_bytes()
    only = os.environ.get("OKTA_PLAN_SEED")
    for number in [int(only)] if only else range(CASES):
        rng = random.Random(number)
        content = mutated(rng.choice(seeds()), rng)
        started = time.perf_counter()
        try:
            surveyed = survey(read_bytes(content, "csv/a.csv", rejects_max=rng.choice([0, 100, 10_000])))
        except InputError as error:
            explained = bool(error.detail and error.next_step)
        except BaseException as error:
            error.add_note(f"seed {number}: OKTA_PLAN_SEED={number} runs it alone")
            raise
        else:
            totals = surveyed.totals
            explained = True
            left_out = sum(totals.excluded.values()) + sum(totals.rejected.values())
            assert totals.rows == totals.used + left_out, number
            assert dump_plan(draft_plan(surveyed, okta_app=OktaAppRef(label="ERP"), name="t")), number
        assert explained, number
        assert time.perf_counter() - started < CASE_S_MAX, number
    assert memory_bytes() - before < GROWTH_BYTES_MAX
