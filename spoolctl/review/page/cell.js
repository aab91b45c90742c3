// One thumbnail with what is said of its image; the same in the gallery, the grid and the strip of the latest.

import { thumbOf } from "./api.js";
import { el, mark } from "./dom.js";
import { spoken } from "./facts.js";
import { letterOf } from "./marks.js";

/** The inside of a thumbnail's element: picture and badges. Where there are many, a picture is fetched once it comes near. */
export function fillCell(cell, loading = "lazy") {
  cell.append(
    el("img", { alt: "", loading, decoding: "async", draggable: "false" }),
    el("span", { class: "badges", "aria-hidden": "true" }),
  );
  const picture = cell.firstChild;
  picture.addEventListener("load", () => cell.classList.add("loaded"));
  picture.addEventListener("error", () => {
    cell.classList.add("broken");
    cell.classList.remove("loaded");
  });
  return cell;
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
