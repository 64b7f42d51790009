// The chart of the report, turned by hand: points drawn with WebGL, or by a small software
// renderer where there is none. The data lie in the element #chart-data, as JSON.
// Text from the data enters the page as textContent only.
"use strict";
(() => {
  const root = document.getElementById("chart3d");
  if (!root) return;
  const data = JSON.parse(document.getElementById("chart-data").textContent);
  let [frame, canvas] = root.querySelectorAll("canvas");
  const tip = root.querySelector(".tip"), mark = root.querySelector(".mark");
  const legend = root.querySelector(".legend");
  const HOME = { azimuth: -0.9, elevation: 0.36, zoom: 1, x: 0, y: 0 };
  const EYE = 5; // distance of the eye, in half-widths of the chart: a mild perspective
  const view = { ...HOME };

  // ---- data: typed arrays, coordinates centred so that the longest axis spans [-1, 1] ----
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
  const quantised = new Uint16Array(bytes(data.cvs));
  const energy = new Float32Array(bytes(data.energies)); // eV above the lowest
  const n = energy.length;
  const range = data.high.map((high, k) => high - data.low[k]);
  const half = Math.max(...range) / 2 || 1;
  const extent = range.map((r) => r / 2 / half);
  const points = new Float32Array(3 * n);
  for (let i = 0; i < 3 * n; i++) points[i] = (2 * quantised[i] / 65535 - 1) * extent[i % 3];
  const dotSize = Math.max(2.2, Math.min(8, 9 - 1.7 * Math.log10(Math.max(n, 1) / 30 + 1)));

  // ---- colours: a mode has groups (legend entries) and a colour for each point ----
  const rgb = (hex) => [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16));
  const groupsOf = (labels, colours, index) => {
    const counts = new Uint32Array(labels.length);
    for (const g of index) counts[g]++;
    return { labels, colours, counts, index };
  };
  const SCALE = ["#5b3fb5", "#9b3fb0", "#d1478d", "#ef7a5a", "#f7c04a"].map(rgb);
  const ramp = (t) => {
    const s = Math.min(Math.max(t, 0), 1) * (SCALE.length - 1);
    const k = Math.min(Math.floor(s), SCALE.length - 2);
    return SCALE[k].map((c, j) => c + (s - k) * (SCALE[k + 1][j] - c));
  };
  const byEnergy = () => {
    const top = Float32Array.from(energy).sort()[Math.floor(0.995 * (n - 1))] || 1;
    const BINS = 6, text = (k) => (top * k / BINS).toFixed(top > 3 ? 1 : 2);
    const bin = Uint8Array.from(energy, (e) => Math.min(BINS - 1, Math.floor(BINS * e / top)));
    const labels = [], colours = [];
    for (let k = 0; k < BINS; k++) {
      labels.push(k < BINS - 1 ? `${text(k)}–${text(k + 1)} eV` : `${text(k)} eV and above`);
      colours.push(`rgb(${ramp((k + 0.5) / BINS).map(Math.round)})`);
    }
    return { ...groupsOf(labels, colours, bin), colour: (i) => ramp(energy[i] / top) };
  };
  const modes = {
    class: groupsOf(data.classLabels, data.classLabels.map((_, k) => `var(--class-${k})`),
      new Uint8Array(bytes(data.classes))),
    family: groupsOf(data.familyLabels, data.familyColours, new Uint16Array(bytes(data.families))),
    energy: byEnergy(),
  };
  let mode = modes.class;
  let isolated = new Set();
  const shown = (i) => isolated.size === 0 || isolated.has(mode.index[i]);
  const colours = new Uint8Array(4 * n); // alpha: 255 shown, 0 faded
  const darkness = matchMedia("(prefers-color-scheme: dark)");
  let printing = false;
  const theme = () => {
    if (printing) return { paper: "#ffffff", ink: "#1c1e21", muted: "#6a6f76", rule: "#dcdfe3" };
    const style = getComputedStyle(root);
    const names = ["paper", "ink", "muted", "rule"];
    return Object.fromEntries(names.map((k) => [k, style.getPropertyValue(`--${k}`).trim()]));
  };
  const paint = () => {
    const dark = darkness.matches && !printing;
    const classes = dark ? data.classColoursOnDark : data.classColours;
    const table = mode.colour ? [] : (mode === modes.class ? classes : mode.colours).map(rgb);
    for (let i = 0; i < n; i++) {
      const on = shown(i), c = mode.colour ? mode.colour(i) : table[mode.index[i]];
      for (let k = 0; k < 3; k++) colours[4 * i + k] = c[k];
      colours[4 * i + 3] = on ? 255 : 0;
    }
    renderer.setColours(colours);
    redraw();
  };

  // ---- camera ----
  // Rows: right, up, towards the eye; CV3 points up.
  const basis = () => {
    const ca = Math.cos(view.azimuth), sa = Math.sin(view.azimuth);
    const ce = Math.cos(view.elevation), se = Math.sin(view.elevation);
    return [[-sa, ca, 0], [-se * ca, -se * sa, ce], [ce * ca, ce * sa, se]];
  };
  const dot = (a, x, y, z) => a[0] * x + a[1] * y + a[2] * z;
  const camera = (width, height) => {
    const ratio = width / (canvas.clientWidth || 1);
    const room = (size, [low, high]) => (size - 84 * ratio) / (high - low || 1);
    const fit = Math.max(1, Math.min(room(width, outline.x), room(height, outline.y)));
    const offset = ([low, high]) => -fit * (low + high) / 2;
    return {
      axes: basis(), width, height, ratio, pixels: fit * view.zoom,
      cx: width / 2 + offset(outline.x) + view.x * width,
      cy: height / 2 + offset(outline.y) + view.y * width,
    };
  };
  const project = (cam, x, y, z) => {
    const depth = dot(cam.axes[2], x, y, z);
    const scale = cam.pixels * EYE / (EYE - depth);
    return [cam.cx + scale * dot(cam.axes[0], x, y, z),
      cam.cy - scale * dot(cam.axes[1], x, y, z), depth];
  };

  // The box as first seen, one pixel a unit: what has to fit, and how far it lies off the middle.
  const outline = { x: [0, 0], y: [0, 0] };
  for (let k = 0; k < 8; k++) {
    const seen = { axes: basis(), pixels: 1, cx: 0, cy: 0 };
    const [x, y] = project(seen, ...extent.map((e, j) => (k >> j & 1 ? e : -e)));
    outline.x = [Math.min(x, outline.x[0]), Math.max(x, outline.x[1])];
    outline.y = [Math.min(y, outline.y[0]), Math.max(y, outline.y[1])];
  }

  // ---- the frame: back walls of the box, ticks and names ----
  const ticksOf = (low, high) => {
    const raw = (high - low) / 4 || 1, power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw);
    const ticks = [];
    for (let t = Math.ceil(low / step); t * step <= high; t++) ticks.push(t * step);
    return ticks.map((t) => [t, Number(t.toPrecision(6)).toString().replace("-", "−")]);
  };
  const ticks = data.low.map((low, k) => ticksOf(low, data.high[k]));
  const place = (k, value) => (value - data.low[k] - range[k] / 2) / half;
  const corner = (k, a, i, b, j, c) => {
    const p = [0, 0, 0];
    p[k] = a, p[i] = b, p[j] = c;
    return p;
  };
  const drawFrame = (cam, colour) => {
    const pen = frame.getContext("2d");
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, frame.width, frame.height);
    pen.lineWidth = cam.ratio, pen.strokeStyle = colour.rule;
    const line = (p, q) => {
      const [x, y] = project(cam, ...p), [u, v] = project(cam, ...q);
      pen.beginPath(), pen.moveTo(x, y), pen.lineTo(u, v), pen.stroke();
    };
    const isBack = (k, side) => EYE * cam.axes[2][k] * side < extent[k];
    for (let k = 0; k < 3; k++) for (const side of [-1, 1]) {
      if (!isBack(k, side)) continue;
      const i = (k + 1) % 3, j = (k + 2) % 3, a = side * extent[k];
      for (const [m, o] of [[i, j], [j, i]]) {
        const stops = [...ticks[m].map(([t]) => place(m, t)), -extent[m], extent[m]];
        for (const s of stops) line(corner(k, a, m, s, o, -extent[o]), corner(k, a, m, s, o, extent[o]));
      }
    }
    pen.textAlign = "center", pen.textBaseline = "middle";
    for (let k = 0; k < 3; k++) labelAxis(pen, cam, colour, k, isBack);
  };
  // An axis is labelled on an outline edge of the box: lowest on screen, or leftmost for CV3.
  const labelAxis = (pen, cam, colour, k, isBack) => {
    const i = (k + 1) % 3, j = (k + 2) % 3;
    let best = null;
    for (const si of [-1, 1]) for (const sj of [-1, 1]) {
      if (isBack(i, si) === isBack(j, sj)) continue;
      const edge = (a) => project(cam, ...corner(k, a, i, si * extent[i], j, sj * extent[j]));
      const [x, y] = edge(0);
      const score = k === 2 ? -x : y;
      if (!best || score > best.score) best = { edge, x, y, score };
    }
    if (!best) return;
    const [ox, oy] = project(cam, 0, 0, 0);
    const away = Math.hypot(best.x - ox, best.y - oy) || 1;
    const dx = cam.ratio * (best.x - ox) / away, dy = cam.ratio * (best.y - oy) / away;
    pen.font = `${11 * cam.ratio}px system-ui, sans-serif`, pen.fillStyle = colour.muted;
    for (const [value, text] of ticks[k]) {
      const [x, y] = best.edge(place(k, value));
      pen.fillText(text, x + 15 * dx, y + 13 * dy);
    }
    pen.font = `600 ${12 * cam.ratio}px system-ui, sans-serif`, pen.fillStyle = colour.ink;
    pen.fillText(`CV${k + 1}`, best.x + 36 * dx, best.y + 32 * dy);
  };

  // ---- renderer 1: WebGL, round sprites, shaded by depth ----
  const VERTEX = `
    attribute vec3 place; attribute vec4 colour; varying vec3 tint; varying float fog;
    uniform mat3 axes; uniform vec3 extent; uniform vec2 scale, shift;
    uniform float eye, size; uniform mediump float faded;
    void main() {
      vec3 p = axes * ((2.0 * place - 1.0) * extent);
      float near = eye / (eye - p.z);
      bool drawn = (colour.a < 0.5) == (faded > 0.5);
      gl_Position = drawn ? vec4(p.xy * near * scale + shift, -p.z / 2.0, 1.0) : vec4(9.0);
      gl_PointSize = max(1.0, size * near * (faded > 0.5 ? 0.6 : 1.0));
      fog = clamp(0.5 - 0.5 * p.z, 0.0, 1.0); tint = colour.rgb; }`;
  const FRAGMENT = `
    precision mediump float; varying vec3 tint; varying float fog;
    uniform vec3 paper, muted; uniform mediump float faded;
    void main() {
      vec2 d = 2.0 * gl_PointCoord - 1.0; float r = dot(d, d);
      if (r > 1.0) discard;
      vec3 lit = tint * (0.78 + 0.3 * sqrt(1.0 - r));
      gl_FragColor = faded > 0.5 ? vec4(muted, 1.0) * 0.13 : vec4(mix(lit, paper, 0.45 * fog), 1.0); }`;
  const webgl = () => {
    const gl = canvas.getContext("webgl", { preserveDrawingBuffer: true, antialias: false });
    if (!gl) return null;
    const program = gl.createProgram();
    for (const [type, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(type);
      gl.shaderSource(shader, text), gl.compileShader(shader), gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) return null;
    gl.useProgram(program);
    const buffer = (name, values, size, type) => {
      const handle = gl.createBuffer(), where = gl.getAttribLocation(program, name);
      gl.bindBuffer(gl.ARRAY_BUFFER, handle), gl.bufferData(gl.ARRAY_BUFFER, values, gl.DYNAMIC_DRAW);
      gl.enableVertexAttribArray(where), gl.vertexAttribPointer(where, size, type, true, 0, 0);
    };
    buffer("place", quantised, 3, gl.UNSIGNED_SHORT);
    buffer("colour", colours, 4, gl.UNSIGNED_BYTE); // stays bound: setColours writes into it
    const at = (name) => gl.getUniformLocation(program, name);
    gl.enable(gl.DEPTH_TEST), gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    return {
      name: "webgl",
      setColours: (values) => gl.bufferSubData(gl.ARRAY_BUFFER, 0, values),
      draw(cam, colour) {
        const { width: w, height: h } = cam, unit = (hex) => rgb(hex).map((c) => c / 255);
        const [right, up, to] = cam.axes;
        gl.viewport(0, 0, w, h), gl.clearColor(0, 0, 0, 0);
        gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
        gl.uniformMatrix3fv(at("axes"), false, [0, 1, 2].flatMap((k) => [right[k], up[k], to[k]]));
        gl.uniform3fv(at("extent"), extent), gl.uniform1f(at("eye"), EYE);
        gl.uniform2f(at("scale"), 2 * cam.pixels / w, 2 * cam.pixels / h);
        gl.uniform2f(at("shift"), 2 * cam.cx / w - 1, 1 - 2 * cam.cy / h);
        gl.uniform1f(at("size"), dotSize * cam.ratio * Math.sqrt(view.zoom));
        gl.uniform3fv(at("paper"), unit(colour.paper)), gl.uniform3fv(at("muted"), unit(colour.muted));
        for (const faded of isolated.size ? [1, 0] : [0]) { // faded points never hide others
          gl.depthMask(!faded), gl[faded ? "enable" : "disable"](gl.BLEND);
          gl.uniform1f(at("faded"), faded), gl.drawArrays(gl.POINTS, 0, n);
        }
      },
    };
  };

  // ---- renderer 2: discs into an image with a depth buffer, where there is no WebGL ----
  const software = () => {
    if (!canvas.getContext("2d")) { // WebGL was there but failed: such a canvas has no 2-D side
      const fresh = canvas.cloneNode();
      canvas.replaceWith(fresh), canvas = fresh;
    }
    const pen = canvas.getContext("2d");
    return {
      name: "2d",
      setColours() {},
      draw(cam, colour) {
        const { width: w, height: h } = cam, image = pen.createImageData(w, h);
        const pixel = new Uint32Array(image.data.buffer), nearest = new Float32Array(w * h).fill(-9);
        const paper = rgb(colour.paper), muted = rgb(colour.muted);
        const faded = (0x40 << 24) | (muted[2] << 16) | (muted[1] << 8) | muted[0];
        const radius = 0.5 * dotSize * cam.ratio * Math.sqrt(view.zoom);
        for (let i = 0; i < n; i++) {
          const [x, y, z] = project(cam, points[3 * i], points[3 * i + 1], points[3 * i + 2]);
          const on = colours[4 * i + 3] > 0, fog = 0.45 * Math.min(Math.max(0.5 - 0.5 * z, 0), 1);
          let ink = faded;
          if (on) {
            const c = [0, 1, 2].map((k) => colours[4 * i + k] * (1 - fog) + paper[k] * fog);
            ink = (255 << 24) | (c[2] << 16) | (c[1] << 8) | c[0];
          }
          const r = on ? radius : 0.5 * radius, depth = on ? z : -8;
          for (let v = Math.ceil(y - r); v <= y + r; v++) for (let u = Math.ceil(x - r); u <= x + r; u++) {
            if (u < 0 || v < 0 || u >= w || v >= h || (u - x) ** 2 + (v - y) ** 2 > r * r) continue;
            if (nearest[v * w + u] < depth) nearest[v * w + u] = depth, pixel[v * w + u] = ink;
          }
        }
        pen.putImageData(image, 0, 0);
      },
    };
  };
  const renderer = webgl() || software();
  root.dataset.renderer = renderer.name;

  let waiting = false;
  const drawNow = () => {
    waiting = false;
    const colour = theme(), cam = camera(canvas.width, canvas.height);
    drawFrame(cam, colour), renderer.draw(cam, colour);
  };
  const redraw = () => {
    if (!waiting) waiting = true, requestAnimationFrame(drawNow);
  };
  const resize = () => {
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    for (const c of [frame, canvas]) {
      c.width = Math.max(1, Math.round(canvas.clientWidth * ratio));
      c.height = Math.max(1, Math.round(canvas.clientHeight * ratio));
    }
    hideTip(), drawNow();
  };

  // ---- which structure is under the pointer ----
  const pick = (px, py) => {
    const cam = camera(canvas.clientWidth, canvas.clientHeight), reach = 9 ** 2;
    let best = -1, bestScore = Infinity;
    for (let i = 0; i < n; i++) {
      if (!colours[4 * i + 3]) continue;
      const [x, y, z] = project(cam, points[3 * i], points[3 * i + 1], points[3 * i + 2]);
      const distance = (x - px) ** 2 + (y - py) ** 2;
      const score = Math.max(distance, 9) - 4 * z; // of those equally near, the foremost
      if (distance < reach && score < bestScore) best = i, bestScore = score;
    }
    return best < 0 ? null : { i: best, at: project(cam, ...points.subarray(3 * best, 3 * best + 3)) };
  };
  const hideTip = () => { tip.hidden = mark.hidden = true; };
  const showTip = (px, py) => {
    const found = pick(px, py);
    if (!found) return hideTip();
    const { i, at } = found, number = Math.floor(i * data.total / n);
    const rows = [`Structure ${number.toLocaleString("en")}`,
      modes.class.labels[modes.class.index[i]], modes.family.labels[modes.family.index[i]],
      `${(data.lowestEnergy + energy[i]).toFixed(4)} eV (lowest + ${energy[i].toFixed(3)})`];
    tip.replaceChildren(...rows.map((text) => {
      const row = document.createElement("div");
      row.textContent = text;
      return row;
    }));
    tip.hidden = mark.hidden = false;
    const left = Math.min(at[0] + 14, canvas.clientWidth - tip.offsetWidth - 4);
    tip.style.transform = `translate(${Math.max(4, left)}px, ${Math.max(4, at[1] - tip.offsetHeight - 10)}px)`;
    mark.style.transform = `translate(${at[0]}px, ${at[1]}px)`;
  };

  // ---- hands: mouse, touch, keyboard ----
  const held = new Map();
  let travelled = 0;
  const zoomBy = (factor) => { view.zoom = Math.min(40, Math.max(0.3, view.zoom * factor)); };
  const rotate = (dx, dy) => {
    view.azimuth -= dx;
    view.elevation = Math.max(-Math.PI / 2, Math.min(Math.PI / 2, view.elevation + dy));
  };
  const pan = (dx, dy) => { view.x += dx / canvas.clientWidth, view.y += dy / canvas.clientWidth; };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.focus({ preventScroll: true }), canvas.setPointerCapture(event.pointerId);
    held.set(event.pointerId, event), travelled = 0, hideTip();
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = held.get(event.pointerId);
    if (!before) return void (event.pointerType === "mouse" && showTip(event.offsetX, event.offsetY));
    const dx = event.clientX - before.clientX, dy = event.clientY - before.clientY;
    travelled += Math.abs(dx) + Math.abs(dy);
    if (held.size === 2) {
      const other = [...held].find(([id]) => id !== event.pointerId)[1];
      const gap = (e) => Math.hypot(e.clientX - other.clientX, e.clientY - other.clientY) || 1;
      zoomBy(gap(event) / gap(before)), pan(dx / 2, dy / 2);
    } else if (event.shiftKey || event.buttons & 6) pan(dx, dy);
    else rotate(0.008 * dx, 0.008 * dy);
    held.set(event.pointerId, event), redraw();
  });
  const release = (event) => {
    held.delete(event.pointerId);
    if (event.type === "pointerup" && travelled < 6) showTip(event.offsetX, event.offsetY);
  };
  canvas.addEventListener("pointerup", release), canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", hideTip);
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  // The wheel turns the page until the chart has been clicked: a reader scrolling by is not held.
  canvas.addEventListener("wheel", (event) => {
    if (document.activeElement !== canvas && !event.ctrlKey) return;
    event.preventDefault(), hideTip();
    zoomBy(Math.exp(-0.0015 * event.deltaY)), redraw();
  }, { passive: false });
  const reset = () => { Object.assign(view, HOME), hideTip(), redraw(); };
  canvas.addEventListener("keydown", (event) => {
    const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (arrow && event.shiftKey) pan(20 * arrow[0], 20 * arrow[1]);
    else if (arrow) rotate(0.09 * arrow[0], 0.09 * arrow[1]);
    else if (event.key === "+" || event.key === "=") zoomBy(1.15);
    else if (event.key === "-") zoomBy(1 / 1.15);
    else if (event.key === "0" || event.key === "Home") reset();
    else if (event.key === "Escape") return canvas.blur();
    else return;
    event.preventDefault(), hideTip(), redraw();
  });
  root.querySelector("[data-action=reset]").addEventListener("click", reset);

  // ---- legend and switch ----
  const mirror = () => {
    for (const entry of legend.children) {
      const group = Number(entry.dataset.group);
      entry.setAttribute("aria-pressed", isolated.has(group));
      entry.classList.toggle("off", isolated.size > 0 && !isolated.has(group));
    }
  };
  const isolate = (group, add) => {
    const only = isolated.has(group) && (add || isolated.size === 1);
    const next = add ? new Set(isolated) : new Set(only ? [] : [group]);
    if (add) next[only ? "delete" : "add"](group);
    isolated = next, hideTip(), mirror(), paint();
  };
  const switchTo = (name) => {
    mode = modes[name], isolated = new Set(), hideTip();
    for (const button of root.querySelectorAll("[data-mode]"))
      button.setAttribute("aria-pressed", button.dataset.mode === name);
    legend.replaceChildren(...mode.labels.flatMap((label, group) => {
      if (!mode.counts[group]) return [];
      const entry = document.createElement("button"), swatch = document.createElement("i");
      const count = document.createElement("small");
      entry.type = "button", entry.dataset.group = group, swatch.style.background = mode.colours[group];
      count.textContent = mode.counts[group].toLocaleString("en");
      entry.append(swatch, document.createTextNode(label), count);
      entry.addEventListener("click", (event) => isolate(group, event.shiftKey || event.ctrlKey));
      return [entry];
    }));
    mirror(), paint();
  };
  for (const button of root.querySelectorAll("[data-mode]"))
    button.addEventListener("click", () => switchTo(button.dataset.mode));
  // A family's card shows where it lies: the chart alone with its points.
  for (const button of document.querySelectorAll("[data-family]"))
    button.addEventListener("click", () => {
      switchTo("family"), isolate(data.familyIds.indexOf(Number(button.dataset.family)), false);
      document.getElementById("chart").scrollIntoView();
    });
  switchTo("class");
  new ResizeObserver(resize).observe(canvas);
  darkness.addEventListener("change", paint);
  addEventListener("beforeprint", () => { printing = true, paint(), drawNow(); });
  addEventListener("afterprint", () => { printing = false, paint(), drawNow(); });
})();
