"""The records: every file in the spool as an immutable, typed value. See docs/FORMAT.md."""

from spoolctl.spool.records.base import (
    LOG_TAIL_CHARS_MAX,
    RECORD_BYTES_MAX,
    Record,
    Submitted,
)
from spoolctl.spool.records.comfyui import (
    ComfyUIWorkload,
    WorkflowInput,
    WorkflowOutput,
)
from spoolctl.spool.records.command import CommandName, CommandWorkload, stage_of_command
from spoolctl.spool.records.doctor import (
    DOCTOR_SCHEMA,
    Diagnosis,
    Finding,
    Meeting,
    Severity,
)
from spoolctl.spool.records.figures import FIGURES_SCHEMA, LOAD, FigureRow, Figures, Sample
from spoolctl.spool.records.group import (
    GROUP_RESULT_SCHEMA,
    GROUP_SCHEMA,
    OPEN,
    GroupDefinition,
    GroupImage,
    GroupJob,
    GroupResult,
    MemberState,
    Series,
)
from spoolctl.spool.records.image import (
    PIXELS_MAX,
    STAGE_NAMES,
    ADetailer,
    Hires,
    ImageStage,
    ImageWorkload,
    Img2Img,
    Refiner,
    Sampling,
    Txt2Img,
    Upscale,
)
from spoolctl.spool.records.job import (
    CLASSES,
    JOB_SCHEMA,
    Dropped,
    Input,
    Job,
    JobClass,
    Limits,
    ModelNeed,
    Need,
    OwnChain,
    Requires,
    StableNewWorkload,
    Stage,
    When,
)
from spoolctl.spool.records.live import (
    HEARTBEAT_SCHEMA,
    NODE_SCHEMA,
    PROTOCOL_VERSION,
    Heartbeat,
    ModelHere,
    Node,
)
from spoolctl.spool.records.manifest import (
    MANIFEST_SCHEMA,
    OUTPUT_TEXT_CHARS_MAX,
    BackendUsed,
    Code,
    Counts,
    Manifest,
    Output,
    Ran,
    StageTiming,
    Verdict,
    VramSeen,
)
from spoolctl.spool.records.notes import (
    APPROVAL_SCHEMA,
    HOLDER_SCHEMA,
    PRUNED_SCHEMA,
    REASON_SCHEMA,
    REQUEST_SCHEMA,
    Approval,
    Holder,
    Pruned,
    Reason,
    Request,
)
from spoolctl.spool.records.notified import (
    NOTIFIED_SCHEMA,
    GroupNotified,
    Letter,
    Notified,
    Tone,
    Trouble,
)
from spoolctl.spool.records.plan import (
    PLAN_SCHEMA,
    LearningPlan,
    PackUse,
    Plan,
    SeedRange,
    SlotMatrix,
)
from spoolctl.spool.records.settings import (
    FORMAT_VERSION,
    SETTINGS_SCHEMA,
    Choosing,
    Modes,
    Pool,
    Retention,
    Retry,
    Settings,
)
from spoolctl.spool.records.stages import STAGES_SCHEMA, StageDone, StagesDone
from spoolctl.spool.records.text import TEXT_BYTES_MAX, TextWorkload

__all__ = [
    "APPROVAL_SCHEMA", "CLASSES", "DOCTOR_SCHEMA", "FIGURES_SCHEMA", "FORMAT_VERSION", "GROUP_RESULT_SCHEMA",
    "GROUP_SCHEMA", "HEARTBEAT_SCHEMA", "HOLDER_SCHEMA", "JOB_SCHEMA", "LOAD", "LOG_TAIL_CHARS_MAX",
    "MANIFEST_SCHEMA", "NODE_SCHEMA", "NOTIFIED_SCHEMA", "OPEN", "OUTPUT_TEXT_CHARS_MAX", "PIXELS_MAX", "PLAN_SCHEMA",
    "PROTOCOL_VERSION", "PRUNED_SCHEMA", "REASON_SCHEMA", "RECORD_BYTES_MAX", "REQUEST_SCHEMA", "SETTINGS_SCHEMA",
    "STAGES_SCHEMA", "STAGE_NAMES", "TEXT_BYTES_MAX", "ADetailer", "Approval", "BackendUsed", "Choosing", "Code",
    "ComfyUIWorkload", "CommandName", "CommandWorkload", "Counts", "Diagnosis", "Dropped", "FigureRow", "Figures",
    "Finding", "GroupDefinition", "GroupImage", "GroupJob", "GroupNotified", "GroupResult", "Heartbeat", "Hires", "Holder",
    "ImageStage", "ImageWorkload", "Img2Img", "Input", "Job", "JobClass", "LearningPlan", "Letter", "Limits", "Manifest",
    "Meeting", "MemberState", "ModelHere", "ModelNeed", "Modes", "Need", "Node", "Notified", "Output", "OwnChain", "PackUse",
    "Plan", "Pool", "Pruned", "Ran", "Reason", "Record", "Refiner", "Request", "Requires", "Retention", "Retry",
    "Sample", "Sampling", "SeedRange", "Series", "Settings", "Severity", "SlotMatrix", "StableNewWorkload",
    "Stage", "StageDone", "StageTiming", "StagesDone", "Submitted", "TextWorkload", "Tone", "Trouble", "Txt2Img", "Upscale",
    "Verdict", "VramSeen", "When", "WorkflowInput", "WorkflowOutput", "stage_of_command",
]  # fmt: skip
