// One image large, with all that is known of it, words, and what can be made from it. A dialog over the gallery; the
// browser's "back" closes it.

import { imageOf, thumbOf } from "./api.js";
import { deriveButtons, madeFrom } from "./derive.js";
import { show as showDialog } from "./dialogs.js";
import { button, el, isTyping, mark, say, takesArrows } from "./dom.js";
import { factList, spoken } from "./facts.js";
import { number } from "./format.js";
import { goesOn, takeImageKey } from "./imagekeys.js";
import { jobLink } from "./jobs.js";
import { listen } from "./live.js";
import { compareHash, isMarked, marked, marks, toggleMarks } from "./marks.js";
import { onWords } from "./list.js";
import { choiceButtons, ratingGroup } from "./rating.js";
import { toast } from "./toast.js";
import { sayOf, words } from "./words.js";

/** Opens the image at a place of a list; `closed(index)` hears where the person left. */
export function openLarge(list, index, closed = () => {}) {
  const view = new Large(list, index);
  history.pushState({ large: true }, "");
  const back = () => view.dialog.close();
  addEventListener("popstate", back);
  view.dialog.addEventListener("close", () => {
    removeEventListener("popstate", back);
    view.leave();
    if (history.state?.large) history.back();
    setTimeout(() => closed(view.index)); // after the dialog has given the focus back
  }, { once: true });
  showDialog(view.dialog);
  view.go(index);
}

class Large {
  #list;
  #stop;
  #image = null;

