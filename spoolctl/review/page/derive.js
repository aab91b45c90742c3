// Jobs made from an image: variations, the same seed larger, upscale only. What would be submitted is told first.

import { post } from "./api.js";
import { framed, show } from "./dialogs.js";
import { button, el, mark, say, settled } from "./dom.js";
import { counted } from "./format.js";
import { outcome, toast } from "./toast.js";

const HOW = {
  variations: { text: "Variations", title: "Variations of this image", field: ["count", "How many", 4, 1, 100, 1] },
  larger: { text: "Larger, same seed", title: "Larger, with the same seed", field: ["factor", "Factor", 2, 1.25, 4, 0.25] },
  upscale: { text: "Upscale only", title: "Upscale this image only", field: ["factor", "Factor", 2, 1.25, 4, 0.25] },
};
const CLASSES = ["interactive", "normal", "batch"];
const LOOK_MS = 300;

/** The jobs submitted from an image on this visit. */
const made = new Map();
export const madeFrom = (id) => made.get(id) ?? [];

/** A button for each way; `image()` tells from which, `submitted()` hears when jobs were. */
export function deriveButtons(image, submitted) {
  return el("div", { class: "row", role: "group", "aria-label": "Make from it" },
    Object.entries(HOW).map(([how, { text }]) => button(text, () => image() && ask(image(), how, submitted), { class: "quiet" })));
}

function ask(image, how, submitted) {
  const { title, field: [name, label, start, min, max, step] } = HOW[how];
  const amount = el("input", { type: "number", min, max, step, value: start, required: true, inputmode: "decimal", autofocus: true });
  const jobClass = el("select", {}, CLASSES.map((one) => el("option", { value: one }, one)));
  const summary = el("p", { class: "summary", role: "status" }, "looking");
  const submit = button("Submit", () => send(), { class: "main", disabled: true });
  const body = () => ({ image: image.id, how, [name]: amount.valueAsNumber, class: jobClass.value });
  let turn = 0;

  const look = async () => {
    const mine = ++turn;
    mark(submit, "disabled", true);
    if (!amount.checkValidity()) {
      say(summary, amount.validationMessage);
      return;
    }
    const told = await tried({ ...body(), dry_run: true });
    if (mine !== turn) return;
    say(summary, told.text);
    mark(submit, "disabled", told.isGood ? null : true);
  };
  const send = async () => {
    mark(submit, "disabled", true);
    try {
      const done = outcome(await post("/api/derive", body()));
      if (!done.length) return;
      const jobs = done.flatMap((one) => one.jobs ?? [one.job]);
      made.set(image.id, [...madeFrom(image.id), ...jobs]);
      dialog.close();
      submitted();
      setTimeout(() => toast(`Submitted: ${counted(jobs.length, "job")}`)); // once the dialog is gone
    } catch (error) {
      say(summary, [error.message, error.hint].filter(Boolean).join("; "));
    } finally {
      mark(submit, "disabled", null);
    }
  };
  const later = settled(LOOK_MS, look);
  const dialog = framed(title,
    el("div", { class: "pair", oninput: later }, el("label", {}, label, amount), el("label", {}, "Class", jobClass)),
    summary,
    el("div", { class: "actions" }, button("Leave it", () => dialog.close()), submit));
  show(dialog);
  look();
}

async function tried(body) {
  try {
    const { done = [], errors = [] } = await post("/api/derive", body);
    if (errors.length) return { isGood: false, text: [errors[0].error?.message, errors[0].error?.hint].filter(Boolean).join("; ") };
    return { isGood: true, text: done.map((one) => one.summary).filter(Boolean).join("; ") || "nothing to tell" };
  } catch (error) {
    return { isGood: false, text: [error.message, error.hint].filter(Boolean).join("; ") };
  }
}
