// One thumbnail with what is said of its image; the same in the gallery, the grid and the strip of the latest.

import { thumbOf } from "./api.js";
import { el, mark } from "./dom.js";
import { spoken } from "./facts.js";
import { letterOf } from "./marks.js";

const TRIES = 4;
const AGAIN_MS = 1500;

/** The inside of a thumbnail's element: picture and badges. Where there are many, a picture is fetched once it comes near. */
export function fillCell(cell, loading = "lazy") {
  cell.append(
    el("img", { alt: "", loading, decoding: "async", draggable: "false" }),
    el("span", { class: "badges", "aria-hidden": "true" }),
  );
  const picture = cell.firstChild;
  picture.addEventListener("load", () => {
    cell.classList.add("loaded");
    cell.classList.remove("broken");
  });
  picture.addEventListener("error", () => {
    cell.classList.add("broken");
    cell.classList.remove("loaded");
    again(picture, picture.dataset.of);
  });
  return cell;
}

/** A thumbnail that did not come is asked for again, a few times: the share may have been away. */
function again(picture, id) {
  const tries = Number(picture.dataset.tries ?? 0) + 1;
  picture.dataset.tries = tries;
  if (tries > TRIES) return;
  setTimeout(() => {
    if (picture.isConnected && picture.dataset.of === id) picture.src = thumbOf(id);
  }, AGAIN_MS * tries);
}

/** Shows an image, or a placeholder where it is not here yet; `withPicture` false leaves the picture for later. */
export function showIn(cell, image, label, withPicture = true) {
  mark(cell, "data-image", image?.id);
  mark(cell, "aria-label", image ? `${label}${spoken(image)}${letterOf(image.id) ? ", marked for compare" : ""}` : `${label}not loaded yet`);
  mark(cell, "data-choice", image?.choice);
  mark(cell, "data-rating", image?.rating);
  const picture = cell.firstChild;
  if (image && withPicture && picture.dataset.of !== image.id) {
    picture.dataset.of = image.id;
    picture.dataset.tries = 0;
    cell.classList.remove("loaded", "broken");
    picture.src = thumbOf(image.id);
  }
  badges(cell.lastChild, image);
}

function badges(shown, image) {
  const told = [];
  if (image?.choice === "picked") told.push(["picked", "✓"]);
  if (image?.choice === "rejected") told.push(["rejected", "✕"]);
  if (image?.note) told.push(["noted", "✎"]);
  if (image && letterOf(image.id)) told.push(["marked", letterOf(image.id)]);
  if (typeof image?.rating === "number") told.push(["rated", `${image.rating}★`]);
  const key = told.join("|");
  if (shown.dataset.key === key) return;
  shown.dataset.key = key;
  shown.replaceChildren(...told.map(([kind, text]) => el("span", { class: `badge ${kind}`, "data-text": text })));
}
