// Resampling by Lanczos' window with three lobes, in the fixed-point numbers that Pillow uses (libImaging/Resample.c).

const LOBES = 3;
const ONE = 2 ** 22;

export function resizeLanczos(grey, width, height, newWidth, newHeight) {
  if (height > 2 * width && newHeight < height) { // Pillow 13 begins with the height then; roundings depend on it
    return along(across(grey, width, height, newHeight), width, newHeight, newWidth);
  }
  return across(along(grey, width, height, newWidth), newWidth, height, newHeight);
}

// Each column resampled to another height.
function across(grey, width, height, newHeight) {
  return transposed(along(transposed(grey, width, height), height, width, newHeight), newHeight, width);
}

// Each row resampled to another width.
function along(grey, width, height, newWidth) {
  if (newWidth === width) return grey;
  const windows = Array.from({ length: newWidth }, (_, place) => windowAt(place, width, newWidth));
  const resized = new Uint8Array(newWidth * height);
  for (let row = 0; row < height; row += 1) {
    windows.forEach(({ first, weights }, place) => {
      const from = row * width + first;
      const sum = weights.reduce((part, weight, offset) => part + weight * grey[from + offset], ONE / 2);
      resized[row * newWidth + place] = Math.min(Math.max(Math.floor(sum / ONE), 0), 255);
    });
  }
  return resized;
}

function windowAt(place, width, newWidth) {
  const scale = width / newWidth;
  const stretch = Math.max(scale, 1);
  const [centre, reach] = [(place + 0.5) * scale, LOBES * stretch];
  const first = Math.max(Math.trunc(centre - reach + 0.5), 0);
  const length = Math.min(Math.trunc(centre + reach + 0.5), width) - first;
  const values = Array.from({ length }, (_, offset) => lanczos((offset + first - centre + 0.5) * (1 / stretch)));
  const sum = values.reduce((part, value) => part + value, 0);
  return { first, weights: values.map((value) => toFixedPoint(value * (1 / sum))) };
}

const toFixedPoint = (weight) => Math.trunc((weight < 0 ? -0.5 : 0.5) + weight * ONE);

function lanczos(distance) {
  return -LOBES <= distance && distance < LOBES ? sinc(distance) * sinc(distance / LOBES) : 0;
}

function sinc(distance) {
  const angle = distance * Math.PI;
  return distance === 0 ? 1 : Math.sin(angle) / angle;
}

function transposed(grey, width, height) {
  const turned = new Uint8Array(grey.length);
  for (let row = 0; row < height; row += 1) {
    for (let column = 0; column < width; column += 1) turned[column * height + row] = grey[row * width + column];
  }
  return turned;
}
