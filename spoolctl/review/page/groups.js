// All groups: what is open first, then what ended last.

import { get } from "./api.js";
import { el, keyed, mark, say, settled } from "./dom.js";
import { ago, counted, number } from "./format.js";
import { listen, live } from "./live.js";
import { alarm } from "./toast.js";

const AGAIN_MS = 1500;

export function groupsView(root) {
  const list = el("ul", { class: "rows groups" });
  const empty = el("p", { class: "dim", role: "status" }, "Looking.");
  root.append(el("h1", {}, "Groups"), empty, list);
  const draw = (groups) => {
    empty.hidden = groups.length > 0;
    say(empty, "No group yet: submit some jobs together, and they are listed here.");
    keyed(list, groups, (one) => one.group, create, update);
  };
  const look = async () => {
    try {
      draw((await get("/api/groups")).groups ?? []);
    } catch (error) {
      alarm(error);
    }
  };
  const later = settled(AGAIN_MS, look);
  const stop = listen(live, "results", later);
  look();
  return {
    title: "Groups",
    leave: () => {
      stop();
      later.cancel();
    },
  };
}

const create = (one) => el("li", { "data-group": one.group },
  el("div", { class: "head" },
    el("a", { class: "name", href: `#/group/${encodeURIComponent(one.group)}` }, one.group), el("span", { class: "pill" })),
  el("div", { class: "bar", role: "progressbar", "aria-label": `Jobs of ${one.group} that ended`, "aria-valuemin": 0, "aria-valuemax": 100 }, el("div")),
  el("p", { class: "dim" }));

function update(row, one) {
  const isOpen = one.open ?? (typeof one.jobs === "number" && one.ended < one.jobs);
  const pill = row.querySelector(".pill");
  pill.hidden = !isOpen && !one.failed && typeof one.jobs !== "number"; // how many it has is not known
  say(pill, isOpen ? "open" : one.failed ? `${number(one.failed)} failed` : "ended");
  mark(pill, "data-state", isOpen ? "running" : one.failed ? "failed" : "done");
  const bar = row.querySelector(".bar");
  const share = one.jobs ? one.ended / one.jobs : null;
  bar.hidden = share === null || !isOpen;
  mark(bar, "aria-valuenow", share === null ? null : Math.round(share * 100));
  bar.firstChild.style.width = `${(share ?? 0) * 100}%`;
  say(row.querySelector("p"), [
    typeof one.jobs === "number" ? `${number(one.ended)} of ${counted(one.jobs, "job")} ended` : `${counted(one.ended ?? 0, "job")} ended`,
    one.failed ? `${number(one.failed)} failed` : "", one.cancelled ? `${number(one.cancelled)} cancelled` : "",
    one.images ? `${counted(one.images, "image")}, ${number(one.rated ?? 0)} rated, ${number(one.picked ?? 0)} picked` : "",
    one.last_end ? ago(one.last_end) : "",
  ].filter(Boolean).join(" · "));
}
