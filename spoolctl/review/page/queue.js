// The live view: how many jobs there are, what runs and on whom, what failed, what waits, and what was made last.

import { get } from "./api.js";
import { fillCell, showIn } from "./cell.js";
import { el, keyed, say, settled } from "./dom.js";
import { clock, counted, number, roughly } from "./format.js";
import { openJob } from "./jobs.js";
import { openLarge } from "./large.js";
import { FixedList, onWords } from "./list.js";
import { listen, live } from "./live.js";
import { failedRow, nodeCard, rejectedRow, runningCard, waitingRow } from "./queuerows.js";
import { adopt } from "./words.js";

const LATEST = 12;
const AGAIN_MS = 4000;
const TALLIES = [
  ["waiting", "Waiting"], ["held", "Held"], ["claimed", "Running"], ["finished", "To merge"], ["done", "Done"],
  ["failed", "Failed"], ["cancelled", "Cancelled"],
];

/** Of these there is a list. */
const LISTED = new Set(["queue", "waiting", "held", "claimed", "failed", "cancelled"]);

function section(title, id, ...children) {
  return el("section", { "aria-labelledby": id, class: id }, el("h2", { id }, title), ...children);
}

export function queueView(root) {
  const parts = {
    tallies: el("dl", { class: "tallies" }), expected: el("p", { class: "expected" }),
    running: el("ul", { class: "cards" }), nodes: el("ul", { class: "cards nodes" }),
    failed: el("ul", { class: "rows" }), waiting: el("ul", { class: "rows" }), rejected: el("ul", { class: "rows" }),
  };
  parts.none = el("p", { class: "dim" }, "");
  const latest = strip();
  const quiet = el("p", { class: "dim" }, "");
  const sections = {
    failed: section("Failed last", "failed", parts.failed),
    waiting: section("Waiting", "waiting", parts.waiting),
    rejected: section("Rejected files", "rejected", parts.rejected),
  };
  root.append(
    el("h1", { class: "unseen" }, "Live"),
    section("Queue", "queue", parts.tallies, parts.expected, find()),
    section("Running", "running", parts.running, quiet),
    section("Nodes", "nodes", parts.nodes, parts.none),
    latest.element, ...Object.values(sections),
  );
  const draw = (status) => {
    if (!status) return;
    tallies(parts.tallies, status.jobs ?? {});
    say(parts.expected, expectation(status.expected ?? {}));
    keyed(parts.running, status.running ?? [], (one) => one.job, ...runningCard);
    say(quiet, status.running?.length ? "" : "Nothing runs now.");
    keyed(parts.nodes, [...(status.controllers ?? []), ...living(status.workers ?? [])], (one) => one.worker, ...nodeCard);
    keyed(parts.failed, status.failed ?? [], (one) => `${one.job}/${one.attempt}`, ...failedRow);
    keyed(parts.waiting, status.waiting ?? [], (one) => one.job, ...waitingRow);
    keyed(parts.rejected, status.rejected?.latest ?? [], (one) => one.file, ...rejectedRow);
    say(parts.none, [
      living(status.workers ?? []).length ? "" : "No worker is there; start one with 'spoolworker run'.",
      status.controllers?.length ? "" : "No controller is there: jobs run all the same, but their images show here only once one has merged them.",
    ].filter(Boolean).join(" "));
    for (const [name, shown] of Object.entries(sections)) shown.hidden = !parts[name].children.length;
  };
  if (!live.status) say(quiet, "Looking at the spool.");
  draw(live.status);
  const stop = listen(live, "status", draw);
  return {
    title: "Live",
    leave: () => {
      stop();
      latest.leave();
    },
  };
}

const living = (workers) => workers.filter((one) => (one.shown_state ?? one.state) !== "stopped");

function tallies(list, jobs) {
  const queue = typeof jobs.queue === "object" && jobs.queue ? Object.entries(jobs.queue) : [];
  const told = [
    ...queue.map(([name, count]) => ({ key: `queue/${name}`, name, count, kind: "queue" })),
    ...TALLIES.filter(([key]) => jobs[key] || !["finished", "cancelled"].includes(key))
      .map(([key, name]) => ({ key, name, count: jobs[key] ?? 0, kind: key })),
  ];
  keyed(list, told, (one) => one.key, (one) => el("div", { "data-tally": one.key, "data-kind": one.kind },
    el("dt", {}, LISTED.has(one.kind) ? el("a", { href: `#/jobs/${one.key}` }, one.name) : one.name), el("dd", {}, "")), (row, one) => {
    say(row.lastChild, number(one.count));
    row.classList.toggle("none", !one.count);
  });
}

/** When the queue will be done, in one line. */
function expectation(queue) {
  if (!queue.jobs) return "The queue is empty.";
  if (!queue.workers) return `${counted(queue.jobs, "job")} in the queue; no worker takes jobs now.`;
  const on = `${counted(queue.jobs, "job")} in the queue on ${counted(queue.workers, "worker")}`;
  const without = queue.unfit ? ` About ${number(queue.unfit)} fit none of them.` : "";
  if (typeof queue.mid_s !== "number") return `${on}; when it will be done is not known.${without}`;
  const about = `${on}: done in about ${roughly(queue.mid_s)}, around ${clock(queue.mid_s)}`;
  return `${about} (${roughly(queue.low_s)} to ${roughly(queue.high_s)}, ${queue.learned >= 0.5 ? "learned" : "by formula"}).${without}`;
}

function find() {
  const name = el("input", { type: "search", name: "job", placeholder: "A job's name", "aria-label": "A job's name", autocomplete: "off", spellcheck: "false" });
  return el("form", {
    class: "find", "aria-label": "Look at a job", onsubmit: (event) => {
      event.preventDefault();
      if (name.value.trim()) openJob(name.value.trim());
    },
  }, name, el("button", { type: "submit" }, "Look"));
}

/** The images made last; tapping one opens it large. */
function strip() {
  const row = el("ul", { class: "strip" });
  const shown = section("Made last", "latest", row, el("p", {}, el("a", { href: "#/images" }, "All images")));
  shown.hidden = true;
  let images = [];
  let isLeft = false;
  const draw = () => keyed(row, images, (image) => image.id, (image) => {
    const cell = fillCell(el("button", { type: "button", class: "cell", onclick: () => openLarge(new FixedList(images), images.indexOf(image)) }), "eager");
    if (image.width && image.height) cell.style.aspectRatio = `${image.width} / ${image.height}`;
    return el("li", {}, cell);
  }, (item, image) => showIn(item.firstChild, image, "Open image, "));
  const look = settled(300, async () => {
    const answer = await get("/api/images", { limit: LATEST }).catch(() => null); // the connection's state says it; asked again
    if (!answer) {
      if (!isLeft) setTimeout(look, AGAIN_MS);
      return;
    }
    images = adopt(answer.images);
    shown.hidden = !images.length;
    draw();
  });
  look();
  const stop = [listen(live, "results", look), onWords(draw)];
  return { element: shown, leave: () => {
    isLeft = true;
    for (const one of [look.cancel, ...stop]) one();
  } };
}
