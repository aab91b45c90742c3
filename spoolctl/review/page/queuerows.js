// The cards and rows of the live view, each as [create, update] for a list that is renewed in place.

import { previewOf } from "./api.js";
import { el, mark, say } from "./dom.js";
import { ago, moment, roughly, short } from "./format.js";
import { jobButtons, jobLink } from "./jobs.js";

const QUIET_TURNS = 10;
let turn = 0;

function part(name, tag = "span", attributes = {}) {
  return el(tag, { class: name, ...attributes });
}

const at = (row, name) => row.querySelector(`.${name}`);

/** A progress bar that also tells itself in words. */
function bar(label) {
  return el("div", { class: "bar", role: "progressbar", "aria-label": label, "aria-valuemin": 0, "aria-valuemax": 100 }, el("div", {}));
}

function showBar(shown, share) {
  const percent = typeof share === "number" ? Math.round(share * 100) : null;
  mark(shown, "aria-valuenow", percent);
  mark(shown, "aria-valuetext", percent === null ? "not told" : `${percent} percent`);
  shown.classList.toggle("unknown", percent === null);
  shown.firstChild.style.width = percent === null ? "" : `${percent}%`;
}

function left(one) {
  const told = one.left ?? {};
  const seconds = told.mid_s ?? told.mid ?? one.eta_s;
  return typeof seconds === "number" ? `about ${roughly(seconds)} left` : "";
}

/** The preview, renewed with each status; where there is none, it is asked for again only now and then. */
function preview(picture, job) {
  if (picture.dataset.job !== job) Object.assign(picture.dataset, { job, wait: "0" });
  const wait = Number(picture.dataset.wait);
  if (wait > 0) picture.dataset.wait = String(wait - 1);
  else if (picture.complete) picture.src = previewOf(job, ++turn);
}

export const runningCard = [
  (one) => {
    const picture = el("img", { class: "preview", alt: "", hidden: true });
    picture.addEventListener("load", () => {
      picture.hidden = false;
    });
    picture.addEventListener("error", () => {
      picture.hidden = true;
      picture.dataset.wait = String(QUIET_TURNS);
    });
    return el("li", { class: "card", "data-job": one.job },
      el("div", { class: "frame" }, picture),
      el("div", { class: "body" },
        el("div", { class: "head" }, jobLink(one.job)),
        el("p", { class: "what dim" }), bar(`Progress of ${one.job}`),
        el("div", { class: "foot" }, part("done"), part("eta", "span", { class: "eta dim" }), el("span", { class: "stretch" }),
          ...jobButtons(one.job, "running"))));
  },
  (card, one) => {
    const attempt = Number(one.attempt) > 1 ? `attempt ${one.attempt}` : "";
    const told = one.told === false ? "claimed; its worker has not spoken of it yet" : "";
    say(at(card, "what"), [one.worker, one.stage, short(one.model), attempt, told, silent(one)].filter(Boolean).join(" · "));
    showBar(at(card, "bar"), one.told === false ? null : one.progress);
    say(at(card, "done"), typeof one.progress === "number" ? `${Math.round(one.progress * 100)} %` : "");
    say(at(card, "eta"), left(one));
    if (one.told !== false) preview(at(card, "preview"), one.job);
  },
];

const silent = (one) => (one.shown_state && one.shown_state !== one.state ? one.shown_state : "");

export const nodeCard = [
  () => el("li", { class: "card node" },
    el("div", { class: "body" },
      el("div", { class: "head" }, part("name", "b"), part("pill")),
      part("doing", "p", { class: "doing" }), part("gauges", "p", { class: "gauges dim" }), part("message", "p", { class: "message" }))),
  (card, one) => {
    const state = one.shown_state ?? one.state ?? "?";
    say(at(card, "name"), one.role === "controller" || !one.worker ? one.worker ?? "controller" : one.worker);
    say(at(card, "pill"), one.rests && state === "idle" ? "rests" : state);
    mark(at(card, "pill"), "data-state", one.rests && state === "idle" ? "rests" : state.replace("?", ""));
    mark(card, "data-worker", one.worker);
    say(at(card, "doing"), one.name ? [one.name, one.stage].filter(Boolean).join(" · ") : one.machine ? `on ${one.machine}` : "");
    say(at(card, "gauges"), [...gauges(one), beat(one.age_s)].join(" · "));
    say(at(card, "message"), [one.rests, one.message].filter(Boolean).join("; "));
  },
];

function beat(age) {
  if (typeof age !== "number") return "last beat not known";
  return age < 3 ? "last beat just now" : `last beat about ${roughly(age)} ago`;
}

function* gauges(one) {
  if (typeof one.vram_free_gb === "number") yield `${one.vram_free_gb.toFixed(1)} GB free`;
  if (typeof one.temperature_c === "number") yield `${Math.round(one.temperature_c)} °C`;
  if (typeof one.utilisation === "number") yield `${Math.round(one.utilisation * 100)} % busy`;
}

export const failedRow = [
  (one) => el("li", { "data-job": one.job },
    el("div", { class: "head" }, part("code", "b", { class: "code" }), jobLink(one.job)),
    part("why", "p", { class: "why" }), part("dim", "p", { class: "dim" }),
    el("div", { class: "row" }, ...jobButtons(one.job, "failed"),
      one.group ? el("a", { class: "button quiet", href: `#/group/${encodeURIComponent(one.group)}` }, "Its group") : null)),
  (row, one) => {
    say(at(row, "code"), one.code ?? one.verdict ?? "verdict unreadable");
    say(at(row, "why"), one.message ?? "");
    say(at(row, "dim"), [one.worker && `on ${one.worker}`, ago(one.ended_at) || one.day].filter(Boolean).join(", "));
  },
];

export const waitingRow = [
  (one) => el("li", { "data-job": one.job },
    el("div", { class: "head" }, jobLink(one.job)), part("why", "p", { class: "why dim" }),
    el("div", { class: "row" }, ...jobButtons(one.job, "waiting"))),
  (row, one) => say(at(row, "why"), [one.until && `until ${moment(one.until)}`, one.needs && need(one), one.problem].filter(Boolean).join(", ")
    || "the next sweep takes it up"),
];

function need(one) {
  if (one.is_there === false) return `needs ${one.needs}, which is not there`;
  return `needs ${one.needs}${{ any: " to end", approved: " to be approved" }[one.when] ?? ""}`;
}

export const rejectedRow = [
  () => el("li", {}, part("code", "b", { class: "code" }), part("why", "p", { class: "why" }), part("dim", "p", { class: "dim" })),
  (row, one) => {
    say(at(row, "code"), `${one.file ?? "?"}${one.line ? `, line ${one.line}` : ""}`);
    say(at(row, "why"), one.error ?? "");
    say(at(row, "dim"), one.hint ?? "");
  },
];
