// The jobs that lie in one state, "#/jobs/queue/batch" or "#/jobs/held": the first ones, with what can be done with them.

import { get } from "./api.js";
import { button, el, say, settled } from "./dom.js";
import { number } from "./format.js";
import { JobTable } from "./jobtable.js";
import { listen, live } from "./live.js";
import { alarm } from "./toast.js";

const STEP = 200;
const MOST = 2000;
const AGAIN_MS = 3000;
const NAMES = { queue: "queued", claimed: "running", done: "succeeded" };
const TITLES = { queue: "Queued", waiting: "Waiting", held: "Held", claimed: "Running", failed: "Failed", cancelled: "Cancelled", done: "Done" };

export function jobsView(root, { rest }) {
  const [state, name] = rest.split("/");
  const title = [TITLES[state] ?? state, name].filter(Boolean).join(", ");
  let limit = STEP;
  let isLooking = false;
  const told = el("p", { class: "dim", role: "status" }, "Looking.");
  const more = button("", () => {
    limit = Math.min(MOST, limit + STEP);
    look();
  }, { class: "quiet", hidden: true });
  const table = new JobTable(() => look());
  table.element.open = true;
  root.append(el("p", { class: "crumb" }, el("a", { href: "#/" }, "Live")), el("h1", {}, title), told, table.element, more);

  async function look() {
    if (isLooking) return;
    isLooking = true;
    try {
      const answer = await get("/api/jobs", { state, class: name, limit });
      const jobs = answer.jobs.map((one) => ({ job: one.job, state: NAMES[one.state] ?? one.state, worker: one.worker, attempts: one.attempt, ended: one.day }));
      say(told, jobs.length ? `${answer.more ? `The first ${number(jobs.length)}` : number(jobs.length)}, ${state === "queue" ? "in the order in which they are taken" : "by name"}.` : "None.");
      more.hidden = !answer.more || limit >= MOST;
      say(more, `Show ${number(STEP)} more`);
      table.show(jobs);
    } catch (error) {
      alarm(error);
    } finally {
      isLooking = false;
    }
  }

  const later = settled(AGAIN_MS, look);
  const stop = listen(live, "status", later);
  look();
  return {
    title,
    leave: () => {
      stop();
      later.cancel();
    },
  };
}
