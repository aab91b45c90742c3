// What can be done with jobs, and a dialog that tells where one stands.

import { get, post } from "./api.js";
import { confirmed, framed, show } from "./dialogs.js";
import { button, el } from "./dom.js";
import { ago, counted, duration } from "./format.js";
import { alarm, outcome, toast } from "./toast.js";

export const CLASSES = ["interactive", "normal", "batch"];
const AFTER = {
  cancel: "Cancelled", retry: "Goes again", hold: "Held", release: "Released",
};

async function act(what, body, text) {
  try {
    const done = outcome(await post(`/api/${what}`, body));
    if (done.length) toast(text(done));
    return done.length > 0;
  } catch (error) {
    alarm(error);
    return false;
  }
}

const named = (done) => (done.length === 1 ? done[0].job : counted(done.length, "job"));

/** Cancels jobs; asked first where work is lost, which is where one runs or many go. */
export async function cancelJobs(jobs, isRunning) {
  const one = jobs.length === 1;
  if (isRunning || !one) {
    const sure = await confirmed({
      title: one ? "Cancel this running job?" : `Cancel ${counted(jobs.length, "job")}?`,
      lines: [one ? jobs[0] : "", isRunning ? "What is running stops, and the work done on it so far is lost." : "", "A cancelled job can be retried."].filter(Boolean),
      action: one ? "Cancel the job" : `Cancel ${counted(jobs.length, "job")}`, bad: true,
    });
    if (!sure) return false;
  }
  return act("cancel", { jobs }, (done) => (done.every((each) => each.result === "asked")
    ? `Asked to stop: ${named(done)}` : `${AFTER.cancel}: ${named(done)}`));
}

export const retryJobs = (jobs) => act("retry", { jobs }, (done) => `${AFTER.retry}: ${named(done)}`);
export const holdJobs = (jobs) => act("hold", { jobs }, (done) => `${AFTER.hold}: ${named(done)}`);
export const releaseJobs = (jobs) => act("release", { jobs }, (done) => `${AFTER.release}: ${named(done)}`);
/** Releases a job; one that waits for something only once the person is sure, as it goes without that then. */
async function releaseJob(job, state) {
  const sure = state !== "waiting" || await confirmed({
    title: "Release this job now?", lines: [job, "It does not wait any longer for what it was to wait for."], action: "Release it",
  });
  return sure && releaseJobs([job]);
}

export const moveJobs = (jobs, to) => act("move", { jobs, class: to }, (done) => `Moved to ${to}: ${named(done)}`);

/** Cancels what is left of a group, once the person is sure. */
export async function cancelGroup(group, left) {
  const sure = await confirmed({
    title: `Cancel the group '${group}'?`,
    lines: [left, "What is running stops, and the work done on it so far is lost. Images that are made stay."].filter(Boolean),
    action: "Cancel the group", bad: true,
  });
  return sure && act("cancel", { group }, (done) => `Cancelled or asked to stop: ${named(done)}`);
}

export const retryGroup = (group, cancelled) => act("retry", cancelled ? { group, cancelled: true } : { group },
  (done) => `${AFTER.retry}: ${named(done)}`);

/** A choice of classes that moves; it says "Move to" until one is chosen. */
export function moveChoice(move, label) {
  return el("select", {
    class: "move", "aria-label": label, onchange: (event) => {
      const to = event.target.value;
      event.target.value = "";
      if (to) move(to);
    },
  }, el("option", { value: "" }, "Move to class"), CLASSES.map((one) => el("option", { value: one }, one)));
}

/** The buttons that fit a job's state; of a state not known, all of them. `after(done)` hears of what was done. */
export function jobButtons(job, state, after = () => {}) {
  const isOpen = !["succeeded", "failed", "cancelled", "gone", "done", "finished"].includes(state);
  const isRunning = ["running", "claimed"].includes(state);
  const can = {
    retry: ["failed", "cancelled"].includes(state),
    hold: isOpen && !isRunning && state !== "held",
    release: ["held", "waiting"].includes(state),
    move: isOpen && !["running", "claimed", "waiting", "held"].includes(state),
    cancel: isOpen,
  };
  const then = (done) => done && after();
  return [
    can.retry && button("Retry", async () => then(await retryJobs([job])), { "aria-label": `Retry ${job}` }),
    can.release && button("Release", async () => then(await releaseJob(job, state)), { "aria-label": `Release ${job}` }),
    can.hold && button("Hold", async () => then(await holdJobs([job])), { "aria-label": `Hold ${job}` }),
    can.move && moveChoice(async (to) => then(await moveJobs([job], to)), `Move ${job} to class`),
    can.cancel && button("Cancel", async () => then(await cancelJobs([job], isRunning)), { class: "bad", "aria-label": `Cancel ${job}` }),
  ].filter(Boolean);
}

/** A job's name that opens its dialog. */
export function jobLink(job) {
  return el("button", { type: "button", class: "link job", onclick: () => openJob(job), title: "Where it stands" }, job);
}

/** Tells where a job stands, what its attempts gave and what its record says. */
export async function openJob(name) {
  const body = el("div", {}, el("p", { class: "dim" }, "looking"));
  const dialog = framed(name, body, el("div", { class: "actions" }, button("Close", () => dialog.close(), { autofocus: true })));
  dialog.classList.add("wide");
  dialog.dataset.job = name;
  show(dialog);
  const look = async () => {
    try {
      body.replaceChildren(...told(await get("/api/job", { name }), look));
    } catch (error) {
      body.replaceChildren(el("p", { role: "alert" }, el("b", {}, error.message), " ", error.hint ?? ""));
    }
  };
  await look();
}

function told(job, again) {
  const attempts = job.attempts ?? [];
  return [
    el("p", {}, el("span", { class: "pill", "data-state": job.state }, job.state ?? "?"), " ", job.told ?? ""),
    el("div", { class: "row" }, jobButtons(job.job, job.state, again),
      el("a", { class: "button quiet", href: `#/images?job=${encodeURIComponent(job.job)}` }, "Its images")),
    attempts.length ? el("h3", {}, "Attempts") : null,
    attempts.length ? el("ol", { class: "attempts" }, attempts.map(attempt)) : null,
    job.record ? el("details", {}, el("summary", {}, "Record"), el("pre", { tabindex: 0 }, JSON.stringify(job.record, null, 2))) : null,
  ].filter(Boolean);
}

function attempt(one) {
  const verdict = one.manifest ?? one;
  const parts = [
    verdict.worker && `on ${verdict.worker}`, one.open ? "open" : verdict.verdict, verdict.code, verdict.message,
    duration(verdict.duration_s), ago(verdict.ended_at),
  ].filter((part) => typeof part === "string" && part);
  return el("li", { value: one.attempt }, parts.join(", ") || "nothing is told of it");
}
