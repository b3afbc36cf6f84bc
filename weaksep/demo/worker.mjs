// Runs the net beside the page, so that the page stays alive. It is told {load: model}, then {separate: audio, ...}.

import * as ort from "./ort/ort.wasm.min.mjs";
import { separate } from "./chunks.mjs";

ort.env.wasm.wasmPaths = new URL("./ort/", import.meta.url).href;
// Threads share memory, which browsers allow only to pages that are kept apart from others, as weaksep demo's are.
ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.max(1, Math.min(4, navigator.hardwareConcurrency >> 1)) : 1;

let session = null;

async function load(model) {
  session = await ort.InferenceSession.create(new Uint8Array(model), { executionProviders: ["wasm"] });
}

async function separateAll({ audio, gain, plan }) {
  const run = async (chunk) => {
    const given = {
      waveform: new ort.Tensor("float32", chunk.slice(), [1, chunk.length]),
      gain: new ort.Tensor("float32", Float32Array.of(gain), [1]),
    };
    const { sources } = await session.run(given);
    const [, count, length] = sources.dims;
    return Array.from({ length: count }, (_, k) => sources.data.slice(k * length, (k + 1) * length));
  };
  for await (const piece of separate(audio, plan, run)) {
    postMessage({ piece }, piece.map((source) => source.buffer));
  }
}

self.addEventListener("message", async ({ data }) => {
  try {
    if (data.load) await load(data.load);
    else await separateAll(data.separate);
    postMessage({ done: true });
  } catch (error) {
    postMessage({ error: String(error.message ?? error).split("\n")[0] });
  }
});
