// Begins: which view is shown by the address, the page's frame (connection, theme, trouble), and the keys that hold everywhere.

import { door, get } from "./api.js";
import { anyOpen, showKeys } from "./dialogs.js";
import { button, el, isTyping, mark, say } from "./dom.js";
import { compareView } from "./compare.js";
import { gridView } from "./grid.js";
import { groupView } from "./group.js";
import { groupsView } from "./groups.js";
import { imagesView } from "./images.js";
import { jobsView } from "./joblist.js";
import { keep, kept } from "./kept.js";
import { live } from "./live.js";
import { showTray } from "./marks.js";
import { queueView } from "./queue.js";
import { undo } from "./words.js";

const VIEWS = { live: queueView, jobs: jobsView, groups: groupsView, group: groupView, images: imagesView, compare: compareView, grid: gridView };
const TAB_OF = { jobs: "live", group: "groups", compare: "images", grid: "images" };
const THEMES = ["auto", "light", "dark"];
const main = document.getElementById("main");
let now = { name: null, view: null };

/** "#/group/NAME?order=best" in parts. */
function route() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  const [name, ...rest] = path.split("/");
  return { name: name || "live", rest: decode(rest.join("/")), query: new URLSearchParams(query) };
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function go() {
  const asked = route();
  const make = VIEWS[asked.name];
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  for (const tab of document.querySelectorAll("[data-view]")) {
    mark(tab, "aria-current", tab.dataset.view === (TAB_OF[asked.name] ?? asked.name) ? "page" : null);
  }
  if (now.name === `${asked.name}/${asked.rest}` && now.view?.renew) {
    now.view.renew(asked);
    return;
  }
  const isFirst = !now.view;
  now.view?.leave?.();
  main.replaceChildren();
  scrollTo(0, 0);
  now = { name: `${asked.name}/${asked.rest}`, view: make ? make(main, asked) : nothing(asked) };
  document.title = `${now.view.title} · ${document.getElementById("brand").textContent}`;
  const { activeElement } = document;
  if (!isFirst && (activeElement === document.body || activeElement.closest("header"))) main.focus({ preventScroll: true });
}

function nothing(asked) {
  main.append(el("h1", {}, "No such page"), el("p", {}, `There is no view '${asked.name}'.`), el("p", {}, el("a", { href: "#/" }, "Live")));
  return { title: "No such page" };
}

function showConnection() {
  const shown = document.getElementById("connection");
  const words = { live: "live", connecting: "connecting", lost: "not connected, trying again" };
  say(shown, door.isClosed ? "not let in" : words[live.state]);
  shown.dataset.state = live.state;
}

function showTrouble() {
  const banner = document.getElementById("banner");
  if (door.isClosed) return;
  banner.hidden = !live.trouble;
  if (live.trouble) {
    banner.replaceChildren(el("b", {}, live.trouble.message ?? "the share does not answer"), el("span", {}, live.trouble.hint ?? ""));
  }
}

door.closed = () => {
  door.isClosed = true;
  showConnection();
  const banner = document.getElementById("banner");
  banner.hidden = false;
  banner.replaceChildren(
    el("b", {}, "This page needs its link again (with the token)."),
    el("span", {}, "Open the link that 'spoolctl review' printed when it was started."),
    button("Try again", () => location.reload()),
  );
};

function showTheme() {
  const shown = document.getElementById("theme");
  const theme = kept("theme", "auto");
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  say(shown, `Theme: ${theme}`);
}

function takeKey(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || anyOpen()) return;
  if (event.key === "?") showKeys();
  else if (event.key === "z") undo();
  else if (event.key === "/") {
    if (now.view?.find) now.view.find();
    else location.hash = "#/images?find";
  } else if (!now.view?.key?.(event)) return;
  event.preventDefault();
}

document.getElementById("theme").addEventListener("click", () => {
  keep("theme", THEMES[(THEMES.indexOf(kept("theme", "auto")) + 1) % THEMES.length]);
  showTheme();
});
document.getElementById("keys").addEventListener("click", showKeys);
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address is the view's
  main.focus();
});
addEventListener("keydown", takeKey);
addEventListener("hashchange", go);
live.addEventListener("state", showConnection);
live.addEventListener("trouble", showTrouble);
live.addEventListener("well", showTrouble);
showConnection();
showTheme();
showTray(document.getElementById("tray"));
live.start();
go();
get("/api/about").then((about) => {
  const brand = document.getElementById("brand");
  say(brand, about.spool_id ?? "Spool");
  brand.title = [about.root, about.user && `as ${about.user}`, about.version && `spoolctl ${about.version}`].filter(Boolean).join("\n");
  document.title = `${now.view?.title ?? "Review"} · ${brand.textContent}`;
}).catch(() => {}); // the connection's state says it
