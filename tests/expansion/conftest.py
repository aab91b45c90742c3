"""What the tests of expansion share."""

from datetime import UTC, datetime

import pytest

from spoolctl.spool import MANIFEST_SCHEMA, Manifest, Output, Verdict


@pytest.fixture
def a_commit() -> Manifest:
    """The commit of a job that made one image."""
    image = Output(
        path="a1/0000-1-upscale.png", bytes=9, sha256="ab" * 32, stage="upscale",
        image_index=0, final=True, seed_actual=7,
    )  # fmt: skip
    return Manifest(
        schema_=MANIFEST_SCHEMA, name="night.0001", attempt=1, verdict=Verdict.SUCCEEDED, by="s",
        worker="w", day="2026-11-21", final=True, ended_at=datetime(2026, 11, 21, tzinfo=UTC),
        outputs=(image,),
    )  # fmt: skip
