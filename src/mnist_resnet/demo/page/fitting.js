// Pictures as images of a model's size: the same pixels as src/mnist_resnet/prediction/fitting.py and pictures.py make.
// A picture is { width, height, grey }, with its pixels row by row; a size is [height, width].

import { resizeLanczos } from "./lanczos.js";

export class NothingToSee extends Error {}

const [FIELD, BOX] = [28, 20];
const LEAST_INK = 32;

// Division with rounding; each sum here is a whole number below 2 to the power of 53, so that nothing is lost.
const rounded = (dividend, divisor) => Math.floor((2 * dividend + divisor) / (2 * divisor));

// The ink of a digit, fitted as the images of MNIST were made.
export function fitDigit(picture, [height, width]) {
  const box = shrink(cutOut(inkOf(picture)), Math.max(1, rounded(Math.min(height, width) * BOX, FIELD)));
  if (box.grey.every((value) => value < LEAST_INK)) {
    throw new NothingToSee("Too little ink: there is no digit to be seen.");
  }
  const top = start(sums(box, (row) => row, box.height), height);
  const left = start(sums(box, (_, column) => column, box.width), width);
  const fitted = new Uint8Array(height * width);
  for (let row = 0; row < box.height; row += 1) {
    fitted.set(box.grey.subarray(row * box.width, (row + 1) * box.width), (top + row) * width + left);
  }
  return fitted;
}

// All of a picture with its proportions kept, on the grey of its border.
export function fitWhole({ width, height, grey }, [fieldHeight, fieldWidth]) {
  if (Math.min(width, height) * Math.min(fieldWidth / width, fieldHeight / height) <= 0.5) {
    throw new NothingToSee(
      `${width}×${height} pixels are too thin to be seen at ${fieldWidth}×${fieldHeight}: crop the picture to one object.`,
    );
  }
  const [newWidth, newHeight] = contained(width, height, fieldWidth, fieldHeight);
  const resized = resizeLanczos(grey, width, height, newWidth, newHeight);
  const [left, top] = [halfToEven((fieldWidth - newWidth) / 2), halfToEven((fieldHeight - newHeight) / 2)];
  const fitted = new Uint8Array(fieldWidth * fieldHeight).fill(Math.floor(borderGrey({ width, height, grey })));
  for (let row = 0; row < newHeight; row += 1) {
    fitted.set(resized.subarray(row * newWidth, (row + 1) * newWidth), (top + row) * fieldWidth + left);
  }
  return fitted;
}

// Whether a picture is dark on bright, unlike MNIST: its border is brighter than the whole.
export function looksInverted(picture) {
  return borderGrey(picture) > picture.grey.reduce((sum, value) => sum + value, 0) / picture.grey.length;
}

function border({ width, height, grey }) {
  const edges = [...grey.subarray(0, width), ...grey.subarray((height - 1) * width)];
  for (let row = 1; row < height - 1; row += 1) edges.push(grey[row * width], grey[(row + 1) * width - 1]);
  return Uint8Array.from(edges).sort();
}

function borderGrey(picture) {
  const edges = border(picture);
  return (edges[Math.floor((edges.length - 1) / 2)] + edges[Math.floor(edges.length / 2)]) / 2;
}

function inkOf({ width, height, grey }) {
  const edges = border({ width, height, grey });
  const ground = edges[Math.floor(edges.length / 2)];
  const sign = grey.reduce((sum, value) => sum + value, 0) >= ground * grey.length ? 1 : -1;
  const strongest = grey.reduce((most, value) => Math.max(most, sign * (value - ground)), 0);
  if (strongest < LEAST_INK) throw new NothingToSee("One grey throughout: there is no digit to be seen.");
  const level = (strength) => Math.min(Math.max(rounded((3 * strength - strongest) * 255, strongest), 0), 255);
  const levels = Uint8Array.from({ length: 256 }, (_, value) => level(Math.max(sign * (value - ground), 0)));
  return { width, height, grey: grey.map((value) => levels[value]) };
}

