"""As StableNew2's: a lenient reader that gives None for what is no job."""

from dataclasses import dataclass, field


@dataclass
class NormalizedJobRecord:
    job_id: str
    base_model: str = "unknown"
    path_output_dir: str = ""
    config: dict = field(default_factory=dict)
    input_image_paths: list = field(default_factory=list)
    start_stage: str | None = None


def normalized_job_from_snapshot(snapshot):
    told = snapshot.get("normalized_job")
    if not isinstance(told, dict):
        return None
    return NormalizedJobRecord(
        told["job_id"], told.get("base_model", "unknown"), config=told.get("config", {})
    )
