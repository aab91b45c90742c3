"""The requests that StableNew's own runner sends for one of its snapshots, and ours for the same: equal, but for what is listed here.

Theirs were recorded from its runner against a stand-in of WebUI: txt2img with two images, then ADetailer and an enlargement of each.
"""

import json
import re

from sample_data import stablenew

from spoolctl.spool import stages_of
from spoolctl.spool.stablenew import job_from_snapshot
from spoolworker.backends.base import Order
from spoolworker.backends.chain import Picture, sow, steps
from spoolworker.backends.webui import asking
from spoolworker.backends.webui.known import Checkpoint, Known

THEIRS = stablenew("generated/webui_requests.jsonl")
SNAPSHOT = stablenew("generated/njr_snapshots/test_matrix_pack_1.json")
MODEL = "juggernautXL_ragnarokBy"
PIXELS = "<b64>"
OPTIMIZER = (
    "StableNew's prompt optimizer reorders it while it runs; here it is sent as the snapshot says"
)
IGNORED = "no field of WebUI's API, which ignores it in silence"
ROBUST = "left to the server's own settings otherwise, or to what a job before left"
OURS = "set by the API itself where nothing is saved on the server"
POLICY = "changed by StableNew's stage policy while it runs; the snapshot says otherwise"
UNKNOWN_KEY = "ADetailer knows no such key, and switches itself off for it"
DEFAULT = "ADetailer's own default says the same"
SAME = "this pass's words; ADetailer takes the request's own where a tab has none"

DIFFERENCES = {
    "txt2img": {
        "prompt": OPTIMIZER,
        "negative_prompt": OPTIMIZER,
        "seed": "drawn here and not by the server, so that the request can be made again",
        "subseed": "-1, which is the API's default too",
        "seed_resize_from_h": "-1, which is the API's default too",
        "seed_resize_from_w": "-1, which is the API's default too",
        "clip_skip": IGNORED + "; ours is the setting CLIP_stop_at_last_layers",
        "sd_model": IGNORED + "; ours is the setting sd_model_checkpoint",
        "sd_vae": IGNORED + "; ours is the setting sd_vae",
        "do_not_save_samples": OURS,
        "do_not_save_grid": OURS,
        "restore_faces": ROBUST,
        "tiling": ROBUST,
        "override_settings": "the checkpoint and VAE of this very request; theirs trusts an option written before, throttled to one in 6 s",
        "override_settings_restore_afterwards": "the API's default, said",
        "send_images": "the API's default, said",
        "save_images": "the API's default, said",
    },
    "img2img": {
        "prompt": OPTIMIZER,
        "negative_prompt": OPTIMIZER,
        "seed": "theirs sends none, so that it cannot be made again; ours is the image's own",
        "resize_mode": "the API's default, said",
        "batch_size": "the API's default, said",
        "n_iter": "the API's default, said",
        "restore_faces": ROBUST,
        "tiling": ROBUST,
        "override_settings": "theirs says no model here at all: that of whatever ran before",
        "override_settings_restore_afterwards": "the API's default, said",
        "send_images": "the API's default, said",
        "save_images": "the API's default, said",
        "skip_img2img": "theirs repaints the whole image before, which the stage does not ask for: only what is found is changed",
        "tab1.ad_tab_enable": DEFAULT,
        "tab1.ad_inpaint_only_masked_padding": POLICY,
        "tab1.ad_inpaint_width": "unused while ad_use_inpaint_width_height is false",
        "tab1.ad_inpaint_height": "unused while ad_use_inpaint_width_height is false",
        "tab1.ad_x_offset": DEFAULT,
        "tab1.ad_y_offset": DEFAULT,
        "tab1.ad_mask_only_top_k_largest": UNKNOWN_KEY,
        "tab1.ad_scheduler": "the request's own, said: with img2img left out there is none to be the same as",
        "tab1.ad_prompt": SAME,
        "tab1.ad_negative_prompt": SAME,
        "tab2.ad_model": "the snapshot's hands_model; StableNew's runner reads another key than its snapshot has",
        "tab2.ad_tab_enable": DEFAULT,
        "tab2.ad_inpaint_width": "unused while ad_use_inpaint_width_height is false",
        "tab2.ad_inpaint_height": "unused while ad_use_inpaint_width_height is false",
        "tab2.ad_x_offset": DEFAULT,
        "tab2.ad_y_offset": DEFAULT,
        "tab2.ad_mask_only_top_k_largest": UNKNOWN_KEY,
        "tab2.ad_sampler": "an old name that holds its scheduler, taken apart",
        "tab2.ad_scheduler": "an old name that holds its scheduler, taken apart",
    },
    "extra-single-image": {},
}
"""Every field that differs, with its reason; one that is not listed, or listed and equal, fails the test."""


