// A picture file as grey pixels, as src/mnist_resnet/prediction/pictures.py reads it.

import { Unusable } from "./model.js";

const MOST_PIXELS = 89_478_485;
const STRIP = 4_000_000; // pixels that are read at once: some browsers have no larger canvas

// Grey pixels, row by row, and the bitmap to show.
export async function readPicture(file) {
  const bitmap = await decode(file);
  const { width, height } = bitmap;
  if (width * height > MOST_PIXELS) {
    throw new Unusable(`${file.name} has more than ${MOST_PIXELS.toLocaleString("en")} pixels: shrink or crop it.`);
  }
  const { grey, opacity } = readGrey(bitmap);
  return { width, height, bitmap, grey: opacity ? onContrastingGround(grey, opacity, file.name) : grey };
}

async function decode(file) {
  try {
    const asStored = { imageOrientation: "from-image", premultiplyAlpha: "none", colorSpaceConversion: "none" };
    return await createImageBitmap(file, asStored);
  } catch {
    throw new Unusable(`${file.name} is not a picture that this browser can read: choose a PNG, JPEG, WEBP, GIF or BMP.`);
  }
}

function readGrey(bitmap) {
  const { width, height } = bitmap;
  const rows = Math.max(1, Math.min(height, Math.floor(STRIP / width)));
  const context = new OffscreenCanvas(width, rows).getContext("2d", { willReadFrequently: true });
  const [grey, opacity] = [new Uint8Array(width * height), new Uint8Array(width * height)];
  for (let top = 0; top < height; top += rows) {
    context.clearRect(0, 0, width, rows);
    context.drawImage(bitmap, 0, -top);
    const { data } = context.getImageData(0, 0, width, Math.min(rows, height - top));
    for (let from = 0, to = top * width; from < data.length; from += 4, to += 1) {
      // ITU-R 601 luma, in the whole numbers that Pillow uses.
      grey[to] = (data[from] * 19595 + data[from + 1] * 38470 + data[from + 2] * 7471 + 0x8000) >> 16;
      opacity[to] = data[from + 3];
    }
  }
  return { grey, opacity: opacity.every((value) => value === 255) ? null : opacity };
}

// What is transparent lies on black if what shows is bright, else on white.
function onContrastingGround(grey, opacity, name) {
  const total = opacity.reduce((sum, value) => sum + value, 0);
  if (total === 0) throw new Unusable(`${name}: every pixel is transparent, so there is nothing to see.`);
  const mean = grey.reduce((sum, value, place) => sum + value * opacity[place], 0) / total;
  const ground = mean > 127 ? 0 : 255;
  return grey.map((value, place) => Math.round((value * opacity[place] + ground * (255 - opacity[place])) / 255));
}
