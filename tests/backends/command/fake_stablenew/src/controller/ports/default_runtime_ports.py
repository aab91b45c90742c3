"""As StableNew2's ports, with a pipeline that draws: folders and names with blanks, status by stage, checkpoints after each.

``config.fake`` of the job says what goes wrong.
"""

import json
import threading
from dataclasses import dataclass
from pathlib import Path

from PIL import Image


@dataclass
class PipelineRunResult:
    success: bool
    error: str | None = None


class SDWebUIClient:
    def __init__(self, base_url):
        self.base_url = base_url


class PipelineRunner:
    def __init__(self, api_client, structured_logger, *, status_callback=None):
        assert structured_logger is not None
        self.client, self.status = api_client, status_callback

    def run_njr(self, njr, cancel_token=None, log_fn=None, run_plan=None, checkpoint_callback=None):
        fake = njr.config.get("fake", {})
        print("INFO StableNew says much on its standard output")  # noqa: T201
        if "raises" in fake:
            raise ConnectionError(fake["raises"])
        if "error" in fake:
            return PipelineRunResult(success=False, error=fake["error"])
        folder = Path(njr.path_output_dir) / "Pipeline" / "20261120_181256_Test_Matrix_-none"
        (folder / "manifests").mkdir(parents=True)
        (folder / "run_metadata.json").write_text(json.dumps({"run_id": folder.name}))
        stages = fake.get("stages", ["txt2img", "adetailer", "upscale"])
        paths = list(njr.input_image_paths)
        for number, stage in enumerate(stages):
            self.status(
                {
                    "current_stage": stage,
                    "stage_index": number,
                    "total_stages": len(stages),
                    "progress": 0.5,
                }
            )
            if fake.get("hangs") == stage:
                threading.Event().wait()
            if stage not in fake.get("changes_nothing", []):
                paths = [
                    self._draw(folder, stage, index, number) for index in range(len(paths) or 2)
                ]
            checkpoint_callback(stage, list(paths), {"image_count": len(paths)})
        return PipelineRunResult(success=True)

    def _draw(self, folder, stage, index, number):
        path = folder / f"{stage}_p01_v02_Test Matri_fb227a4e_batch{index}.png"
        Image.new("RGB", (8, 8), (40 * number + 40, 90 + index, 120)).save(path)
        # The seed of the first image, for all of them.
        manifest = {"stage": stage, "seed": -1, "actual_seed": 500 if stage == "txt2img" else None}
        (folder / "manifests" / f"{path.stem}.json").write_text(json.dumps(manifest))
        return str(path)


class DefaultImageRuntimePorts:
    def create_client(self, *, base_url):
        return SDWebUIClient(base_url)

    def create_runner(self, *, api_client, structured_logger, status_callback=None):
        return PipelineRunner(api_client, structured_logger, status_callback=status_callback)
