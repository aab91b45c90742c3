// The jobs of a group: by state, a hundred at a time, with what can be done with the checked ones.

import { button, el, keyed, mark, say } from "./dom.js";
import { ago, counted, duration, number } from "./format.js";
import { cancelJobs, holdJobs, jobLink, moveChoice, moveJobs, releaseJobs, retryJobs } from "./jobs.js";

const SHOWN = 100;
const ORDER = ["running", "failed", "queued", "waiting", "held", "cancelled", "gone", "succeeded"];

export class JobTable {
  #jobs = [];
  #state = "";
  #shown = SHOWN;
  #checked = new Set();

  constructor(after) {
    this.after = after;
    this.title = el("h2", { id: "group-jobs" }, "Jobs");
    this.states = el("div", { class: "row states", role: "group", "aria-label": "Show jobs that are" });
    this.all = el("input", { type: "checkbox", "aria-label": "Check all that are listed", onchange: () => this.#checkAll() });
    this.rows = el("tbody");
    this.more = button("", () => {
      this.#shown += SHOWN;
      this.#draw();
    }, { class: "quiet" });
    this.bulk = this.#bulk();
    this.table = el("table", { class: "jobs" },
      el("thead", {}, el("tr", {}, el("th", { scope: "col" }, this.all),
        ...["Job", "State", "Worker", "Time", "Images"].map((name) => el("th", { scope: "col" }, name)))),
      this.rows);
    this.element = el("details", { class: "jobs-section", "aria-labelledby": "group-jobs" },
      el("summary", {}, this.title), this.states, this.bulk, this.table, this.more);
  }

  show(jobs) {
    this.#jobs = [...jobs].sort((one, other) => ORDER.indexOf(one.state) - ORDER.indexOf(other.state));
    const there = new Set(jobs.map((one) => one.job));
    for (const job of this.#checked) if (!there.has(job)) this.#checked.delete(job);
    this.#draw();
  }

  #listed() {
    return this.#state ? this.#jobs.filter((one) => one.state === this.#state) : this.#jobs;
  }

  #draw() {
    say(this.title, `Jobs (${number(this.#jobs.length)})`);
    const counts = new Map([["", this.#jobs.length]]);
    for (const { state } of this.#jobs) counts.set(state, (counts.get(state) ?? 0) + 1);
    if (!counts.has(this.#state)) this.#state = "";
    this.states.hidden = counts.size <= 2;
    keyed(this.states, [...counts], ([state]) => state, ([state]) => button("", () => {
      this.#state = state;
      this.#shown = SHOWN;
      this.#draw();
    }, { class: "quiet" }), (shown, [state, count]) => {
      say(shown, `${state || "all"} (${number(count)})`);
      mark(shown, "aria-pressed", String(state === this.#state));
    });
    const listed = this.#listed();
    keyed(this.rows, listed.slice(0, this.#shown), (one) => one.job, (one) => this.#create(one), (row, one) => this.#update(row, one));
    this.more.hidden = listed.length <= this.#shown;
    say(this.more, `Show more (${number(listed.length - this.#shown)} left)`);
    this.#checkedNow();
  }

  #create(one) {
    const box = el("input", {
      type: "checkbox", "aria-label": `Check ${one.job}`, onchange: () => {
        if (box.checked) this.#checked.add(one.job);
        else this.#checked.delete(one.job);
        this.#checkedNow();
      },
    });
    return el("tr", { "data-job": one.job }, el("td", {}, box), el("th", { scope: "row" }, jobLink(one.job)),
      el("td", {}, el("span", { class: "pill" }), " ", el("span", { class: "code" })), el("td"), el("td"), el("td"));
  }

  #update(row, one) {
    row.querySelector("input").checked = this.#checked.has(one.job);
    say(row.querySelector(".pill"), one.state ?? "?");
    mark(row.querySelector(".pill"), "data-state", one.state);
    say(row.querySelector(".code"), [one.code, one.attempts > 1 ? `attempt ${one.attempts}` : ""].filter(Boolean).join(", "));
    const [, , , worker, time, images] = row.children;
    say(worker, one.worker ?? "");
    say(time, [duration(one.seconds), one.ended && ago(one.ended)].filter(Boolean).join(", "));
    say(images, number(one.images));
  }

  #checkAll() {
    for (const { job } of this.#listed()) {
      if (this.all.checked) this.#checked.add(job);
      else this.#checked.delete(job);
    }
    this.#draw();
  }

  #checkedNow() {
    const listed = this.#listed();
    this.all.checked = listed.length > 0 && listed.every(({ job }) => this.#checked.has(job));
    this.all.indeterminate = !this.all.checked && this.#checked.size > 0;
    this.bulk.hidden = !this.#checked.size;
    say(this.bulk.firstChild, `${counted(this.#checked.size, "job")} checked`);
  }

  #bulk() {
    const jobs = () => [...this.#checked];
    const then = async (done) => {
      if (!(await done)) return;
      this.#checked.clear();
      this.after();
    };
    const isRunning = () => this.#jobs.some((one) => one.state === "running" && this.#checked.has(one.job));
    return el("div", { class: "bulk", role: "group", "aria-label": "Do with the checked jobs", hidden: true },
      el("b"),
      moveChoice((to) => then(moveJobs(jobs(), to)), "Move the checked jobs to class"),
      button("Hold", () => then(holdJobs(jobs()))), button("Release", () => then(releaseJobs(jobs()))),
      button("Retry", () => then(retryJobs(jobs()))), button("Cancel", () => then(cancelJobs(jobs(), isRunning())), { class: "bad" }));
  }
}
