// Spectrograms drawn piece by piece: a column is the loudest of its frames, so that a picture is as wide for an hour as
// for a second, and memory does not grow.

const SIZE = 512; // of a frame; at 8 kHz 64 ms
const RANGE_DB = 70;
const ROWS = 128;
const COLUMNS = 1024;
// Dark to light, the same for both themes, so that a picture looks alike in both.
const COLOURS = [[8, 10, 32], [42, 20, 92], [121, 28, 109], [201, 62, 78], [246, 135, 52], [252, 215, 110], [255, 255, 222]];

const cosines = Float64Array.from({ length: SIZE / 2 }, (_, n) => Math.cos((2 * Math.PI * n) / SIZE));
const sines = Float64Array.from({ length: SIZE / 2 }, (_, n) => -Math.sin((2 * Math.PI * n) / SIZE));
const hann = Float64Array.from({ length: SIZE }, (_, n) => 0.5 - 0.5 * Math.cos((2 * Math.PI * n) / SIZE));
const bits = Math.log2(SIZE);
const reversed = Array.from({ length: SIZE }, (_, n) => {
  let back = 0;
  for (let bit = 0; bit < bits; bit++) back |= ((n >> bit) & 1) << (bits - 1 - bit);
  return back;
});

// Powers of the bins of one windowed frame (Cooley and Tukey, radix 2); full scale's sine has 1.
export function powers(frame) {
  const real = new Float64Array(SIZE);
  const imaginary = new Float64Array(SIZE);
  for (let n = 0; n < SIZE; n++) real[reversed[n]] = frame[n] * hann[n];
  for (let half = 1; half < SIZE; half *= 2) {
    const stride = SIZE / (2 * half);
    for (let start = 0; start < SIZE; start += 2 * half) {
      for (let k = 0; k < half; k++) {
        const [a, b] = [start + k, start + k + half];
        const [c, s] = [cosines[k * stride], sines[k * stride]];
        const [re, im] = [real[b] * c - imaginary[b] * s, real[b] * s + imaginary[b] * c];
        [real[b], imaginary[b]] = [real[a] - re, imaginary[a] - im];
        [real[a], imaginary[a]] = [real[a] + re, imaginary[a] + im];
      }
    }
  }
  return Float64Array.from({ length: SIZE / 2 }, (_, n) => (real[n] ** 2 + imaginary[n] ** 2) * (4 / SIZE) ** 2);
}

// The picture of one signal of a known length.
export class Spectrogram {
  constructor(canvas, samples) {
    this.canvas = canvas;
    this.columns = Math.max(1, Math.min(COLUMNS, Math.ceil(samples / (SIZE / 4))));
    [canvas.width, canvas.height] = [this.columns, ROWS];
    this.samples = samples;
    this.values = new Float32Array(this.columns * ROWS);
    this.at = 0; // where what is held of the signal begins
    this.held = new Float32Array(0);
  }

  // Take in the next samples; of a long recording, four frames a column are looked at.
  add(piece) {
    const held = new Float32Array(this.held.length + piece.length);
    held.set(this.held);
    held.set(piece, this.held.length);
    const width = this.samples / this.columns;
    const step = Math.max(SIZE / 4, Math.floor(width / 4));
    let start = Math.ceil(this.at / step) * step;
    for (; start - this.at + SIZE <= held.length; start += step) {
      const column = Math.min(this.columns - 1, Math.floor(start / width));
      const frame = powers(held.subarray(start - this.at, start - this.at + SIZE));
      for (let row = 0; row < ROWS; row++) {
        const at = column * ROWS + row;
        this.values[at] = Math.max(this.values[at], frame[2 * row], frame[2 * row + 1]);
      }
    }
    const used = Math.min(start - this.at, held.length);
    this.held = held.slice(used);
    this.at += used;
  }

  // After the last samples: the frames that reach beyond them.
  end() {
    this.add(new Float32Array(SIZE));
  }

  // The loudest there is.
  get peak() {
    return this.values.reduce((most, value) => Math.max(most, value), 0);
  }

  // Draw, with the lightest colour for ``peak``: pictures of one recording share it.
  draw(peak) {
    const context = this.canvas.getContext("2d");
    const image = context.createImageData(this.columns, ROWS);
    for (let column = 0; column < this.columns; column++) {
      for (let row = 0; row < ROWS; row++) {
        const value = this.values[column * ROWS + row];
        const share = value > 0 && peak > 0 ? 1 + (10 * Math.log10(value / peak)) / RANGE_DB : 0;
        const place = Math.max(0, Math.min(1, share)) * (COLOURS.length - 1);
        const [lower, rest] = [Math.min(COLOURS.length - 2, Math.floor(place)), place % 1];
        const pixel = 4 * ((ROWS - 1 - row) * this.columns + column);
        COLOURS[lower].forEach((colour, c) => {
          const weight = place === COLOURS.length - 1 ? 1 : rest;
          image.data[pixel + c] = colour + weight * (COLOURS[lower + 1][c] - colour);
        });
        image.data[pixel + 3] = 255;
      }
    }
    context.putImageData(image, 0, 0);
  }
}
