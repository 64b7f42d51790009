"use strict";
// A trajectory as a path on the chart: made from a table or from the points of one replica.

// A family counts as held only if the path stays there for a while: what crosses a border to and
// fro is no transition. Returns the frames at which a held family gives way to another.
NC.transitionsOf = (families, hold) => {
  const runs = [];
  for (let i = 0; i < families.length; i++) {
    const last = runs[runs.length - 1];
    if (last && last.family === families[i]) last.length++;
    else runs.push({ family: families[i], first: i, length: 1 });
  }
  const found = [];
  let held = null;
  for (const run of runs) {
    if (run.length < hold || run.family < 0) continue;
    if (held && held.family !== run.family) found.push({ frame: run.first, from: held.family, to: run.family });
    held = run;
  }
  return found;
};
NC.holdOf = (n) => Math.max(3, Math.round(n / 200));

// The table of `nanochart project`: file, frame, cv1 …, family, inside, error, converged.
NC.pathOfTable = (text, name) => {
  const lines = text.trim().split(/\r?\n/), header = lines[0].split(","), at = (column) => header.indexOf(column);
  if (at("cv1") < 0 || at("family") < 0 || at("frame") < 0)
    throw new Error(`${name} is no table of nanochart project: it has no columns frame, cv1 and family.`);
  const n = lines.length - 1, cvs = new Float32Array(3 * n), families = new Int16Array(n), frames = new Int32Array(n), inside = new Int8Array(n);
  const columns = ["cv1", "cv2", "cv3"].map(at);
  for (let i = 0; i < n; i++) {
    const cells = lines[i + 1].split(","), shift = cells.length - header.length; // a comma in the file's name
    const cell = (k) => Number(cells[k + (k > 0 ? shift : 0)]);
    columns.forEach((k, c) => { cvs[3 * i + c] = k < 0 ? 0 : cell(k); });
    families[i] = cell(at("family")), frames[i] = cell(at("frame")), inside[i] = at("inside") < 0 ? 1 : cell(at("inside"));
    if (![0, 1, 2].every((c) => Number.isFinite(cvs[3 * i + c]))) throw new Error(`${name}, line ${i + 2}: a coordinate is no number.`);
  }
  if (!n) throw new Error(`${name} holds no frame.`);
  return { name, n, cvs, families, frames, inside, points: null, now: 0, transitions: NC.transitionsOf(families, NC.holdOf(n)), label: (i) => `frame ${NC.count(frames[i])}` };
};

// Some points of the chart in the order of time.
NC.pathOfPoints = (name, points, { cvs, family, time, inside }) => {
  const order = [...points].sort((a, b) => time[a] - time[b]), n = order.length;
  const own = new Float32Array(3 * n);
  order.forEach((i, k) => own.set(cvs.subarray(3 * i, 3 * i + 3), 3 * k));
  const families = Int16Array.from(order, (i) => family[i]);
  return {
    name, n, cvs: own, families, points: order, frames: Int32Array.from(order, (i) => time[i]), inside: Int8Array.from(order, (i) => inside[i]),
    now: 0, transitions: NC.transitionsOf(families, NC.holdOf(n)), label: (i) => `cycle ${NC.count(time[order[i]])}`,
  };
};

// The player below the chart. onFrame(path, i) is called for every frame that is shown.
NC.player = ({ cloud, nameOf, onFrame }) => {
  const at = (id) => document.getElementById(id);
  const root = at("player"), slider = at("time"), button = at("play"), list = at("transitions");
  let path = null, running = false, before = 0, share = 0;
  const show = (frame) => {
    path.now = Math.min(path.n - 1, Math.max(0, frame));
    slider.value = path.now;
    const outside = path.inside[path.now] ? "" : ", outside the domain";
    at("time-now").textContent = `${path.label(path.now)}, ${nameOf(path.families[path.now])}${outside}`;
    cloud.moved(), onFrame(path, path.now);
  };
  const stop = () => { running = false, button.setAttribute("aria-pressed", false), button.textContent = "Play"; };
  const step = (now) => {
    if (!running) return;
    // At speed 1 the whole path takes twenty seconds.
    share += (now - before) / 1000 * path.n / 20 * Number(at("speed").value), before = now;
    if (share >= 1) show(path.now + Math.floor(share)), share %= 1;
    if (path.now >= path.n - 1) stop();
    else requestAnimationFrame(step);
  };
  button.addEventListener("click", () => {
    if (running) return stop();
    if (path.now >= path.n - 1) show(0);
    running = true, share = 0, before = performance.now(), button.setAttribute("aria-pressed", true), button.textContent = "Pause";
    requestAnimationFrame(step);
  });
  slider.addEventListener("input", () => show(Number(slider.value)));
  list.addEventListener("change", () => list.value !== "" && show(Number(list.value)));
  const api = {
    open(next) {
      stop(), path = next, root.hidden = !path;
      cloud.setPath(path);
      if (!path) return;
      slider.max = path.n - 1;
      at("ticks").replaceChildren(...path.transitions.map(({ frame }) => {
        const tick = NC.element("i");
        tick.style.left = `${100 * frame / Math.max(1, path.n - 1)}%`;
        return tick;
      }));
      const few = path.transitions.length ? `${NC.count(path.transitions.length)} marked` : "none";
      list.replaceChildren(NC.element("option", { value: "" }, few), ...path.transitions.map(({ frame, from, to }) =>
        NC.element("option", { value: frame }, `${path.label(frame)}: ${nameOf(from)} → ${nameOf(to)}`)));
      list.title = `A transition is marked where a family held for ${NC.holdOf(path.n)} frames or more gives way to another held as long.`;
      show(0);
    },
    get path() { return path; },
  };
  at("close-path").addEventListener("click", () => { api.open(null), at("path-of").value = ""; });
  return api;
};
