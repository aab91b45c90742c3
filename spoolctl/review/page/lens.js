// One zoom for several pictures: all whole, or all at 100 % around the same place, told as shares of width and height.

const STEP = 0.08;
const STILL_PX = 4;

export class Lens {
  #glasses = [];
  #isActual = false;
  #at = { x: 0.5, y: 0.5 };

  /** `zoomed(isActual)` hears when it changes. */
  constructor(zoomed) {
    this.zoomed = zoomed;
  }

  add(glass, picture) {
    this.#glasses.push({ glass, picture });
    picture.addEventListener("load", () => this.#draw());
    glass.addEventListener("pointerdown", (event) => this.#press(event, glass, picture));
  }

  toggle(at = null) {
    this.#isActual = !this.#isActual;
    if (at) this.#at = at;
    this.zoomed(this.#isActual);
    this.#draw();
  }

  /** Moves by steps, where it is at 100 %. */
  move(right, down) {
    this.#to(this.#at.x + right * STEP, this.#at.y + down * STEP);
  }

  #to(x, y) {
    const within = (share) => Math.min(1, Math.max(0, share));
    this.#at = { x: within(x), y: within(y) };
    this.#draw();
  }

  #press(event, glass, picture) {
    if (event.button !== 0) return;
    const from = { x: event.clientX, y: event.clientY, at: this.#at };
    let isDrag = false;
    glass.setPointerCapture(event.pointerId);
    const moved = (now) => {
      const [x, y] = [now.clientX - from.x, now.clientY - from.y];
      isDrag ||= Math.hypot(x, y) > STILL_PX;
      if (isDrag && this.#isActual) this.#to(from.at.x - x / picture.naturalWidth, from.at.y - y / picture.naturalHeight);
    };
    const over = (last) => {
      for (const kind of ["pointermove", "pointerup", "pointercancel"]) glass.removeEventListener(kind, kind === "pointermove" ? moved : over);
      if (!isDrag && last.type === "pointerup") this.toggle(this.#isActual ? null : place(last, glass, picture));
    };
    glass.addEventListener("pointermove", moved);
    glass.addEventListener("pointerup", over);
    glass.addEventListener("pointercancel", over);
  }

  #draw() {
    for (const { glass, picture } of this.#glasses) {
      glass.classList.toggle("actual", this.#isActual);
      const { naturalWidth: width, naturalHeight: height } = picture;
      const x = glass.clientWidth / 2 - this.#at.x * width;
      const y = glass.clientHeight / 2 - this.#at.y * height;
      picture.style.transform = this.#isActual ? `translate(${x}px, ${y}px)` : "";
    }
  }
}

/** Which place of a whole picture was clicked. */
function place(event, glass, picture) {
  const box = glass.getBoundingClientRect();
  const scale = Math.min(box.width / picture.naturalWidth, box.height / picture.naturalHeight);
  const share = (at, start, room, length) => Math.min(1, Math.max(0, (at - start - (room - length) / 2) / length));
  return {
    x: share(event.clientX, box.left, box.width, picture.naturalWidth * scale),
    y: share(event.clientY, box.top, box.height, picture.naturalHeight * scale),
  };
}
