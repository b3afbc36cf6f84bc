// A recording in chunks that overlap and fade into each other, as weaksep/infer/chunks.py cuts it; see there for why.

// Where each chunk begins and ends, how many samples of it lie before its place, and whether it is the last.
export function* cut(length, plan) {
  const hop = plan.chunk - plan.overlap;
  let at = 0;
  for (; length - at > plan.chunk + hop; at += hop) {
    yield { start: at, end: at + plan.chunk, back: 0, last: false };
  }
  if (length - at > plan.chunk) {
    yield { start: at, end: at + plan.chunk, back: 0, last: false };
    const start = Math.ceil((length - at - plan.chunk) / plan.step) * plan.step;
    yield { start: at + start, end: length, back: hop - start, last: true };
  } else if (length > at) {
    yield { start: at, end: length, back: 0, last: true };
  }
}

// Pieces of the sources, an array of one Float32Array a source each, together as long as the audio. Of what is not in a
// piece only a fade is kept.
export async function* separate(audio, plan, run) {
  const hop = plan.chunk - plan.overlap;
  const begin = Math.floor((plan.overlap - plan.fade) / 2);
  const end = hop + begin;
  const rise = Float32Array.from({ length: plan.fade }, (_, n) => (n + 0.5) / plan.fade);
  let fading = null;
  for (const { start, end: stop, back, last } of cut(audio.length, plan)) {
    const sources = (await run(audio.subarray(start, stop))).map((source) => source.subarray(back));
    if (fading) {
      sources.forEach((source, k) => {
        rise.forEach((weight, n) => {
          source[begin + n] = source[begin + n] * weight + fading[k][n];
        });
      });
    }
    yield sources.map((source) => source.slice(fading ? begin : 0, last ? source.length : end));
    fading = last ? null : sources.map((source) => rise.map((weight, n) => source[end + n] * (1 - weight)));
  }
}
