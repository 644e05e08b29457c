// A black canvas on which a finger, a pen, a mouse or the keyboard draws in white.

const PEN = 22; // as wide, of 280 pixels, as the strokes of MNIST are of 28
const STEP = 14;
const MOVES = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };

export class Drawing {
  #canvas;
  #context;
  #pen;
  #changed;
  #isEmpty = true;
  #last = null; // where the stroke that is being drawn has come to
  #place; // of the pen that the keyboard moves

  // `changed` is called after each stroke, and when the drawing is cleared.
  constructor(canvas, pen, changed) {
    this.#canvas = canvas;
    this.#pen = pen;
    this.#changed = changed;
    this.#context = canvas.getContext("2d", { willReadFrequently: true });
    Object.assign(this.#context, { lineWidth: PEN, lineCap: "round", lineJoin: "round", strokeStyle: "#ffffff" });
    this.#place = [canvas.width / 2, canvas.height / 2];
    this.clear();
    this.#listen();
  }

  // The drawing's grey pixels, or null if nothing is drawn.
  picture() {
    if (this.#isEmpty) return null;
    const { width, height } = this.#canvas;
    const { data } = this.#context.getImageData(0, 0, width, height);
    return { width, height, grey: Uint8Array.from({ length: width * height }, (_, place) => data[4 * place]) };
  }

  clear() {
    this.#isEmpty = true;
    this.#context.fillStyle = "#000000";
    this.#context.fillRect(0, 0, this.#canvas.width, this.#canvas.height);
  }

  // Show a picture, until something is drawn.
  show({ bitmap }) {
    this.clear();
    const { width, height } = this.#canvas;
    const scale = Math.min(width / bitmap.width, height / bitmap.height);
    const [shownWidth, shownHeight] = [bitmap.width * scale, bitmap.height * scale];
    const [left, top] = [(width - shownWidth) / 2, (height - shownHeight) / 2];
    this.#context.drawImage(bitmap, left, top, shownWidth, shownHeight);
  }

  #listen() {
    const canvas = this.#canvas;
    canvas.addEventListener("pointerdown", (event) => {
      if (!event.isPrimary || event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      this.#movePen(null);
      this.#begin(this.#placeOf(event));
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!this.#last || !event.isPrimary) return;
      const events = event.getCoalescedEvents?.() ?? [];
      for (const each of events.length ? events : [event]) this.#lineTo(this.#placeOf(each));
    });
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, (event) => event.isPrimary && this.#end());
    }
    canvas.addEventListener("keydown", (event) => this.#press(event));
    canvas.addEventListener("blur", () => {
      this.#end();
      this.#movePen(null);
    });
  }

  #placeOf(event) {
    const { left, top, width, height } = this.#canvas.getBoundingClientRect();
    return [((event.clientX - left) * this.#canvas.width) / width, ((event.clientY - top) * this.#canvas.height) / height];
  }

  #press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in MOVES) this.#step(MOVES[event.key]);
    else if (event.key === " ") this.#last ? this.#end() : this.#begin(this.#place);
    else if (event.key === "Enter") this.#last ? this.#end() : this.#changed();
    else if (event.key === "Delete" || event.key === "Backspace") this.#wipe();
    else return;
    event.preventDefault();
    if (this.#canvas === document.activeElement) this.#movePen(this.#place);
  }

  #step([right, down]) {
    const within = (value, most) => Math.min(Math.max(value, PEN / 2), most - PEN / 2);
    const [x, y] = this.#place;
    this.#place = [within(x + right, this.#canvas.width), within(y + down, this.#canvas.height)];
    if (this.#last) this.#lineTo(this.#place);
  }

  #wipe() {
    this.#last = null;
    this.clear();
    this.#changed();
  }

  #begin(place) {
    if (this.#isEmpty) this.clear(); // of a picture that is shown
    this.#isEmpty = false;
    this.#last = place;
    this.#lineTo(place); // a dot
  }

  #lineTo(place) {
    this.#context.beginPath();
    this.#context.moveTo(...this.#last);
    this.#context.lineTo(...place);
    this.#context.stroke();
    this.#last = place;
  }

  #end() {
    if (!this.#last) return;
    this.#last = null;
    this.#changed();
  }

  #movePen(place) {
    this.#pen.hidden = !place;
    if (!place) return;
    this.#pen.classList.toggle("down", this.#last !== null);
    this.#pen.style.left = `${(100 * place[0]) / this.#canvas.width}%`;
    this.#pen.style.top = `${(100 * place[1]) / this.#canvas.height}%`;
  }
}
