"""A StableNew snapshot as a job for the command `stablenew`: python make_job.py snapshot.json COUNT > job.json

COUNT is how many images its last stage leaves.
"""

import json
import sys
from pathlib import Path

snapshot = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
job = {
    "schema": "spool.job/1",
    "job_id": snapshot["normalized_job"].get("job_id"),
    "workload": {
        "kind": "command",
        "command": "stablenew",
        "arguments": {"snapshot": snapshot},
        "count": int(sys.argv[2]),
    },
}
print(json.dumps({key: value for key, value in job.items() if value is not None}, indent=2))
