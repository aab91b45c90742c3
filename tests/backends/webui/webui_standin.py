"""A WebUI made of the facts known about the real one, over real HTTP: refuses what that refuses, and is silently wrong where that is.

It samples in steps. A step takes no time, unless ``pause_at`` holds it: then it waits until the test lets it go on, or an interrupt.
"""

import base64
import contextlib
import io
import json
import socket
import threading
from http.server import ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from PIL.Image import Resampling
from PIL.PngImagePlugin import PngInfo
from webui_handler import handler_of
from webui_sampling import (
    DETAILER,
    SAMPLERS,
    SCHEDULERS,
    Failure,
    Sampling,
    decode,
    http_error,
    picture,
    raised,
    words,
)

DEFAULTS = {
    "sd_model_checkpoint": "sd15.safetensors",
    "sd_vae": "Automatic",
    "CLIP_stop_at_last_layers": 1,
    "eta_noise_seed_delta": 0,
    "randn_source": "GPU",
    "samples_format": "png",
    "upscaler_for_img2img": None,
    "lora_add_hashes_to_infotext": True,
    "enable_pnginfo": True,
    "sd_checkpoint_hash": None,
}
FIELDS = words(
    "prompt negative_prompt styles seed subseed subseed_strength seed_resize_from_h seed_resize_from_w sampler_name"
    " scheduler batch_size n_iter steps cfg_scale width height restore_faces tiling do_not_save_samples do_not_save_grid eta"
    " denoising_strength override_settings override_settings_restore_afterwards refiner_checkpoint refiner_switch_at"
    " script_name script_args send_images save_images alwayson_scripts force_task_id infotext"
)
TXT2IMG = words(
    "enable_hr hr_scale hr_upscaler hr_second_pass_steps hr_resize_x hr_resize_y hr_checkpoint_name hr_sampler_name"
    " hr_scheduler hr_prompt hr_negative_prompt"
)
IMG2IMG = words(
    "init_images resize_mode mask mask_blur inpainting_fill inpaint_full_res include_init_images"
)
EXTRAS = words(
    "image resize_mode upscaling_resize upscaling_resize_w upscaling_resize_h upscaling_crop upscaler_1 upscaler_2"
    " extras_upscaler_2_visibility gfpgan_visibility codeformer_visibility codeformer_weight upscale_first"
)


def sha256_of(short):
    return f"{short * 6}abcd"


NEAREST, LANCZOS = Resampling.NEAREST, Resampling.LANCZOS


