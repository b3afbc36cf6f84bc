"use strict";
(() => {
  const RANGE_DB = 60;
  const COLUMNS = 400; // of a spectrogram, at most
  // Dark to bright; the lightness rises evenly, so that it also reads in grey.
  const STOPS = [[0, 0, 4], [28, 16, 68], [79, 18, 123], [129, 37, 129], [181, 54, 122], [229, 80, 100], [251, 135, 97], [254, 194, 135], [252, 253, 191]];
  const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));
  const byId = (id) => document.getElementById(id);

  // ---- Tables: sort by click and by Enter; what has no value stays last.
  const worth = (row, column) => {
    const cell = row.cells[column];
    return "value" in cell.dataset ? Number(cell.dataset.value) : null;
  };
  function sortBy(button) {
    const head = button.closest("th");
    const table = head.closest("table");
    const column = head.cellIndex;
    const numeric = head.classList.contains("number");
    const first = numeric ? "descending" : "ascending";
    const second = numeric ? "ascending" : "descending";
    const order = head.getAttribute("aria-sort") === first ? second : first;
    all("thead th", table).forEach((other) => other.setAttribute("aria-sort", "none"));
    head.setAttribute("aria-sort", order);
    const sign = order === "ascending" ? 1 : -1;
    const body = table.tBodies[0];
    const rows = Array.from(body.rows);
    rows.sort((a, b) => {
      if (!numeric) return sign * a.cells[column].textContent.localeCompare(b.cells[column].textContent, "en", { numeric: true });
      const [left, right] = [worth(a, column), worth(b, column)];
      if (left === null || right === null) return (left === null) - (right === null);
      return sign * (left - right);
    });
    body.append(...rows);
  }
  all("table.sortable thead button").forEach((button) => button.addEventListener("click", () => sortBy(button)));

  // ---- Audio: kept as text in the page, made into a file when it is first needed.
  const listening = JSON.parse(byId("listening").textContent);
  const bytesOf = (id) => Uint8Array.from(atob(byId(id).textContent), (letter) => letter.charCodeAt(0));
  const urls = new Map();
  function urlOf(id) {
    if (!urls.has(id)) urls.set(id, URL.createObjectURL(new Blob([bytesOf(id)], { type: "audio/flac" })));
    return urls.get(id);
  }
  const player = byId("player");
  let current = null;
  const mark = (button, on) => button && button.setAttribute("aria-pressed", String(on));
  function play(button) {
    if (current === button && !player.paused) {
      player.pause();
      return;
    }
    if (current !== button || player.dataset.audio !== button.dataset.audio) {
      mark(current, false);
      current = button;
      player.dataset.audio = button.dataset.audio;
      player.src = urlOf(button.dataset.audio);
    }
    player.currentTime = 0;
    byId("now").textContent = button.getAttribute("aria-label");
    byId("bar").hidden = false;
    document.body.classList.add("playing");
    player.play().catch((error) => {
      // Another clip was chosen before this one began: nothing is wrong.
      if (error.name !== "AbortError") byId("now").textContent = `cannot be played (${error.message})`;
    });
  }
  function follow() {
    if (!current || player.paused) return;
    const part = player.duration ? player.currentTime / player.duration : 0;
    current.querySelector(".head").style.left = `${100 * Math.min(part, 1)}%`;
    requestAnimationFrame(follow);
  }
  player.addEventListener("play", () => { mark(current, true); requestAnimationFrame(follow); });
  player.addEventListener("pause", () => mark(current, false));
  player.addEventListener("ended", () => mark(current, false));
  byId("repeat").addEventListener("change", (event) => { player.loop = event.target.checked; });
  document.addEventListener("click", (event) => {
    const button = event.target.closest(".clip");
    if (button) play(button);
  });

  // ---- Spectrograms, drawn from the samples when they come into view.
  async function samplesOf(id, rate) {
    const context = new OfflineAudioContext(1, 1, rate);
    const audio = await context.decodeAudioData(bytesOf(id).buffer);
    return audio.getChannelData(0);
  }
  // Radix-2 FFT in place, after Cooley and Tukey.
  function transform(re, im) {
    const n = re.length;
    for (let i = 1, j = 0; i < n; i++) {
      let bit = n >> 1;
      for (; j & bit; bit >>= 1) j ^= bit;
      j ^= bit;
      if (i < j) { [re[i], re[j]] = [re[j], re[i]]; [im[i], im[j]] = [im[j], im[i]]; }
    }
    for (let size = 2; size <= n; size *= 2) {
      for (let k = 0; k < size / 2; k++) {
        const c = Math.cos((2 * Math.PI * k) / size), s = -Math.sin((2 * Math.PI * k) / size);
        for (let a = k; a < n; a += size) {
          const b = a + size / 2;
          const x = re[b] * c - im[b] * s, y = re[b] * s + im[b] * c;
          re[b] = re[a] - x; im[b] = im[a] - y;
          re[a] += x; im[a] += y;
        }
      }
    }
  }
  // Magnitudes, a column a frame: {frames, bins, values[frame * bins + bin]}.
  function analyse(samples, rate) {
    const size = 2 ** Math.max(4, Math.round(Math.log2(0.032 * rate)));
    const hop = Math.max(size / 2, Math.ceil(samples.length / COLUMNS));
    const bins = size / 2 + 1, frames = 1 + Math.floor(samples.length / hop);
    const values = new Float32Array(frames * bins);
    const re = new Float64Array(size), im = new Float64Array(size);
    for (let frame = 0; frame < frames; frame++) {
      const start = frame * hop - size / 2;
      for (let n = 0; n < size; n++) {
        re[n] = (samples[start + n] || 0) * Math.sin((Math.PI * n) / size);
        im[n] = 0;
      }
      transform(re, im);
      for (let bin = 0; bin < bins; bin++) values[frame * bins + bin] = Math.hypot(re[bin], im[bin]);
    }
    return { frames, bins, values };
  }
  function draw(canvas, { frames, bins, values }, peak) {
    canvas.width = frames;
    canvas.height = bins;
    const picture = canvas.getContext("2d").createImageData(frames, bins);
    for (let frame = 0; frame < frames; frame++) {
      for (let bin = 0; bin < bins; bin++) {
        const level = 20 * Math.log10(values[frame * bins + bin] / peak);
        const place = Math.min(1, Math.max(0, 1 + level / RANGE_DB || 0)) * (STOPS.length - 1);
        const low = Math.min(Math.floor(place), STOPS.length - 2);
        const at = 4 * ((bins - 1 - bin) * frames + frame);
        for (let c = 0; c < 3; c++) picture.data[at + c] = STOPS[low][c] + (place - low) * (STOPS[low + 1][c] - STOPS[low][c]);
        picture.data[at + 3] = 255;
      }
    }
    canvas.getContext("2d").putImageData(picture, 0, 0);
  }
  // Of every mixture, the loudest point: all its pictures have one scale.
  const peaks = new Map();
  function peakOf(number) {
    if (!peaks.has(number)) {
      const { mixture, rate } = listening.mixtures[number];
      peaks.set(number, samplesOf(mixture, rate).then((samples) => analyse(samples, rate).values.reduce((a, b) => Math.max(a, b), 1e-9)));
    }
    return peaks.get(number);
  }
  async function picture(button) {
    const number = Number(button.closest(".mixture").dataset.mixture);
    const { rate } = listening.mixtures[number];
    const [peak, samples] = await Promise.all([peakOf(number), samplesOf(button.dataset.audio, rate)]);
    draw(button.querySelector("canvas"), analyse(samples, rate), peak);
    button.dataset.drawn = "true";
  }
  const watcher = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      watcher.unobserve(target);
      picture(target).catch(() => { target.dataset.drawn = "false"; }); // without a picture it still plays
    }
  }, { rootMargin: "400px" });

  // ---- Sources of the chosen systems.
  function cellOf(number, name, system) {
    const { utt, sources } = listening.mixtures[number];
    const label = listening.labels[system];
    const cell = document.createElement("div");
    cell.className = "cell source";
    const caption = document.createElement("p");
    caption.className = "caption";
    if (!(system in sources)) {
      caption.append(`${label}: left out here`);
      cell.append(caption);
      return cell;
    }
    const [audio, gain, sure] = sources[system][name];
    const gained = gain === null ? "" : `${(Math.round(10 * gain) / 10 + 0).toFixed(1)} dB`.replace("-", "\u2212");
    const figure = [gained, sure === null ? "" : `confidence ${sure.toFixed(2)}`].filter(Boolean).join(", ");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "clip";
    button.dataset.audio = audio;
    button.setAttribute("aria-pressed", "false");
    button.setAttribute("aria-label", `${utt}, ${name}, ${label}${figure && `, ${gain === null ? "" : "SI-SDRi "}${figure}`}`);
    const head = document.createElement("span");
    head.className = "head";
    button.append(document.createElement("canvas"), head);
    const value = document.createElement("b");
    value.textContent = figure;
    caption.append(label, value);
    cell.append(button, caption);
    watcher.observe(button);
    return cell;
  }
  function show() {
    if (current && current.closest(".source")) {
      player.pause();
      current = null;
    }
    for (const article of all(".mixture")) {
      const number = Number(article.dataset.mixture);
      for (const row of all(".row[data-class]", article)) {
        all(".source", row).forEach((cell) => cell.remove());
        row.querySelector(".cells").append(...listening.columns.map((system) => cellOf(number, row.dataset.class, system)));
      }
    }
  }
  all(".clip").forEach((button) => watcher.observe(button));
  all("#chooser select").forEach((select) => select.addEventListener("change", () => {
    listening.columns[Number(select.dataset.column)] = select.value;
    show();
  }));
  show();
})();