function cutOut({ width, height, grey }) {
  let [top, bottom, left, right] = [height, -1, width, -1];
  for (let place = 0; place < grey.length; place += 1) {
    if (grey[place] === 0) continue;
    const column = place % width;
    bottom = Math.floor(place / width);
    if (bottom < top) top = bottom;
    if (column < left) left = column;
    if (column > right) right = column;
  }
  const [cutWidth, cutHeight] = [right - left + 1, bottom - top + 1];
  const cut = new Uint8Array(cutWidth * cutHeight);
  for (let row = 0; row < cutHeight; row += 1) {
    const from = (top + row) * width + left;
    cut.set(grey.subarray(from, from + cutWidth), row * cutWidth);
  }
  return { width: cutWidth, height: cutHeight, grey: cut };
}

// The means of the areas that the pixels of a square box cover, without those that lie wholly beyond the ink.
function shrink({ width, height, grey }, box) {
  const longest = Math.max(width, height);
  const [rows, columns] = [height, width].map((length) => overlaps(length, longest, box));
  const narrow = new Float64Array(height * columns.length);
  for (let row = 0; row < height; row += 1) {
    columns.forEach(({ first, parts }, column) => {
      const from = row * width + first;
      narrow[row * columns.length + column] = parts.reduce((sum, part, place) => sum + part * grey[from + place], 0);
    });
  }
  const shrunk = new Uint8Array(rows.length * columns.length).map((_, pixel) => {
    const { first, parts } = rows[Math.floor(pixel / columns.length)];
    const from = first * columns.length + (pixel % columns.length);
    const sum = parts.reduce((before, part, place) => before + part * narrow[from + place * columns.length], 0);
    return rounded(sum, longest * longest);
  });
  return { width: columns.length, height: rows.length, grey: shrunk };
}

// For each pixel of the box, the first one of the ink that it covers, and how much of that and of the next ones, in
// parts of 1 / box.
function overlaps(length, longest, box) {
  return Array.from({ length: Math.ceil((length * box) / longest) }, (_, place) => {
    const [from, to] = [place * longest, (place + 1) * longest];
    const [first, end] = [Math.floor(from / box), Math.min(Math.ceil(to / box), length)];
    const part = (pixel) => Math.min(to, (pixel + 1) * box) - Math.max(from, pixel * box);
    return { first, parts: Array.from({ length: end - first }, (__, offset) => part(first + offset)) };
  });
}

// The masses of a box's rows or columns.
function sums({ width, grey }, index, length) {
  const masses = new Array(length).fill(0);
  grey.forEach((value, place) => (masses[index(Math.floor(place / width), place % width)] += value));
  return masses;
}

// Where a box begins in the field, so that its centre of mass lies in the middle; it never leaves the field.
function start(masses, field) {
  const mass = masses.reduce((sum, value) => sum + value, 0);
  const twiceTheMoment = masses.reduce((sum, value, place) => sum + value * (2 * place + 1), 0);
  const wanted = Math.floor(field / 2) - Math.floor(twiceTheMoment / (2 * mass));
  return Math.min(Math.max(wanted, 0), field - masses.length);
}

// A picture's width and height within a field, as Pillow's ImageOps.contain rounds them.
function contained(width, height, fieldWidth, fieldHeight) {
  const [ratio, wanted] = [width / height, fieldWidth / fieldHeight];
  if (ratio > wanted) return [fieldWidth, halfToEven((height / width) * fieldWidth)];
  if (ratio < wanted) return [halfToEven((width / height) * fieldHeight), fieldHeight];
  return [fieldWidth, fieldHeight];
}

// As Python rounds.
function halfToEven(value) {
  const below = Math.floor(value);
  return value - below === 0.5 ? below + (below % 2) : Math.round(value);
}
