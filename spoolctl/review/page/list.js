// Lists of images by their place. ImageList fetches pages as they come into view and keeps them; a list does not change
// under a person's hands: new results wait until they are asked for. FixedList is one that is all here.

import { get } from "./api.js";
import { settled } from "./dom.js";
import { listen, live } from "./live.js";
import { adopt, tellNew, words } from "./words.js";

const PAGE = 200;
const TRIES = 3;
const NEWS_MS = 800;
const AGAIN_MS = 4000;

/** Whether an image still is what the filters on words ask for; others do not change. */
function matches(image, query) {
  if (query.rated === "true" && image.rating === null) return false;
  if (query.rated === "false" && image.rating !== null) return false;
  if (query.rating && !(image.rating >= Number(query.rating))) return false;
  return !query.choice || query.choice === (image.choice ?? "neither");
}

/** Tells "change" (pages or count), "news" (more images there than shown), "trouble" (detail: the error). */
export class ImageList extends EventTarget {
  count = null;
  news = 0;
  /** While set, nobody looks at it. */
  isResting = false;
  #query;
  #pages = new Map();
  #asked = new Set();
  #arrived = 0;
  #isTroubled = false;
  #seen = [0, 0];
  #version = live.results?.version;
  #abort = new AbortController();
  #stop = [];

  constructor(query) {
    super();
    this.#query = query;
    this.#stop = [listen(live, "results", settled(NEWS_MS, () => this.look()))];
    this.want(0, 0);
  }

  close() {
    this.#abort.abort();
    for (const stop of this.#stop) stop();
  }

  get(index) {
    return this.#pages.get(Math.floor(index / PAGE))?.[index % PAGE];
  }

  indexOf(id) {
    for (const [page, images] of this.#pages) {
      const at = images.findIndex((image) => image.id === id);
      if (at >= 0) return page * PAGE + at;
    }
    return -1;
  }

  /** Fetches what is not here of that range, which is what people look at. */
  want(first, last) {
    this.#seen = [first, last];
    const end = Math.min(last, (this.count ?? 1) - 1);
    for (let page = Math.floor(Math.max(0, first) / PAGE); page * PAGE <= end; page += 1) {
      if (!this.#pages.has(page) && !this.#asked.has(page)) this.#fetch(page);
    }
  }

  /** The images from one place to another, as far as they are here. */
  range(from, to) {
    const found = [];
    for (let at = Math.min(from, to); at <= Math.max(from, to); at += 1) if (this.get(at)) found.push(this.get(at));
    return found;
  }

  /** Begins anew, with what has come. */
  renew() {
    this.#abort.abort();
    this.#abort = new AbortController();
    this.#pages.clear();
    this.#asked.clear();
    Object.assign(this, { count: null, news: 0 });
    this.#arrived = 0;
    this.#isTroubled = false;
    this.want(0, 0);
  }

  async #fetch(page) {
    const { signal } = this.#abort;
    this.#asked.add(page);
    try {
      this.#pages.set(page, adopt(await this.#images(page, signal)));
      this.#asked.delete(page);
      this.#isTroubled = false;
      this.dispatchEvent(new CustomEvent("change"));
    } catch (error) {
      if (error.name !== "AbortError") this.#failed(page, signal, error);
    }
  }

  /** Tells it once, and asks again in a while, unless what was asked for is what is wrong. */
  #failed(page, signal, error) {
    if (!this.#isTroubled) this.dispatchEvent(new CustomEvent("trouble", { detail: error }));
    this.#isTroubled = true;
    if (error.status >= 400 && error.status < 500) return;
    setTimeout(() => {
      if (!signal.aborted) this.#fetch(page);
    }, AGAIN_MS);
  }

  /** A page by its place in the list as it was: what came at the front since, and what left the filter, is reckoned with. */
  async #images(page, signal) {
    for (let tries = 1; ; tries += 1) {
      const arrived = this.#arrived;
      const offset = Math.max(0, page * PAGE + (this.#isNewestFirst ? arrived : 0) - this.#gone(page * PAGE));
      const answer = await get("/api/images", { ...this.#query, limit: PAGE, offset }, signal);
      if (this.count === null) this.count = answer.count;
      this.#arrived = Math.max(0, answer.count - (this.count - this.#gone(Infinity)));
      if (!this.#isNewestFirst || this.#arrived === arrived || tries === TRIES) return answer.images;
    }
  }

  get #isNewestFirst() {
    return (this.#query.order ?? "newest") === "newest";
  }

  #gone(before) {
    if (!this.#query.rated && !this.#query.rating && !this.#query.choice) return 0;
    let gone = 0;
    for (const [page, images] of this.#pages) {
      if (page * PAGE < before) gone += images.filter((image) => !matches(image, this.#query)).length;
    }
    return gone;
  }

  /** What others said elsewhere since: the images in view are looked at again, and stay where they are. */
  async #hear() {
    const { version } = live.results ?? {};
    if (version === this.#version) return;
    this.#version = version;
    const [first, last] = this.#seen;
    const { signal } = this.#abort;
    for (let page = Math.floor(Math.max(0, first) / PAGE); page * PAGE <= last; page += 1) {
      if (!this.#pages.has(page)) continue;
      try {
        tellNew(await this.#images(page, signal));
      } catch {
        return; // the connection's state says it; the next event looks again
      }
    }
  }

  /** Asks how many there are now. */
  async look() {
    if (this.isResting || this.count === null) return;
    try {
      const { count } = await get("/api/images", { ...this.#query, limit: 1 }, this.#abort.signal);
      this.#arrived = Math.max(0, count - (this.count - this.#gone(Infinity)));
    } catch {
      return; // the connection's state says it; the next event looks again
    }
    await this.#hear();
    if (this.count === 0 && this.#arrived) this.renew();
    else if (this.#arrived !== this.news) {
      this.news = this.#arrived;
      this.dispatchEvent(new CustomEvent("news"));
    }
  }
}

/** A list that is all here, for the large view of a few images. */
export class FixedList extends EventTarget {
  constructor(images) {
    super();
    this.images = images;
    this.count = images.length;
  }

  get(index) {
    return this.images[index];
  }

  indexOf(id) {
    return this.images.findIndex((image) => image.id === id);
  }

  want() {}
}

/** Calls for each image of which something was said. */
export const onWords = (call) => listen(words, "changed", ({ ids }) => call(ids));
