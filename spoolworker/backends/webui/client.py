"""WebUI's calls, one method each; what it lists is read into ``Known``.

Guarantees: nothing is sent twice; an answer in another shape than WebUI's is an error and no crash.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spoolctl.spool import Code
from spoolworker.backends.base import BackendError
from spoolworker.backends.server import Server, said
from spoolworker.backends.webui.known import MODULES, Checkpoint, Known
from spoolworker.backends.webui.refusals import refusal

_LIGHT_S = 5.0
_LIST_S = 60.0
"""A folder of models on a share is not listed in an instant."""
_API = "/sdapi/v1"
_SOME_HAVE: Mapping[str, Any] = {
    "schedulers": [], "latent-upscale-modes": [], "embeddings": {}, "scripts": {},
    "prompt-styles": [], "extensions": [],
}  # fmt: skip
_PATHS = ("txt2img", "img2img", "extra-single-image")


@dataclass(frozen=True)
class State:
    """What ``/progress`` says."""

    job_count: int
    """0 when nothing runs, or a model is being loaded."""
    fraction: float
    """Of the job in work, 0 to 1."""
    stamp: tuple[object, ...]
    """Another for each job, and nothing else."""
    cut_short: bool
    """Somebody interrupted or skipped the job in work, or the last one: its image is half-made."""
    preview: str | None


@dataclass(frozen=True)
class Card:
    """What ``/memory`` says; all is empty where there is no card."""

    wrong: str | None
    """Why it answers nothing any more, if its driver gave up."""
    ran_out: int
    """How often memory was asked for in vain since the server began."""
    held_gb: float | None
    """What the server holds of its memory, in units of 2**30 bytes."""
    room: str | None = None
    """Its free memory, whoever holds the rest, for a log."""


class Client:
    """One WebUI."""

    def __init__(self, server: Server) -> None:
        self._server = server

    @property
    def address(self) -> str:
        """Where it is, without credentials."""
        return self._server.address

    def _get(self, path: str, *, timeout_s: float = _LIST_S) -> Any:  # noqa: ANN401 - raw JSON
        return self._read("GET", path, timeout_s=timeout_s)

    def _read(self, method: str, path: str, **how: Any) -> Any:  # noqa: ANN401 - raw JSON
        answer = self._server.call(method, path, **how)
        if answer.status_code != 200:  # noqa: PLR2004 - HTTP's own
            raise refusal(answer.status_code, said(answer), path)
        return self._server.read_json(answer)

    def _get_if_there(self, path: str) -> Any:  # noqa: ANN401 - raw JSON
        """``None`` for a call that this server does not have."""
        answer = self._server.call("GET", path, timeout_s=_LIST_S)
        return self._server.read_json(answer) if answer.status_code == 200 else None  # noqa: PLR2004

    def generate(self, path: str, body: Mapping[str, Any]) -> Any:  # noqa: ANN401 - raw JSON
        """Have images made. Comes back when they are, however long that takes."""
        return self._read("POST", f"{_API}/{path}", json=body, timeout_s=None)

    def state(self, *, preview: bool = False) -> State:
        """What the server is at."""
        skip = "false" if preview else "true"
        said = self._get(f"{_API}/progress?skip_current_image={skip}", timeout_s=_LIGHT_S)
        with _Shape(self._server.name):
            state = said["state"]
            count, number = int(state["job_count"]), int(state["job_no"])
            steps = int(state["sampling_steps"])
            step = int(state["sampling_step"]) / steps if steps > 0 else 0.0
            return State(
                job_count=count,
                fraction=min(1.0, (number + step) / count) if count > 0 else 0.0,
                stamp=(state["job_timestamp"], state["job"]),
                cut_short=any(
                    state.get(k) for k in ("interrupted", "skipped", "stopping_generation")
                ),
                preview=said.get("current_image"),
            )

    def task(self, task: str) -> float | None:
        """How far the request of that id is; ``None`` while it waits.

        Raises:
            BackendError: Also if this server has no page, and so no such call.
        """
        body = {"id_task": task, "live_preview": False}
        said = self._read("POST", "/internal/progress", json=body, timeout_s=_LIGHT_S)
        with _Shape(self._server.name):
            return float(said["progress"] or 0.0) if said["active"] else None

    def has_tasks(self) -> bool:
        """True if this server tells the progress of each request by its id."""
        try:
            self.task("spool-probe")
        except BackendError:  # not there, or behind the page's own login
            return False
        return True

    def interrupt(self) -> None:
        """Stop what runs, at its next step. Does nothing to what only waits to run."""
        self._read("POST", f"{_API}/interrupt", timeout_s=_LIGHT_S)

    def wait_turn(self) -> None:
        """Come back when nothing runs: listing the checkpoints anew takes the one lock that every job holds from its begin to its end.

        The one sure sign: the progress call tells of a job neither while it loads its model nor that one which failed in the
        upscaler is over.
        """
        self._read("POST", f"{_API}/refresh-checkpoints", timeout_s=None)

    def refresh(self) -> None:
        """Have the folders of models, VAEs and LoRAs listed anew; waits for what runs."""
        self.wait_turn()
        for what in ("refresh-vae", "refresh-loras"):  # the first is not in Forge
            self._server.call("POST", f"{_API}/{what}", timeout_s=_LIST_S)

    def unload_model(self) -> None:
        """Move the checkpoint from the card to the machine's memory, whoever samples with it."""
        self._read("POST", f"{_API}/unload-checkpoint", timeout_s=_LIST_S)

    def reload_model(self) -> None:
        """Move the checkpoint to the card, if it is not there."""
        self._read("POST", f"{_API}/reload-checkpoint", timeout_s=None)

    def options(self) -> Mapping[str, Any]:
        """The server's settings.

        Raises:
            BackendError: ``backend_unreachable`` too, if another program answers there.
        """
        found = self._get(f"{_API}/options", timeout_s=_LIGHT_S)
        if not isinstance(found, Mapping) or "samples_format" not in found:
            message = f"what answers at {self.address} is no WebUI"
            raise BackendError(Code.BACKEND_UNREACHABLE, message)
        return found

    def write_options(self, values: Mapping[str, Any]) -> None:
        """Change the server's settings; waits for what runs if a VAE is among them."""
        self._read("POST", f"{_API}/options", json=dict(values), timeout_s=None)

    def card(self) -> Card:
        """The card, as the server sees it."""
        said = self._get(f"{_API}/memory", timeout_s=_LIGHT_S)
        with _Shape(self._server.name):
            cuda = said["cuda"]
            wrong = cuda.get("error")
            held = cuda.get("reserved", {}).get("current")
            room = cuda.get("system")
            return Card(
                wrong=None if wrong in (None, "unavailable") else str(wrong),
                ran_out=int(cuda.get("events", {}).get("oom", 0)),
                held_gb=None if held is None else held / 2**30,
                room=f"{int(room['free']) >> 20} of {int(room['total']) >> 20} MiB free"
                if room
                else None,
            )

    def known(self) -> Known:
        """Everything that the server lists."""
        options = self.options()
        forge = MODULES in options
        lists = {
            name: self._get(f"{_API}/{name}") for name in ("sd-models", "samplers", "upscalers")
        }
        # Not in every version, or failing in one: what they would list counts as not there
        lists |= {
            name: self._get_if_there(f"{_API}/{name}") or empty
            for name, empty in _SOME_HAVE.items()
        }
        vaes = self._get(f"{_API}/{'sd-modules' if forge else 'sd-vae'}")
        loras = self._get_if_there(f"{_API}/loras")
        detectors = self._get_if_there("/adetailer/v1/ad_model")
        schema = self._get_if_there("/adetailer/v1/schema")
        openapi = self._get_if_there("/openapi.json")
        with _Shape(self._server.name):
            return Known(
                options=options,
                checkpoints=tuple(map(Checkpoint.from_listing, lists["sd-models"])),
                vaes={one["model_name"]: str(one["filename"]) for one in vaes},
                samplers=_aliases(lists["samplers"], "name"),
                schedulers=_aliases(lists["schedulers"], "label"),
                upscalers={one["name"]: one["model_path"] for one in lists["upscalers"]},
                latent_modes=frozenset(one["name"] for one in lists["latent-upscale-modes"]),
                loras=None if loras is None else _lora_names(loras),
                lora_names=tuple(str(one["name"]) for one in loras or ()),
                embeddings=tuple(map(str, lists["embeddings"].get("loaded", ()))),
                styles=frozenset(str(one["name"]) for one in lists["prompt-styles"]),
                scripts={
                    tab: frozenset(str(name).lower() for name in names)
                    for tab, names in lists["scripts"].items()
                },
                extensions=tuple(
                    str(one["name"]) for one in lists["extensions"] if one.get("enabled", True)
                ),
                detectors=tuple(detectors["ad_model"]) if detectors else None,
                detector_keys=_schema_keys(schema),
                fields={path: _fields(openapi, f"{_API}/{path}") for path in _PATHS},
            )


