// One group: state and plan, its gate, its jobs, its images.

import { get } from "./api.js";
import { button, el, mark, say, settled } from "./dom.js";
import { counted, duration, number } from "./format.js";
import { Gate } from "./gate.js";
import { JobTable } from "./jobtable.js";
import { cancelGroup, retryGroup } from "./jobs.js";
import { listen, live } from "./live.js";
import { Panel } from "./panel.js";
import { queryOf } from "./filters.js";
import { alarm } from "./toast.js";
import { words } from "./words.js";

const AGAIN_MS = 1000;
const REST_MS = 5000;
const OPEN = ["queued", "waiting", "held", "running"];

export function groupView(root, { rest: name, query }) {
  const view = new Group(name);
  root.append(...view.parts);
  const panel = new Panel({ ...queryOf(query), group: name }, `Images of ${name}`);
  view.images.append(panel.element);
  panel.shown();
  view.look();
  return {
    title: name,
    leave: () => {
      view.leave();
      panel.leave();
    },
    key: (event) => panel.key(event),
  };
}

class Group {
  #looked = 0;
  #rest = REST_MS;
  #isLooking = false;
  #stop;
  #later = settled(AGAIN_MS, () => this.look());

  constructor(name) {
    this.name = name;
    this.title = el("h1", {}, name);
    this.state = el("span", { class: "pill" });
    this.told = el("p", { class: "told" }, "Looking.");
    this.retryFailed = button("Retry the failed", async () => this.#after(await retryGroup(name, false)));
    this.retryAll = button("Retry failed and cancelled", async () => this.#after(await retryGroup(name, true)));
    this.cancel = button("Cancel the group", async () => this.#after(await cancelGroup(name, this.left)), { class: "bad" });
    this.plan = el("details", { class: "plan", hidden: true }, el("summary", {}, "Plan"), el("dl", { class: "facts" }));
    this.gate = new Gate(() => this.look());
    this.jobs = new JobTable(() => this.look());
    this.images = el("section", { "aria-labelledby": "group-images" }, el("h2", { id: "group-images" }, "Images"));
    this.parts = [
      el("p", { class: "crumb" }, el("a", { href: "#/groups" }, "Groups")),
      el("div", { class: "head group-head" }, this.title, this.state), this.told,
      el("div", { class: "row" }, this.retryFailed, this.retryAll, this.cancel,
        el("a", { class: "button quiet", href: `#/images?group=${encodeURIComponent(name)}` }, "Filter its images"),
        el("a", { class: "button quiet", href: `#/grid?group=${encodeURIComponent(name)}` }, "Grid of two variables")),
      this.plan, this.gate.element, this.jobs.element, this.images,
    ];
    this.#stop = [
      listen(live, "results", this.#later),
      listen(live, "status", () => Date.now() - this.#looked > this.#rest && this.isOpen !== false && this.look()),
      listen(words, "changed", this.#later),
      this.#later.cancel,
    ];
  }

  leave() {
    for (const stop of this.#stop) stop();
  }

  #after(done) {
    if (done) this.look();
  }

  async look() {
    if (this.#isLooking) {
      this.#later();
      return;
    }
    this.#isLooking = true;
    const began = Date.now();
    try {
      this.#show(await get("/api/group", { name: this.name }));
    } catch (error) {
      if (this.isOpen === undefined) say(this.told, [error.message, error.hint].filter(Boolean).join("; "));
      else alarm(error);
    } finally {
      this.#isLooking = false;
      this.#looked = Date.now();
      this.#rest = Math.max(REST_MS, 10 * (this.#looked - began)); // a slow share is asked less
    }
  }

  #show(group) {
    this.isOpen = group.open ?? false;
    const counts = group.counts ?? {};
    say(this.state, this.isOpen ? "open" : "ended");
    mark(this.state, "data-state", this.isOpen ? "running" : "done");
    say(this.told, [
      Object.entries(counts).filter(([, count]) => count).map(([state, count]) => `${number(count)} ${state}`).join(", "),
      `${counted(group.images ?? 0, "image")}, ${number(group.rated ?? 0)} rated, ${number(group.picked ?? 0)} picked`,
      group.gpu_s ? `${duration(group.gpu_s)} of GPU time` : "", group.folder ?? "",
    ].filter(Boolean).join(" · "));
    const open = OPEN.reduce((sum, state) => sum + (counts[state] ?? 0), 0);
    this.left = open ? `${counted(open, "job")} of it are not done, ${number(counts.running ?? 0)} of them running.` : "";
    this.cancel.hidden = !open;
    this.retryFailed.hidden = !counts.failed;
    say(this.retryFailed, `Retry the failed (${number(counts.failed ?? 0)})`);
    this.retryAll.hidden = !counts.cancelled;
    say(this.retryAll, `Retry failed and cancelled (${number((counts.failed ?? 0) + (counts.cancelled ?? 0))})`);
    this.#plan(group.plan ?? {});
    this.gate.show(group.gate ?? []);
    if (group.gate_more) this.#later(); // of many waiting jobs some are read at a time
    this.jobs.show(group.jobs ?? []);
  }

  #plan(plan) {
    const told = Object.entries(plan).filter(([, value]) => value !== null && value !== "");
    this.plan.hidden = !told.length;
    const key = JSON.stringify(told);
    if (this.plan.dataset.key === key) return;
    this.plan.dataset.key = key;
    this.plan.lastChild.replaceChildren(...told.map(([name, value]) => el("div", {},
      el("dt", {}, name.replaceAll("_", " ")), el("dd", {}, typeof value === "object" ? JSON.stringify(value) : String(value)))));
  }
}
