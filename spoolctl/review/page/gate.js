// The gate of a group: preview jobs that others wait for. Approving says of each job which of its images go on: once, and
// for good; so it is asked first, with what it releases.

import { get, post, thumbOf } from "./api.js";
import { confirmed } from "./dialogs.js";
import { button, el, keyed, say } from "./dom.js";
import { ago, counted } from "./format.js";
import { jobLink } from "./jobs.js";
import { openLarge } from "./large.js";
import { FixedList } from "./list.js";
import { alarm, outcome, toast } from "./toast.js";
import { adopt } from "./words.js";

export class Gate {
  #gate = [];

  /** `after()` is called when something was approved. */
  constructor(after) {
    this.after = after;
    this.list = el("ul", { class: "rows gate" });
    this.all = button("", () => this.#approve(this.#ready()), { class: "main", id: "approve" });
    this.hint = el("p", { class: "dim" }, "Pick the images that go on, in the gallery below or from a job's images (key p); then approve. Jobs of which nothing is picked keep waiting.");
    this.element = el("section", { "aria-labelledby": "gate", class: "gate-section", hidden: true },
      el("h2", { id: "gate" }, "Gate"), this.hint, el("div", { class: "row" }, this.all), this.list);
  }

  show(gate) {
    this.#gate = gate;
    this.element.hidden = !gate.length;
    const ready = this.#ready();
    const open = gate.filter((one) => !one.approved);
    this.hint.hidden = this.all.hidden = !open.length;
    this.all.disabled = !ready.length;
    say(this.all, `Approve picked (${this.#count(ready)})`);
    keyed(this.list, [...open, ...gate.filter((one) => one.approved)], (one) => one.job, (one) => this.#create(one), (row, one) => this.#update(row, one));
  }

  #ready() {
    return this.#gate.filter((one) => !one.approved && one.picked?.length);
  }

  #count(jobs) {
    return jobs.reduce((sum, one) => sum + one.picked.length, 0);
  }

  #create(one) {
    const approve = button("", () => this.#approve(this.#gate.filter((each) => each.job === one.job)), { class: "approve" });
    return el("li", { "data-job": one.job },
      el("div", { class: "head" }, jobLink(one.job), el("span", { class: "pill" })),
      el("p", { class: "dim" }), el("div", { class: "picks" }),
      el("div", { class: "row" }, approve, button("All its images", () => this.#look(one.job), { class: "quiet" })));
  }

  #update(row, one) {
    const { approved } = one;
    const shown = approved?.images ?? one.picked ?? [];
    const pill = row.querySelector(".pill");
    say(pill, approved ? "approved" : shown.length ? `${shown.length} picked` : "nothing picked");
    pill.dataset.state = approved ? "done" : shown.length ? "running" : "idle";
    const releases = counted(one.released?.length ?? 0, "job");
    say(row.querySelector("p"), approved
      ? [shown.length ? `${counted(shown.length, "image")} approved` : "all its images approved", approved.by && `by ${approved.by}`, ago(approved.at), `for ${releases}`].filter(Boolean).join(" · ")
      : `${releases} wait${one.released?.length === 1 ? "s" : ""} for it`);
    keyed(row.querySelector(".picks"), shown.map((index) => `${one.job}:${index}`), (id) => id,
      (id) => el("button", { type: "button", "data-picked": id, onclick: () => this.#look(one.job, id) },
        el("img", { src: thumbOf(id), alt: `Picked image ${id}`, loading: "lazy" })));
    const approve = row.querySelector(".approve");
    approve.hidden = Boolean(approved);
    approve.disabled = !shown.length;
    say(approve, `Approve picked (${shown.length})`);
  }

  /** The images of a job, large; picking goes on there. */
  async #look(job, id = null) {
    try {
      const images = adopt((await get("/api/images", { job, order: "plan", limit: 200 })).images);
      if (images.length) openLarge(new FixedList(images), Math.max(0, images.findIndex((image) => image.id === id)));
      else toast("No image of this job is known yet");
    } catch (error) {
      alarm(error);
    }
  }

  async #approve(jobs) {
    const images = jobs.flatMap((one) => one.picked.map((index) => `${one.job}:${index}`));
    const released = new Set(jobs.flatMap((one) => one.released ?? []));
    if (!images.length) return;
    const sure = await confirmed({
      title: `Approve ${counted(images.length, "image")}?`,
      lines: [
        `This is final: of ${jobs.length === 1 ? "this job" : `each of these ${jobs.length} jobs`} exactly the picked images go on, and no others later.`,
        released.size ? `It releases ${counted(released.size, "job")}.` : "No job waits for it now.",
      ],
      action: `Approve ${counted(images.length, "image")}`,
    });
    if (!sure) return;
    try {
      const done = outcome(await post("/api/approve", { images }));
      if (done.length) toast(`Approved: ${counted(done.length, "job")}`);
    } catch (error) {
      alarm(error);
    }
    this.after();
  }
}