  constructor(list, index) {
    this.#list = list;
    this.index = index;
    this.#build();
    this.#stop = [
      listen(list, "change", () => !this.#image && this.go(this.index)),
      onWords((ids) => ids.has(this.#image?.id) && this.#said()),
      listen(marks, "changed", () => this.#said()),
      listen(words, "undone", ({ ids }) => {
        const at = list.indexOf(ids[0]);
        if (at >= 0) this.go(at);
      }),
    ];
  }

  leave() {
    this.#keepNote();
    for (const stop of this.#stop) stop();
  }

  #build() {
    const sayThis = (told) => this.#image && sayOf([this.#image.id], told);
    this.picture = el("img", { class: "picture", alt: "", draggable: "false", onclick: (event) => this.#zoom(event) });
    this.stage = el("div", { class: "stage", role: "group", "aria-label": "Picture" }, this.picture);
    this.where = el("h2", { id: "large-title", "aria-live": "polite" }, "");
    this.rating = ratingGroup((rating) => this.#rate(rating));
    this.choice = choiceButtons((choice) => sayThis({ choice }));
    this.note = el("textarea", { rows: 2, "aria-label": "Note", placeholder: "Note", maxlength: 2000, onchange: () => this.#keepNote() });
    this.mark = button("", () => toggleMarks([this.#image.id]), { class: "quiet", "aria-pressed": "false", "aria-keyshortcuts": "C" });
    this.compare = button("Compare", () => this.#compare(), { class: "quiet", "aria-keyshortcuts": "Shift+C" });
    this.facts = el("div");
    this.made = el("ul", { class: "made", "aria-label": "Submitted from this image" });
    this.previous = button("‹", () => this.go(this.index - 1), { class: "step previous", "aria-label": "Previous image", "aria-keyshortcuts": "ArrowLeft" });
    this.next = button("›", () => this.go(this.index + 1), { class: "step next", "aria-label": "Next image", "aria-keyshortcuts": "ArrowRight" });
    this.dialog = el("dialog", { class: "large", "aria-labelledby": "large-title", onkeydown: (event) => this.#key(event) },
      el("div", { class: "view" }, this.stage, this.previous, this.next,
        button("✕", () => this.dialog.close(), { class: "close", "aria-label": "Close", "aria-keyshortcuts": "Escape" })),
      el("div", { class: "side" },
        el("div", { class: "ratebar" }, this.rating.element, this.choice.element),
        el("div", { class: "panel-body" },
          this.where, this.note,
          el("div", { class: "row" }, this.mark, this.compare),
          el("h3", {}, "Make from it"), deriveButtons(() => this.#image, () => this.#made()), this.made,
          el("h3", {}, "Parameters"),
          el("div", { class: "row" }, this.#copy("prompt", "prompt"), this.#copy("seed", "seed"),
            this.original = el("a", { class: "button quiet", target: "_blank", rel: "noopener" }, "Open the file")),
          this.facts)));
    this.stage.tabIndex = -1;
    this.stage.autofocus = true;
    this.picture.addEventListener("error", () => this.stage.classList.add("broken"));
  }

  #copy(what, key) {
    return button(`Copy ${what}`, async () => {
      try {
        await navigator.clipboard.writeText(String(this.#image?.[key] ?? ""));
        toast(`Copied: ${what}`);
      } catch {
        toast("This browser does not let the page copy; select the text instead"); // no clipboard but over https or localhost
      }
    }, { class: "quiet" });
  }

  /** Shows the image at a place of the list; nothing happens beyond its ends. */
  go(index) {
    const count = this.#list.count ?? 0;
    if (index < 0 || index >= count) {
      toast(index < 0 ? "This is the first image" : "This is the last image");
      return;
    }
    this.#keepNote();
    this.index = index;
    this.#list.want(Math.max(0, index - 2), index + 20);
    const image = this.#list.get(index) ?? null;
    const isOther = image?.id !== this.#image?.id;
    this.#image = image;
    say(this.where, `Image ${number(index + 1)} of ${number(count)}`);
    this.previous.disabled = index === 0;
    this.next.disabled = index === count - 1;
    if (!image || !isOther) return;
    this.#picture(image);
    this.facts.replaceChildren(factList(image));
    this.original.href = imageOf(image.id);
    this.note.value = image.note ?? "";
    mark(this.dialog, "data-image", image.id);
    this.#said();
    this.#made();
    for (const near of [index + 1, index - 1, index + 2]) this.#prefetch(near);
  }

  #prefetch(index) {
    const image = this.#list.get(index);
    if (image) new Image().src = imageOf(image.id);
  }

  /** The thumbnail at once, the image as soon as it is here. */
  #picture(image) {
    this.stage.classList.remove("actual", "broken");
    if (image.width) {
      this.picture.width = image.width;
      this.picture.height = image.height;
    }
    this.picture.src = thumbOf(image.id);
    const full = new Image();
    full.src = imageOf(image.id);
    const take = () => {
      if (this.#image === image) this.picture.src = full.src;
    };
    full.decode().then(take, take); // a picture that cannot be shown says so itself
  }

  #said() {
    const image = this.#image;
    if (!image) return;
    this.rating.show(image.rating);
    this.choice.show(image.choice);
    if (document.activeElement !== this.note) this.note.value = image.note ?? "";
    this.picture.alt = spoken(image);
    mark(this.dialog, "data-choice", image.choice);
    mark(this.mark, "aria-pressed", String(isMarked(image.id)));
    say(this.mark, isMarked(image.id) ? "Marked for compare" : "Mark for compare");
    this.compare.hidden = marked().length < 2;
    say(this.compare, `Compare (${marked().length})`);
  }

  #made() {
    this.made.replaceChildren(...madeFrom(this.#image?.id).map((job) => el("li", {}, jobLink(job))));
  }

  #rate(rating) {
    if (!this.#image) return;
    sayOf([this.#image.id], { rating });
    if (rating && goesOn() && this.index + 1 < this.#list.count) this.go(this.index + 1);
  }

  #keepNote() {
    const image = this.#image;
    const text = this.note.value.trim() || null;
    if (image && text !== (image.note ?? null)) sayOf([image.id], { note: text });
  }

  #zoom(event) {
    const isActual = this.stage.classList.toggle("actual");
    if (!isActual || !event) return;
    const { left, top, width, height } = this.stage.getBoundingClientRect();
    this.stage.scrollLeft = ((event.clientX - left) / width) * (this.stage.scrollWidth - width);
    this.stage.scrollTop = ((event.clientY - top) / height) * (this.stage.scrollHeight - height);
  }

  #compare() {
    location.replace(compareHash(marked()));
  }

  #key(event) {
    const { key } = event;
    if (isTyping(event.target)) {
      if (key === "Escape" || (key === "Enter" && (event.ctrlKey || event.metaKey))) {
        event.preventDefault(); // out of the note, not out of the view
        this.#keepNote();
        this.stage.focus();
      }
      return;
    }
    const to = { ArrowLeft: this.index - 1, ArrowRight: this.index + 1, Home: 0, End: this.#list.count - 1 }[key];
    if (to !== undefined && !takesArrows(event.target) && !event.altKey) {
      event.preventDefault();
      this.go(to);
    } else if (key === "f" && !event.ctrlKey && !event.metaKey) this.#zoom(null);
    else if (key === "?") return;
    else {
      takeImageKey(event, {
        ids: () => (this.#image ? [this.#image.id] : []),
        next: () => this.index + 1 < this.#list.count && this.go(this.index + 1),
        note: () => this.note.focus(),
        compare: () => (marked().length > 1 ? this.#compare() : toast("Mark two to four images first (key c)")),
      });
    }
  }
}
