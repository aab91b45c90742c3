"""Workflows as data: templates, what is grafted onto them, and the values that are put in.

A *template* is a JSON file: ``nodes`` in ComfyUI's API format with words for ids, and ``inputs``, which names the places
(``node.field``) where values go. One that has ``takes_over`` is a *graft*: its nodes are added to a graph (or replace those of the same
name), and whoever took one output there takes another from then on. So a LoRA goes between checkpoint and sampler, whatever lies there.

Pure but for ``load``, which reads a file. Guarantees: nothing is put into a place that no template declares.
"""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from spoolctl.spool import UsageError

Nodes = dict[str, dict[str, Any]]
"""A workflow in API format: node id to ``{class_type, inputs}``."""
Port = tuple[str, int]
"""One output of one node."""
Values = Mapping[str, str | int | float]

WHOLE = ("txt2img", "img2img", "adetailer", "upscale", "upscale_model")
GRAFTS = (
    "vae", "clip_skip", "lora", "resize", "refiner", "resample",
    "hires_latent", "hires_image", "hires_model", "hires_refiner",
)  # fmt: skip


@dataclass(frozen=True)
class Template:
    """One template file, read."""

    name: str
    nodes: Nodes
    inputs: Mapping[str, tuple[tuple[str, str], ...]]
    """Name to places: node and field."""
    takes_over: Mapping[Port, Port]
    save: str | None

    @property
    def classes(self) -> frozenset[str]:
        """The node classes that it needs."""
        return frozenset(str(node["class_type"]) for node in self.nodes.values())


@dataclass
class Graph:
    """A workflow in the making."""

    nodes: Nodes
    places: dict[str, tuple[tuple[str, str], ...]]
    save: str
    """The node that saves the image."""
    _heads: dict[Port, Port] = field(default_factory=dict)
    """Who gives now what a port gave at first."""

    @classmethod
    def of(cls, template: Template) -> "Graph":
        """Begin with a whole template."""
        assert template.save is not None, "a graft is no beginning"  # noqa: S101 - a bug, not an error
        return cls(copy.deepcopy(template.nodes), dict(template.inputs), template.save)

    def graft(self, template: Template, suffix: str = "") -> None:
        """Add a template's nodes; *suffix* makes the names of nodes and inputs its own, for one that is added again."""
        own = {name: f"{name}{suffix}" for name in template.nodes}
        added = copy.deepcopy(template.nodes)
        for node in added.values():
            for key, value in node["inputs"].items():
                if not is_link(value):
                    continue
                port = (value[0], value[1])
                inside = port[0] in own
                node["inputs"][key] = list(
                    (own[port[0]], port[1]) if inside else self._heads.get(port, port)
                )
        self._rewire(
            {port: (own[giver[0]], giver[1]) for port, giver in template.takes_over.items()}
        )
        replaced = {own[name] for name in added} & set(self.nodes)
        self.places = {
            name: tuple(place for place in places if place[0] not in replaced)
            for name, places in self.places.items()
        }
        self.nodes |= {own[name]: node for name, node in added.items()}
        for name, places in template.inputs.items():
            mine = tuple((own[node], key) for node, key in places)
            self.places[f"{name}{suffix}"] = (*self.places.get(f"{name}{suffix}", ()), *mine)

    def _rewire(self, takes_over: Mapping[Port, Port]) -> None:
        now = {self._heads.get(port, port): giver for port, giver in takes_over.items()}
        for node in self.nodes.values():
            for key, value in node["inputs"].items():
                if is_link(value):
                    node["inputs"][key] = list(now.get((value[0], value[1]), (value[0], value[1])))
        self._heads |= takes_over

    def fill(self, values: Values) -> None:
        """Put values into their places.

        Raises:
            UsageError: The template has no place for one: it is this machine's own, and not whole.
        """
        for name, value in values.items():
            places = self.places.get(name)
            if places is None:  # none left is another matter: a graft replaced the node
                raise UsageError(
                    f"the workflow template has no place for '{name}'",
                    hint="declare it under 'inputs' in the template",
                )
            for node, key in places:
                self.nodes[node]["inputs"][key] = value


def is_link(value: object) -> bool:
    """True of ``[node, output]``, by which an input takes another node's output."""
    return (
        isinstance(value, list)
        and len(value) == 2  # noqa: PLR2004 - the pair
        and isinstance(value[0], str)
        and isinstance(value[1], int)
    )


def load(name: str, folder: Path | None = None) -> Template:
    """Read a template: the one of that name in *folder*, if there is one, else the shipped one.

    Raises:
        UsageError: The file in *folder* is no template.
    """
    own = folder / f"{name}.json" if folder is not None else None
    if own is None or not own.is_file():
        shipped = resources.files(__package__) / "templates" / f"{name}.json"
        return read(name, shipped.read_bytes())
    try:
        return read(name, own.read_bytes())
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise UsageError(
            f"'{own}' is no workflow template: {error!r}",
            hint="begin with a copy of the shipped one and change its nodes",
        ) from error


def read(name: str, data: bytes) -> Template:
    """Read a template's text; raises ValueError, TypeError, KeyError or AttributeError if it is none."""
    raw = json.loads(data)
    nodes: Nodes = raw["nodes"]
    for key, node in nodes.items():
        if not isinstance(node["class_type"], str) or not isinstance(node["inputs"], dict):
            raise TypeError(f"node '{key}' is none in API format")
    inputs = {key: tuple(_place(one) for one in places) for key, places in raw["inputs"].items()}
    for node_id, _ in (place for places in inputs.values() for place in places):
        _ = nodes[node_id]
    takes_over = {_port(a): _port(b) for a, b in raw.get("takes_over", {}).items()}
    save = raw.get("save")
    if (save is None) != bool(takes_over):
        raise ValueError("it needs either 'save' (a node) or 'takes_over'")
    _ = nodes[save] if save is not None else None
    return Template(name, nodes, inputs, takes_over, save)


def _place(text: str) -> tuple[str, str]:
    node, _, key = text.partition(".")
    return node, key


def _port(text: str) -> Port:
    node, _, number = text.rpartition(".")
    return node, int(number)
