// WAV files of one channel and 24 bits, as weaksep writes them.

const BYTES = 3;
const FULL_SCALE = 2 ** 23;

// Samples as bytes; what is beyond full scale is clipped.
export function encode(samples) {
  const bytes = new Uint8Array(samples.length * BYTES);
  samples.forEach((sample, n) => {
    const value = Math.max(-FULL_SCALE, Math.min(FULL_SCALE - 1, Math.round(sample * FULL_SCALE)));
    bytes[BYTES * n] = value;
    bytes[BYTES * n + 1] = value >> 8;
    bytes[BYTES * n + 2] = value >> 16;
  });
  return bytes;
}

// A file of parts that were encoded; the browser may keep them on its disk.
export function wav(parts, sampleRate) {
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  const header = new DataView(new ArrayBuffer(44));
  const text = (at, word) => [...word].forEach((letter, n) => header.setUint8(at + n, letter.charCodeAt(0)));
  text(0, "RIFF");
  header.setUint32(4, 36 + size + (size % 2), true);
  text(8, "WAVEfmt ");
  header.setUint32(16, 16, true);
  header.setUint16(20, 1, true); // PCM
  header.setUint16(22, 1, true); // channel
  header.setUint32(24, sampleRate, true);
  header.setUint32(28, sampleRate * BYTES, true);
  header.setUint16(32, BYTES, true);
  header.setUint16(34, 8 * BYTES, true);
  text(36, "data");
  header.setUint32(40, size, true);
  return new Blob([header, ...parts, new Uint8Array(size % 2)], { type: "audio/wav" });
}