class _Shape:
    """Turns an answer of an unforeseen shape into an error that says so."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, KeyError | TypeError | ValueError | AttributeError):
            message = f"{self._name} answers in a shape that is not WebUI's: {error!r}"
            raise BackendError(Code.BACKEND_REJECTED, message) from error


def _aliases(entries: list[Mapping[str, Any]], key: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in entries:
        for name in (*(one.get("aliases") or ()), one["name"], one[key]):
            found[str(name).casefold()] = str(one[key])
    # What is a name itself must not be another's alias
    return found | {str(one[key]).casefold(): str(one[key]) for one in entries}


def _lora_names(entries: list[Mapping[str, Any]]) -> frozenset[str]:
    return frozenset(
        str(name) for one in entries for name in (one["name"], one.get("alias")) if name
    )


def _schema_keys(schema: Any) -> frozenset[str] | None:  # noqa: ANN401 - raw JSON
    found = schema.get("schema", schema) if isinstance(schema, Mapping) else {}
    keys = found.get("properties") if isinstance(found, Mapping) else None
    return frozenset(keys) if isinstance(keys, Mapping) else None


def _fields(openapi: Any, path: str) -> frozenset[str]:  # noqa: ANN401 - raw JSON
    """What a request to *path* may hold; nothing if that is not told."""
    try:
        content = openapi["paths"][path]["post"]["requestBody"]["content"]
        reference = content["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
        return frozenset(openapi["components"]["schemas"][reference]["properties"])
    except (KeyError, TypeError, AttributeError, IndexError):
        return frozenset()
