// The server's news: one event stream, begun again when it breaks, closed while nobody looks at the page.

import { get } from "./api.js";

const KINDS = ["status", "results", "said", "trouble", "well"];
const AGAIN_MS = [500, 1000, 2000, 5000, 10000];
const HIDDEN_MS = 60000;

class Live extends EventTarget {
  status = null;
  results = null;
  trouble = null;
  /** "connecting", "live" or "lost". */
  state = "connecting";
  #stream = null;
  #tries = 0;
  #timer = 0;
  #hidden = 0;

  start() {
    this.#open();
    // Browsers allow six connections to one server: streams of pages in the background would use them up.
    document.addEventListener("visibilitychange", () => {
      clearTimeout(this.#hidden);
      if (document.hidden) this.#hidden = setTimeout(() => this.#close(), HIDDEN_MS);
      else if (!this.#stream) this.#open();
    });
    addEventListener("online", () => this.#open());
  }

  #open() {
    this.#close();
    const stream = new EventSource("/api/live");
    this.#stream = stream;
    stream.onopen = () => {
      this.#tries = 0;
      this.#be("live");
    };
    stream.onerror = () => this.#broke();
    for (const kind of KINDS) stream.addEventListener(kind, (event) => this.#take(kind, event.data));
  }

  #close() {
    clearTimeout(this.#timer);
    this.#stream?.close();
    this.#stream = null;
  }

  #broke() {
    this.#close();
    this.#be("lost");
    if (this.#tries === 0) get("/api/about").catch(() => {}); // tells a closed door (401) from a server that is gone
    this.#timer = setTimeout(() => this.#open(), AGAIN_MS[Math.min(this.#tries, AGAIN_MS.length - 1)]);
    this.#tries += 1;
  }

  #be(state) {
    if (this.state === state) return;
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }

  #take(kind, data) {
    let told;
    try {
      told = JSON.parse(data);
    } catch (error) {
      console.error(`the event '${kind}' is no JSON`, error);
      return;
    }
    this.#be("live");
    if (kind === "status" || kind === "results") this[kind] = told;
    if (kind === "trouble") this.trouble = told;
    if (kind === "well" || kind === "status") this.#wellAgain(kind);
    this.dispatchEvent(new CustomEvent(kind, { detail: told }));
  }

  #wellAgain(kind) {
    const was = this.trouble;
    this.trouble = null;
    if (was && kind === "status") this.dispatchEvent(new CustomEvent("well", { detail: {} }));
  }
}

export const live = new Live();

/** Listens until the returned function is called. */
export function listen(target, kind, call) {
  const taken = (event) => call(event.detail, event);
  target.addEventListener(kind, taken);
  return () => target.removeEventListener(kind, taken);
}
