// The page: a sound comes in, its sources are shown, heard and saved. Nothing leaves the browser.

import { decode, gainTo, record } from "./audio.mjs";
import { Spectrogram } from "./spectrogram.mjs";
import { encode, wav } from "./wav.mjs";

const $ = (id) => document.getElementById(id);
const worker = new Worker("./worker.mjs", { type: "module" });
let notes = null;
let stopRecording = null;
let urls = [];

// Hand the worker a job; pieces go to onPiece, and the end of it resolves or rejects.
function ask(message, transfer, onPiece = () => {}) {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => {
      if (data.piece) onPiece(data.piece);
      else if (data.error) reject(new Error(data.error));
      else resolve();
    };
    worker.onerror = (event) => reject(new Error(event.message || "the net's part of this page could not be loaded"));
    worker.postMessage(message, transfer);
  });
}

function say(text) {
  $("status").textContent = text;
}

function fail(error) {
  $("error").textContent = error ? error.message.split("\n")[0] : "";
  $("error").hidden = !error;
}

function busy(is) {
  $("file").disabled = is;
  $("record").disabled = is && !stopRecording;
  document.body.classList.toggle("busy", is);
}

const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

// A card of one signal, with its place for a player and a link, which come when it is whole.
function card(name, samples) {
  const item = $("source").content.firstElementChild.cloneNode(true);
  item.dataset.source = name;
  item.querySelector("h3").textContent = name;
  const canvas = item.querySelector("canvas");
  canvas.setAttribute("aria-label", `Spectrogram of ${name}, 0 to ${notes.sample_rate / 2} Hz`);
  $("sources").append(item);
  return { name, item, picture: new Spectrogram(canvas, samples), parts: [] };
}

function add(signal, samples) {
  signal.parts.push(new Blob([encode(samples)]));
  signal.picture.add(samples);
}

function finish(signal, stem, peak) {
  signal.picture.end();
  signal.picture.draw(peak ?? signal.picture.peak);
  const url = URL.createObjectURL(wav(signal.parts, notes.sample_rate));
  urls.push(url);
  const [player, link] = [signal.item.querySelector("audio"), signal.item.querySelector("a")];
  player.src = link.href = url;
  player.setAttribute("aria-label", `Play ${signal.name}`);
  link.download = `${stem}_${signal.name}.wav`;
  link.setAttribute("aria-label", `Save ${signal.name} as a WAV file`);
  player.hidden = link.hidden = false;
}

function clear() {
  urls.forEach((url) => URL.revokeObjectURL(url));
  urls = [];
  $("sources").replaceChildren();
}

async function open(file) {
  if (document.body.classList.contains("busy")) return;
  clear();
  fail(null);
  busy(true);
  try {
    say(`Reading ${file.name} …`);
    const audio = await decode(file, notes.sample_rate);
    await show(audio, file.name);
  } catch (error) {
    clear();
    say("");
    fail(error);
  } finally {
    $("progress").hidden = true;
    busy(false);
  }
}

async function show(audio, name) {
  const seconds = audio.length / notes.sample_rate;
  const stem = name.replace(/\.[^.]*$/, "");
  const [heard, ...outputs] = ["recording", ...notes.classes, "residual"].map((of) => card(of, audio.length));
  for (let start = 0; start < audio.length; start += notes.chunk_samples) {
    add(heard, audio.subarray(start, start + notes.chunk_samples));
  }
  finish(heard, stem);
  const plan = {
    chunk: notes.chunk_samples,
    overlap: notes.overlap_samples,
    fade: notes.fade_samples,
    step: notes.step_samples,
  };
  let done = 0;
  $("progress").max = audio.length;
  $("progress").value = 0;
  $("progress").hidden = false;
  say(`Separating ${clock(seconds)} of ${name} …`);
  const gain = gainTo(notes.level_db, audio, notes.sample_rate);
  await ask({ separate: { audio, gain, plan } }, [audio.buffer], (piece) => {
    outputs.forEach((output, k) => {
      add(output, piece[k]);
      output.picture.draw(heard.picture.peak);
    });
    done += piece[0].length;
    $("progress").value = done;
  });
  outputs.forEach((output) => finish(output, stem, heard.picture.peak));
  say(`${name}: ${clock(seconds)}, separated on this machine.`);
}

async function toggleRecording() {
  fail(null);
  try {
    if (stopRecording) {
      const stop = stopRecording;
      stopRecording = null;
      $("record").textContent = "Record";
      const file = await stop();
      busy(false);
      await open(file);
    } else {
      stopRecording = await record();
      busy(true);
      $("record").textContent = "Stop";
      say("Recording …");
    }
  } catch (error) {
    stopRecording = null;
    busy(false);
    const none = ["NotFoundError", "NotAllowedError", "TypeError"].includes(error.name);
    fail(none ? new Error("the microphone cannot be used: there is none, or this page may not use it") : error);
  }
}

function listen() {
  $("file").addEventListener("change", () => {
    const [file] = $("file").files;
    $("file").value = "";
    if (file) open(file);
  });
  $("record").addEventListener("click", toggleRecording);
  for (const kind of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      $("drop").classList.toggle("over", kind === "dragover");
    });
  }
  document.addEventListener("drop", (event) => {
    const [file] = event.dataTransfer.files;
    if (file) open(file);
  });
  // One sound at a time.
  document.addEventListener("play", ({ target }) => {
    document.querySelectorAll("audio").forEach((player) => { if (player !== target) player.pause(); });
  }, true);
}

async function start() {
  try {
    say("Loading the model …");
    const answer = await fetch("./model.json");
    notes = await answer.json();
    $("model").textContent = notes.name;
    $("classes").textContent = notes.classes.join(", ");
    $("limit").textContent = `${notes.sample_rate / 2000} kHz`;
    const model = await (await fetch("./model.onnx")).arrayBuffer();
    await ask({ load: model }, [model]);
    listen();
    say("Ready.");
    busy(false);
  } catch (error) {
    say("");
    fail(error);
  }
}

start();
