"""What the stand-in makes of a request: its pictures, and what it says of them, true or not."""

import base64
import hashlib
import io
import json

from PIL import Image

from spoolworker.backends.infotext import write_infotext
from spoolworker.backends.webui.words import loras_of


def words(text):
    return text.split()


DETAILER = words(
    "ad_model ad_tab_enable ad_prompt ad_negative_prompt ad_confidence ad_denoising_strength ad_mask_blur ad_dilate_erode"
    " ad_use_steps ad_steps ad_use_cfg_scale ad_cfg_scale ad_use_sampler ad_sampler ad_scheduler ad_mask_filter_method"
    " ad_mask_k ad_mask_min_ratio ad_mask_max_ratio ad_mask_merge_invert ad_inpaint_only_masked"
    " ad_inpaint_only_masked_padding ad_use_inpaint_width_height ad_inpaint_width ad_inpaint_height ad_x_offset ad_y_offset"
)
SAMPLERS = {
    "DPM++ 2M": ["k_dpmpp_2m"],
    "Euler a": ["k_euler_a", "k_euler_ancestral"],
    "Euler": ["k_euler"],
}
SCHEDULERS = {
    "automatic": "Automatic",
    "karras": "Karras",
    "normal": "Normal",
    "sgm_uniform": "SGM Uniform",
}
OOM = {
    "error": "OutOfMemoryError", "detail": "", "body": "",
    "errors": "CUDA out of memory. Tried to allocate 20.00 MiB (GPU 0; 8.00 GiB total capacity)",
}  # fmt: skip


class Failure(Exception):
    """An answer other than 200."""

    def __init__(self, status, body):
        super().__init__(status)
        self.status, self.body = status, body


def http_error(status, detail):
    return Failure(status, {"error": "HTTPException", "detail": detail, "body": "", "errors": ""})


def raised(name, text=""):
    return Failure(500, {"error": name, "detail": "", "body": "", "errors": text})


