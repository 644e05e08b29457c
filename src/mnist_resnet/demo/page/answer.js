// What the model answers, and from which file.

const percent = (probability) => `${(100 * probability).toFixed(1)} %`;

const FITTED = {
  digit: (height, width) =>
    `Fitted the way MNIST was made: the ink in a box of ${box(height, width)}×${box(height, width)} pixels with its ` +
    `proportions kept, its centre of mass in the middle of ${height}×${width}, edges smoothed.`,
  whole: (height, width) => `The whole picture, made grey and fitted into ${height}×${width} pixels with its proportions kept.`,
};

const box = (height, width) => Math.max(1, Math.round((Math.min(height, width) * 20) / 28));

export class Answer {
  constructor(element) {
    this.element = element;
    this.rows = [];
  }

  name(runtime) {
    this.element("runtime").textContent = `${runtime}, WebAssembly on one thread`;
  }

  describe({ source, sha256, class_names, image_size: [height, width], fit }) {
    this.element("source").textContent = source;
    this.element("digest").textContent = sha256;
    this.element("fitted").textContent = FITTED[fit](height, width);
    Object.assign(this.element("seen"), { height, width });
    this.rows = class_names.map(makeRow);
    this.element("bars").replaceChildren(...this.rows.map(({ row }) => row));
  }

  // A line in the place of an answer.
  say(text, isAlarm = false) {
    this.#clear();
    this.#write(text, isAlarm ? "note alarm" : "note");
  }

  show({ class_names, image_size }, seen, probabilities, milliseconds) {
    const best = probabilities.indexOf(Math.max(...probabilities));
    this.#write(`${class_names[best]}, ${percent(probabilities[best])}`, "");
    this.element("time").textContent = `${milliseconds.toFixed(1)} ms`;
    this.#fill(probabilities, best);
    this.#paint(seen, image_size);
  }

  #clear() {
    this.element("time").textContent = "–";
    this.#fill(this.rows.map(() => 0), -1);
    const canvas = this.element("seen");
    canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
  }

  #write(text, kind) {
    this.element("answer").className = `answer ${kind}`;
    this.element("answer").textContent = text;
  }

  #fill(probabilities, best) {
    for (const [place, { row, bar, number }] of this.rows.entries()) {
      row.classList.toggle("best", place === best);
      bar.style.width = `${100 * probabilities[place]}%`;
      number.textContent = best < 0 ? "–" : percent(probabilities[place]);
    }
  }

  #paint(seen, [height, width]) {
    const pixels = new ImageData(width, height);
    seen.forEach((value, place) => pixels.data.set([value, value, value, 255], 4 * place));
    this.element("seen").getContext("2d").putImageData(pixels, 0, 0);
  }
}

function makeRow(name) {
  const row = document.createElement("tr");
  const heading = Object.assign(document.createElement("th"), { scope: "row", textContent: name });
  const track = Object.assign(document.createElement("div"), { className: "track" });
  const bar = Object.assign(document.createElement("div"), { className: "bar" });
  const [middle, number] = [document.createElement("td"), document.createElement("td")];
  track.append(bar);
  middle.append(track);
  row.append(heading, middle, number);
  return { row, bar, number };
}
