// From a file or a microphone to samples of one channel at the model's rate, and the gain with which the net hears them.

const BLOCK_S = 0.1; // weaksep/signal/level.py
const LOUD_RANGE_DB = 40;
const SILENCE_DB = -200;

// Samples of one channel; the browser decodes and resamples. An Error says in one line what is wrong.
export async function decode(file, sampleRate) {
  if (file.size === 0) throw new Error(`${file.name}: the file is empty`);
  let buffer;
  try {
    const context = new OfflineAudioContext(1, 1, sampleRate);
    buffer = await context.decodeAudioData(await file.arrayBuffer());
  } catch (error) {
    const why = error.name === "NotSupportedError" ? `this browser has no sample rate of ${sampleRate} Hz`
      : error.name === "NotReadableError" ? "the file cannot be read" : "this browser finds no audio in it that it can decode";
    throw new Error(`${file.name}: ${why}`);
  }
  if (buffer.length === 0) throw new Error(`${file.name}: there is no sound in it, it is 0 seconds long`);
  const mono = buffer.getChannelData(0).slice();
  for (let channel = 1; channel < buffer.numberOfChannels; channel++) {
    buffer.getChannelData(channel).forEach((sample, n) => { mono[n] += sample; });
  }
  if (buffer.numberOfChannels > 1) mono.forEach((sample, n) => { mono[n] = sample / buffer.numberOfChannels; });
  if (!mono.every(Number.isFinite)) throw new Error(`${file.name}: it holds samples that are no numbers`);
  return mono;
}

// What brings the loud parts of the recording to a level; 1 for silence.
export function gainTo(levelDb, audio, sampleRate) {
  const size = Math.max(1, Math.trunc(BLOCK_S * sampleRate));
  const powers = [];
  for (let start = 0; start < audio.length; start += size) {
    const block = audio.subarray(start, start + size);
    powers.push(block.reduce((sum, sample) => sum + sample * sample, 0) / block.length);
  }
  const least = powers.reduce((most, power) => Math.max(most, power), 0) * 10 ** (-LOUD_RANGE_DB / 10);
  const loud = powers.filter((power) => power >= least);
  const level = 10 * Math.log10(loud.reduce((sum, power) => sum + power, 0) / loud.length);
  return level >= SILENCE_DB ? 10 ** ((levelDb - level) / 20) : 1;
}

// Record from the microphone until stop() is called, which resolves to a file.
export async function record() {
  const settings = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  const stream = await navigator.mediaDevices.getUserMedia({ audio: settings });
  const recorder = new MediaRecorder(stream);
  const parts = [];
  recorder.addEventListener("dataavailable", (event) => parts.push(event.data));
  const stopped = new Promise((resolve) => { recorder.addEventListener("stop", resolve); });
  recorder.start(1000);
  return async function stop() {
    if (recorder.state !== "inactive") recorder.stop();
    await stopped;
    stream.getTracks().forEach((track) => track.stop());
    return new File(parts, "recording", { type: recorder.mimeType });
  };
}