class Sampling:
    """One generation."""

    def __init__(self, server, body, tab):
        self.server, self.body, self.tab = server, body, tab
        self.n_iter, self.batch = body.get("n_iter", 1), body.get("batch_size", 1)
        self.count = self.n_iter * self.batch
        seed = body.get("seed", -1)
        seed = 4242 if seed == -1 else seed
        same = bool(body.get("subseed_strength"))
        self.seeds = [seed + (0 if same else i) for i in range(self.count)]
        self.width, self.height = body.get("width", 512), body.get("height", 512)
        self.sampler, self.scheduler = self._sampler()
        self.scripts = {
            n.lower(): s["args"] for n, s in (body.get("alwayson_scripts") or {}).items()
        }
        self.detail = self._detail()

    def _sampler(self):
        name, scheduler = (
            self.body.get("sampler_name") or "DPM++ 2M",
            self.body.get("scheduler") or "Automatic",
        )
        if name not in SAMPLERS:
            return "DPM++ 2M", "Karras"
        known = {**SCHEDULERS, **{label: label for label in SCHEDULERS.values()}}
        return name, known.get(scheduler, "Automatic")

    def _detail(self):
        """The tabs of ADetailer that run; none if it is off, or a key is none that it knows."""
        args = self.scripts.get("adetailer") or [False]
        tabs = [one for one in args if isinstance(one, dict)]
        return (
            tabs if args[0] is not False and not any(set(t) - set(DETAILER) for t in tabs) else []
        )

    @property
    def skips_img2img(self):
        return (
            bool(self.detail)
            and self.tab == "img2img"
            and (self.scripts["adetailer"][1:2] == [True])
        )

    def answer(self):
        server = self.server
        images, texts = [], []
        steps = 1 if self.skips_img2img else self.body.get("steps", 50)
        if steps == 0:
            raise raised("ZeroDivisionError", "float division by zero")
        for iteration in range(self.n_iter):
            server.state["job_no"] = iteration
            whole = server._sample(steps)
            for within in range(self.batch):
                index = iteration * self.batch + within
                text = self.infotext(index)
                images.append(server.encode(self.image(index), {"parameters": text}))
                texts.append(text)
                if not whole:
                    break
            if not whole:
                break
        server.state["job_no"] = self.n_iter - 1
        images = images[: len(images) - server.short_by]
        images += [images[0]] * server.extra_images
        return {"images": images, "parameters": {}, "info": json.dumps(self.info(texts))}

    def image(self, index):
        body, server = self.body, self.server
        if self.tab == "txt2img":
            scale = body.get("hr_scale", 2) if body.get("enable_hr") else 1
            size = [int(side * scale) // 8 * 8 for side in (self.width, self.height)]
            image = Image.open(io.BytesIO(picture(body.get("prompt"), self.seeds[index], *size)))
        else:
            image = decode(body["init_images"][0]).convert("RGB")
            if not self.skips_img2img:
                size = (self.width // 8 * 8, self.height // 8 * 8)
                image = image.resize(size).point(lambda value: value ^ 1)
        if (
            self.detail
            and server.finds_faces
            and not server.script_raises
            and not server.script_exhausts
        ):
            image.paste((9, 9, 9), (0, 0, 4, 4))
        if self.detail and server.script_exhausts:
            server.cuda["events"]["oom"] += 1
        return image

    def infotext(self, index):
        body, server = self.body, self.server
        fields = {
            "Steps": body.get("steps", 50), "Sampler": self.sampler, "Schedule type": self.scheduler,
            "CFG scale": body.get("cfg_scale", 7), "Seed": self.seeds[index], "Size": f"{self.width}x{self.height}",
            "Model hash": server.on_disk.get(server.loaded), "Model": server.loaded,
        }  # fmt: skip
        if server.options["CLIP_stop_at_last_layers"] > 1:
            fields["Clip skip"] = server.options["CLIP_stop_at_last_layers"]
        for nth, module in enumerate(server.options.get("forge_additional_modules") or (), start=1):
            fields[f"Module {nth}"] = module.rsplit("/", 1)[-1].rsplit(".", 1)[0]
        if self.tab == "img2img":
            fields["Denoising strength"] = body.get("denoising_strength", 0.75)
        if body.get("enable_hr"):
            fields |= {"Hires upscale": body["hr_scale"], "Hires upscaler": body["hr_upscaler"]}
        refiner = body.get("refiner_checkpoint")
        if refiner and refiner not in server.models:
            raise raised("Exception", f"Could not find checkpoint with name {refiner}")
        if refiner and body["steps"] * body["refiner_switch_at"] <= body["steps"] - 1:
            fields["Refiner"] = refiner
        if self.detail:
            fields["ADetailer model"] = self.detail[0]["ad_model"]
        if "controlnet" in self.scripts and not server.controlnet_raises:
            fields["ControlNet 0"] = "Module: canny"
        known = {*server.loras, *server.loras.values()} - server.broken_loras
        loaded = [name for name in loras_of(body.get("prompt", "")) if name in known]
        if loaded:
            fields["Lora hashes"] = ", ".join(f"{name}: 0123456789ab" for name in loaded)
        return write_infotext(body.get("prompt", ""), body.get("negative_prompt", ""), fields)

    def info(self, texts):
        server = self.server
        skips = self.skips_img2img
        vae = server.options.get("sd_vae")
        return {
            "all_seeds": self.seeds, "all_subseeds": self.seeds, "infotexts": texts, "sd_model_name": server.loaded,
            "sd_model_hash": server.on_disk.get(server.loaded), "sd_vae_name": vae if vae in server.vaes else None,
            "sampler_name": "Euler" if skips else self.sampler, "steps": 1 if skips else self.body.get("steps"),
            "width": self.width, "height": self.height, "index_of_first_image": 0,
            "clip_skip": server.options["CLIP_stop_at_last_layers"],
            "version": "f2.0.1v1.10.1-previous" if server.forge else "v1.10.1",
        }  # fmt: skip


def decode(text):
    try:
        return Image.open(io.BytesIO(base64.b64decode(text.rpartition(",")[2], validate=True)))
    except (ValueError, OSError):
        raise http_error(500, "Invalid encoded image") from None


def picture(prompt, seed, width, height):
    """A PNG in one colour, another for each prompt and seed."""
    colour = tuple(40 + b % 200 for b in hashlib.sha256(f"{prompt}{seed}".encode()).digest()[:3])
    out = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(out, "PNG")
    return out.getvalue()