class StandIn:
    """The server; a context manager that starts and stops it."""

    is_on_card = True
    """False once its checkpoint was moved to the machine's memory; only Forge moves it back by itself."""

    def __init__(self, *, forge=False, ui=False, api_auth=None, port=0):
        self.forge, self.ui, self.api_auth, self.port = forge, ui, api_auth, port
        self.models = {"sd15": "aaaaaaaaaa", "other": "bbbbbbbbbb"}  # as the server listed them
        self.on_disk = dict(self.models)
        self.broken_models = set()
        self.vaes = {"nice.vae.pt": "/models/VAE/nice.vae.pt"}
        self.loras = {"detail": "add-detail"}
        self.loras_on_disk = set(self.loras)
        self.broken_loras = set()
        self.upscalers = {
            "None": None, "Lanczos": None, "Nearest": None, "ESRGAN_4x": "https://example.org/esrgan.pth",
            "R-ESRGAN 4x+": "/models/RealESRGAN/x4.pth",
        }  # fmt: skip
        self.broken_upscalers = set()
        self.scripts = ["ADetailer", "ControlNet", "Extra options", "Sampler", "Refiner", "Seed"]
        self.styles = ["noir"]
        self.cuda = {
            "system": {"free": 1, "used": 1, "total": 2},
            "reserved": {"current": 3 * 2**30, "peak": 4 * 2**30},
            "events": {"retries": 0, "oom": 0},
        }
        # what a test may break
        self.finds_faces = True
        self.script_raises = False
        self.script_exhausts = False
        self.controlnet_raises = False
        self.fail_next = []
        """(path's end, status, body) of failures to come."""
        self.truncate = False
        self.short_by = 0
        self.force_model = None
        self.drop_next = False
        """Close the connection of the next generation in the midst of it; the job goes on."""
        self.answer_garbage = False
        self.pause_at = None
        self.extra_images = 0
        self.interrupts_itself_at = None
        """The step at which somebody presses the page's button."""
        self.forgets_settings = {}
        """Settings that it answers 200 to and does not keep, and what they stay."""
        self.ignored_options = set()
        # its state
        self.options = dict(DEFAULTS)
        self.data = {"sd_model_checkpoint"}
        """Settings that its configuration file has: only these are put back after an override."""
        if forge:
            del self.options["sd_vae"]
            self.options["forge_additional_modules"] = []
        self.loaded = "sd15"
        self.queue_lock = threading.Lock()
        self.changed = threading.Condition()
        self.state = {
            "skipped": False, "interrupted": False, "stopping_generation": False, "job": "", "job_count": 0,
            "job_timestamp": "0", "job_no": 0, "sampling_step": 0, "sampling_steps": 0,
        }  # fmt: skip
        self.jobs = 0
        self.current_task = None
        self.asked = []
        """(method, path, body) of every call, in order."""
        self.hung = threading.Event()
        """Set: nothing is answered any more until it is cleared."""
        self.closing = False
        self.connections = set()

    def __enter__(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), handler_of(self))
        self.server.daemon_threads = False
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()
        return self

    def __exit__(self, *_):
        with self.changed:
            self.closing = True
            self.pause_at = None
            self.hung.clear()
            self.changed.notify_all()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    # -- what a test does

    def stop_listening(self):
        """As after SIGTERM: nothing more is taken, and what runs goes on."""
        self.server.shutdown()
        self.server.socket.close()

    def kill(self):
        """As kill -9: every connection breaks, and nothing listens any more."""
        self.stop_listening()
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def go_on(self):
        with self.changed:
            self.pause_at = None
            self.changed.notify_all()

    def wait_until_paused(self):
        with self.changed:
            assert self.changed.wait_for(self.is_at_pause, timeout=30)

    def wait_until_asked(self, end, times=1):
        with self.changed:
            assert self.changed.wait_for(
                lambda: sum(path.endswith(end) for _, path, _ in self.asked) >= times, timeout=30
            )

    def is_at_pause(self):
        return self.pause_at is not None and self.state["sampling_step"] == self.pause_at

    @property
    def card_calls(self):
        """What was asked for the checkpoint's place, like ``reload``."""
        ends = [path.rpartition("/")[2] for method, path, _ in self.asked if method == "POST"]
        return [end.partition("-")[0] for end in ends if end.endswith("load-checkpoint")]

    def posts(self, end):
        return [
            body for method, path, body in self.asked if method == "POST" and path.endswith(end)
        ]

    @property
    def is_idle(self):
        return not self.queue_lock.locked() and self.state["job_count"] == 0

    # -- what is asked

    def answer(self, method, target, raw, headers):
        parts = urlsplit(target)
        path = parts.path
        with self.changed:
            self.changed.wait_for(lambda: not self.hung.is_set())
        try:
            try:
                body = json.loads(raw) if raw else None
            except ValueError:
                raise Failure(422, {"detail": [{"loc": ["body"], "msg": "not JSON"}]}) from None
            with self.changed:
                self.asked.append((method, path, body))
                self.changed.notify_all()
            self._authorise(path, headers)
            self._fail_if_told(f"{method} {path}")
            if self.answer_garbage:
                return 200, b"<html>hello</html>"
            found = self._route(method, path)(body, parse_qs(parts.query))
        except Failure as failure:
            said = failure.body
            if self.forge and isinstance(said, dict) and "errors" in said:
                http = said["error"] == "HTTPException"
                said = {"detail": said["detail"]} if http else {**said, "message": said["errors"]}
                said.pop("errors", None)
            return failure.status, said
        else:
            return (None, None) if found is Ellipsis else (200, found)

    def _fail_if_told(self, call):
        for nth, (end, status, failing) in enumerate(self.fail_next):
            if call.endswith(end):
                del self.fail_next[nth]
                raise Failure(status, failing)

    def _authorise(self, path, headers):
        if self.api_auth is None or not path.startswith("/sdapi/v1/") or path.endswith("loras"):
            return
        expected = "Basic " + base64.b64encode(self.api_auth.encode()).decode()
        if headers.get("Authorization") != expected:
            raise http_error(401, "Not authenticated")

    def _route(self, method, path):
        lists = {
            "sd-models": self._sd_models, "samplers": self._samplers, "schedulers": self._schedulers,
            "upscalers": self._upscalers, "latent-upscale-modes": lambda: [{"name": "Latent"}],
            "embeddings": lambda: {"loaded": {"badhand": {}}, "skipped": {}},
            "scripts": lambda: {tab: [s.lower() for s in self.scripts] for tab in ("txt2img", "img2img")},
            "prompt-styles": lambda: [{"name": name} for name in self.styles],
            "extensions": lambda: [{"name": "adetailer", "enabled": True}],
            "loras": lambda: [{"name": n, "alias": a, "path": f"/l/{n}"} for n, a in self.loras.items()],
            "options": lambda: self.options,
            "memory": lambda: {"ram": {}, "cuda": self.cuda},
        }  # fmt: skip
        lists["sd-modules" if self.forge else "sd-vae"] = lambda: [
            {"model_name": name, "filename": file} for name, file in self.vaes.items()
        ]
        gets = {f"/sdapi/v1/{name}": (lambda _b, _q, f=f: f()) for name, f in lists.items()}
        gets["/sdapi/v1/progress"] = self._progress
        gets["/openapi.json"] = lambda _b, _q: self._openapi()
        if "ADetailer" in self.scripts:
            gets["/adetailer/v1/ad_model"] = lambda _b, _q: {
                "ad_model": ["face_yolov8n.pt", "hand_yolov8n.pt"]
            }
            gets["/adetailer/v1/schema"] = lambda _b, _q: {
                "properties": {key: {} for key in DETAILER}
            }
        posts = {
            "/sdapi/v1/txt2img": self._txt2img, "/sdapi/v1/img2img": self._img2img,
            "/sdapi/v1/extra-single-image": self._extras, "/sdapi/v1/interrupt": self._interrupt,
            "/sdapi/v1/options": self._set_options, "/sdapi/v1/refresh-checkpoints": self._refresh,
            "/sdapi/v1/unload-checkpoint": lambda _b, _q: self._put_on_card(False),
            "/sdapi/v1/reload-checkpoint": lambda _b, _q: self._put_on_card(True),
            "/sdapi/v1/refresh-loras": lambda _b, _q: self._refresh_loras(),
        }  # fmt: skip
        if not self.forge:
            posts["/sdapi/v1/refresh-vae"] = lambda _b, _q: None
        if self.ui:
            posts["/internal/progress"] = self._internal_progress
        found = {"GET": gets, "POST": posts}[method].get(path)
        if found is None:
            raise Failure(404, {"detail": "Not Found"})
        return found

    def _put_on_card(self, on_card):
        self.is_on_card = on_card
        self.cuda["reserved"]["current"] = 3 * 2**30 if on_card else 0
        return {}

    # -- lists

    def _sd_models(self):
        return [
            {
                "title": f"{name}.safetensors [{short}]", "model_name": name, "filename": f"C:\\m\\{name}.safetensors",
                "hash": None if self.forge else short, "sha256": None if self.forge else sha256_of(short), "config": None,
            }
            for name, short in self.models.items()
        ]  # fmt: skip

    def _samplers(self):
        return [
            {"name": name, "aliases": aliases, "options": {}} for name, aliases in SAMPLERS.items()
        ]

    def _schedulers(self):
        return [{"name": n, "label": label, "aliases": None} for n, label in SCHEDULERS.items()]

    def _upscalers(self):
        return [{"name": n, "model_path": path, "scale": 4} for n, path in self.upscalers.items()]

    def _openapi(self):
        def post(name):
            schema = {"$ref": f"#/components/schemas/{name}"}
            return {"post": {"requestBody": {"content": {"application/json": {"schema": schema}}}}}

        schemas = {"T": FIELDS + TXT2IMG, "I": FIELDS + IMG2IMG, "E": EXTRAS}
        return {
            "paths": {
                "/sdapi/v1/txt2img": post("T"), "/sdapi/v1/img2img": post("I"), "/sdapi/v1/extra-single-image": post("E"),
            },
            "components": {"schemas": {n: {"properties": {key: {} for key in f}} for n, f in schemas.items()}},
        }  # fmt: skip

    # -- state

    def _progress(self, _body, query):
        state = dict(self.state)
        done, image = 0.0, None
        if state["job_count"]:
            steps = state["sampling_steps"]
            done = (state["job_no"] + (state["sampling_step"] / steps if steps else 0)) / state[
                "job_count"
            ]
            if query.get("skip_current_image") == ["false"]:
                image = base64.b64encode(picture("preview", 1, 8, 8)).decode()
        return {
            "progress": min(1.0, 0.01 + done),
            "eta_relative": 1.0,
            "state": state,
            "current_image": image,
            "textinfo": None,
        }

    def _internal_progress(self, body, _query):
        active = body["id_task"] == self.current_task
        said = self._progress(None, {})["progress"] if active else None
        return {
            "active": active,
            "queued": False,
            "completed": False,
            "progress": said,
            "eta": None,
        }

    def _interrupt(self, _body, _query):
        with self.changed:
            self.state["interrupted"] = True
            self.changed.notify_all()
        return {}

    def _refresh(self, _body, _query):
        with self.queue_lock:
            self.models = dict(self.on_disk)

    def _refresh_loras(self):
        self.loras = {name: self.loras.get(name, name) for name in self.loras_on_disk}

    def _set_options(self, body, _query):
        for key, value in body.items():
            if key not in self.options:
                raise raised("KeyError", repr(key))
            self.options[key] = value
            self.data.add(key)
        self.options.update(self.forgets_settings)

    # -- work

    @contextlib.contextmanager
    def _job(self, name, task=None, *, counted=-1):
        with self.queue_lock:
            self.jobs += 1
            with self.changed:
                self.state.update(
                    job=name, job_count=counted, job_no=0, sampling_step=0, sampling_steps=0,
                    job_timestamp=str(self.jobs), interrupted=False, skipped=False, stopping_generation=False,
                )  # fmt: skip
                self.current_task = task
            yield
            # as the real one: after an exception the page's task stays active, the job's state does not
            self.current_task = None

    def _sample(self, steps):
        """One pass; False if it was interrupted."""
        self.state["sampling_steps"] = steps
        for step in range(steps + 1):
            with self.changed:
                self.state["sampling_step"] = step
                self.state["interrupted"] |= step == self.interrupts_itself_at
                self.changed.notify_all()
                self.changed.wait_for(
                    lambda step=step: (
                        self.pause_at != step or self.state["interrupted"] or self.closing
                    )
                )
                if self.state["interrupted"]:
                    return False
        return True

    def _txt2img(self, body, _query):
        return self._generate(body, "txt2img")

    def _img2img(self, body, _query):
        if not body.get("init_images"):
            raise http_error(404, "Init image not found")
        return self._generate(body, "img2img")

    def _generate(self, body, tab):
        for key in ("steps", "width", "height", "n_iter", "batch_size", "seed"):
            if not isinstance(body.get(key, 1), int):
                error = {
                    "loc": ["body", key],
                    "msg": "value is not a valid integer",
                    "type": "type_error.integer",
                }
                raise Failure(422, {"detail": [error]})
        known = {name.lower() for name in self.scripts}
        for name in body.get("alwayson_scripts") or {}:
            if name.lower() not in known:
                raise http_error(422, f"Script '{name}' not found")
        drop, self.drop_next = self.drop_next, False
        if drop:
            threading.Thread(target=self._work, args=(body, tab)).start()
            return ...
        return self._work(body, tab)

    def _work(self, body, tab):
        with self._job(f"scripts_{tab}", body.get("force_task_id")):
            stored = {
                k: self.options[k] for k in body.get("override_settings") or {} if k in self.data
            }
            try:
                return self._process(body, tab)
            finally:
                self.options.update(stored)
                with self.changed:
                    self.state.update(job="", job_count=0)

    def _process(self, body, tab):
        override = dict(body.get("override_settings") or {})
        asked = override.pop("sd_model_checkpoint", None) or self.options["sd_model_checkpoint"]
        for key, value in override.items():
            if key not in self.options:
                raise raised("KeyError", repr(key))
            if key not in self.ignored_options:
                self.options[key] = value
        self._load(asked)
        if self.forge and not self.is_on_card:
            self._put_on_card(True)
        if not self.is_on_card:
            raise raised("RuntimeError", "Expected all tensors to be on the same device, but found")
        run = Sampling(self, body, tab)
        self.state["job_count"] = run.n_iter
        return run.answer()

    def _load(self, name):
        stem = name.split(" [")[0].removesuffix(".safetensors")
        if self.force_model:
            self.loaded = self.force_model
        elif stem in self.broken_models:
            raise raised(
                "SafetensorError", "Error while deserializing header: InvalidHeaderDeserialization"
            )
        elif stem in self.models:
            self.loaded = stem
        if not self.forge:
            self.options["sd_checkpoint_hash"] = sha256_of(self.models.get(self.loaded, ""))

    def _extras(self, body, _query):
        with self._job("extras", counted=1):
            self.state["job_no"] = 1
            self.state["job"] = "Upscale"
            name = body.get("upscaler_1", "None")
            if name not in self.upscalers:  # and the state stays as it is, for ever
                raise raised("AssertionError", f"could not find upscaler named {name}")
            source = decode(body["image"])
            factor = body.get("upscaling_resize", 2)
            size = tuple(int(side * factor // 8 * 8) for side in source.size)
            text = source.info.get("parameters")
            whole = self._sample(0)
            whole_file = self.upscalers[name] is not None and name not in self.broken_upscalers
            made = source.convert("RGB").resize(size, NEAREST if whole_file else LANCZOS)
            info = {
                "parameters": text,
                "postprocessing": f"Postprocess upscale by: {factor}, Postprocess upscaler: {name}",
            }
            with self.changed:
                self.state.update(job="", job_count=0)
            assert whole or self.state["interrupted"]
            return {"image": self.encode(made, info), "html_info": ""}

    def encode(self, image, texts):
        out = io.BytesIO()
        if self.options["samples_format"] != "png":
            image.save(out, "JPEG")
        else:
            info = PngInfo()
            for key, text in texts.items():
                if text and self.options["enable_pnginfo"]:
                    info.add_text(key, text)
            image.save(out, "PNG", pnginfo=info)
        data = out.getvalue()
        return base64.b64encode(data[: len(data) // 2] if self.truncate else data).decode()