def theirs():
    lines = [json.loads(line) for line in THEIRS.read_text(encoding="utf-8").splitlines()]
    names = tuple(DIFFERENCES)
    return [
        (one["p"].rsplit("/", 1)[1], one["body"])
        for one in lines
        if one["m"] == "POST" and one["p"].endswith(names)
    ]


def ours():
    known = Known(
        options={"sd_vae": "Automatic", "CLIP_stop_at_last_layers": 1, "samples_format": "png", "sd_model_checkpoint": None},
        checkpoints=(Checkpoint(MODEL, MODEL, None, None, frozenset({MODEL})),),
        samplers={"dpm++ 2m": "DPM++ 2M"},
        schedulers={"karras": "Karras", "automatic": "Automatic"},
        upscalers={"4xUltrasharp_4xUltrasharpV10": "/models/ESRGAN/4xUltrasharp.pth"},
        loras=frozenset({"add-detail-xl"}),
        scripts={"img2img": frozenset({"adetailer"})},
    )  # fmt: skip
    job = job_from_snapshot(json.loads(SNAPSHOT.read_text(encoding="utf-8")))
    pictures = [Picture(0), Picture(1)]
    source = asking.Source(PIXELS, 768, 1024)
    build = {"adetailer": asking.adetailer, "upscale": asking.upscale}
    found = []
    for step in steps(Order(stages_of(job), (), THEIRS.parent, "job")):
        sow(step, pictures, lambda: 5)
        if step.number == 1:
            found += asking.txt2img(step, pictures, known, at_once=4)
        else:
            found += [build[step.stage.stage](step, one, source, known) for one in pictures]
    return [(ask.path, ask.body) for ask in found]


def flat(body):
    """A request's fields, those of ADetailer's tabs among them; pictures all alike."""
    fields = {}
    for key, value in body.items():
        if key == "alwayson_scripts":
            enabled, skip, *tabs = value["ADetailer"]["args"]
            fields |= {"enabled": enabled, "skip_img2img": skip}
            for number, tab in enumerate(tabs, start=1):
                fields |= {f"tab{number}.{name}": said for name, said in tab.items()}
        elif key in ("image", "init_images"):
            fields[key] = "<b64>"
        else:
            fields[key] = value
    return fields


def test_the_same_requests_are_sent_in_the_same_order():
    assert [path for path, _ in ours()] == [path for path, _ in theirs()]


def test_each_request_is_theirs_but_for_the_listed_fields():
    for (path, our), (_, their) in zip(ours(), theirs(), strict=True):
        one, other = flat(our), flat(their)
        absent = object()
        differ = {
            key
            for key in one.keys() | other.keys()
            if one.get(key, absent) != other.get(key, absent)
        }
        assert differ == set(DIFFERENCES[path]), path


def test_the_model_and_what_goes_with_it_is_what_theirs_means():
    _, our = ours()[0]
    _, their = theirs()[0]

    assert our["override_settings"] == {
        "sd_model_checkpoint": their["sd_model"],
        "sd_vae": "Automatic",  # theirs is ""
        "CLIP_stop_at_last_layers": their["clip_skip"],
        "samples_format": "png",
    }


def test_prompts_hold_the_same_words():
    def words(text):
        return sorted(re.split(r"[\s,]+", text))

    _, our = ours()[0]
    _, their = theirs()[0]
    assert words(our["prompt"]) == words(their["prompt"])
