"use strict";
// The chart: all points as one vertex buffer, an index buffer of those that are shown in random
// order, so that any first part of it is a fair sample while the chart is being turned.

NC.EYE = 4.2; // how far the viewer stands, in half widths of the chart

// The box of the points, or of some of them: middle, half the longest side, half sides in units of
// that. A few far outliers do not make all others small: they lie outside the box, and are drawn.
NC.boxOf = (cvs, n, some = null) => {
  const count = some ? some.length : n, every = Math.max(1, Math.floor(count / 50000)), low = [], high = [];
  for (let k = 0; k < 3; k++) {
    const values = [];
    let least = Infinity, most = -Infinity;
    for (let j = 0; j < count; j++) {
      const v = cvs[3 * (some ? some[j] : j) + k];
      if (v < least) least = v;
      if (v > most) most = v;
      if (j % every === 0) values.push(v);
    }
    values.sort((a, b) => a - b);
    const cut = Math.floor(values.length / 500), [from, to] = [values[cut], values[values.length - 1 - cut]], room = 0.1 * (to - from);
    low.push(most - least > 1.6 * (to - from) && to > from ? Math.max(least, from - room) : least);
    high.push(most - least > 1.6 * (to - from) && to > from ? Math.min(most, to + room) : most);
  }
  if (!count) low.fill(-1), high.fill(1);
  const middle = low.map((v, k) => (v + high[k]) / 2), half = Math.max(...low.map((v, k) => (high[k] - v) / 2)) || 1;
  return { low, high, middle, half, extent: low.map((v, k) => Math.max((high[k] - v) / 2 / half, 1e-3) * 1.04) };
};

NC.cloud = ({ glCanvas, backCanvas, frontCanvas, cvs, onDraw }) => {
  const n = cvs.length / 3, gl = NC.context(glCanvas, n < 60000); // smooth edges cost a slow machine more than many small points
  if (!gl) throw new Error("This browser has no WebGL2, which the explorer needs. Any browser since 2021 has it.");
  const box = NC.boxOf(cvs, n);
  const home = { azimuth: 0.7, elevation: 0.42, zoom: 1, x: 0, y: 0 };
  const view = { ...home };
  const state = { size: 1, path: null, marks: [], moving: false, drawn: 0, shown: n, faded: true };

  // A fixed shuffle (xorshift): the same chart is drawn the same way each time.
  const shuffled = new Uint32Array(n);
  for (let i = 0, seed = 2463534242; i < n; i++) {
    seed ^= seed << 13, seed ^= seed >>> 17, seed ^= seed << 5;
    const j = (seed >>> 0) % (i + 1);
    shuffled[i] = shuffled[j], shuffled[j] = i;
  }
  const VERTEX = `
    in vec3 place; in vec4 colour; uniform mat3 axes; uniform vec3 middle; uniform float half_width, eye, size;
    uniform vec2 scale, shift; out vec3 tint; out float fog;
    void main() {
      vec3 p = axes * ((place - middle) / half_width);
      float near = eye / max(eye - p.z, 0.05);
      gl_Position = vec4(p.xy * near * scale + shift, -p.z / 4.0, 1.0);
      gl_PointSize = max(1.0, size * near);
      tint = colour.rgb; fog = clamp(0.45 - 0.4 * p.z, 0.0, 1.0); }`;
  const FRAGMENT = `
    in vec3 tint; in float fog; uniform vec4 ghost; uniform vec3 paper; uniform float size; out vec4 ink;
    void main() {
      vec2 d = 2.0 * gl_PointCoord - 1.0; float r = dot(d, d);
      if (size > 2.5 && r > 1.0) discard;
      vec3 lit = tint * (size > 4.0 ? 0.8 + 0.27 * sqrt(max(0.0, 1.0 - r)) : 1.0);
      ink = ghost.a > 0.0 ? vec4(ghost.rgb * ghost.a, ghost.a) : vec4(mix(lit, paper, 0.4 * fog), 1.0); }`;
  const dots = NC.program(gl, VERTEX, FRAGMENT);
  const vertices = gl.createVertexArray();
  const buffer = (target, values, use) => {
    const made = gl.createBuffer();
    gl.bindBuffer(target, made), gl.bufferData(target, values, use);
    return made;
  };
  gl.bindVertexArray(vertices);
  buffer(gl.ARRAY_BUFFER, cvs, gl.STATIC_DRAW);
  gl.enableVertexAttribArray(dots.attribute("place"));
  gl.vertexAttribPointer(dots.attribute("place"), 3, gl.FLOAT, false, 0, 0);
  const colourBuffer = buffer(gl.ARRAY_BUFFER, new Uint8Array(4 * n).fill(128), gl.DYNAMIC_DRAW);
  gl.enableVertexAttribArray(dots.attribute("colour"));
  gl.vertexAttribPointer(dots.attribute("colour"), 4, gl.UNSIGNED_BYTE, true, 0, 0);
  const indexBuffer = buffer(gl.ELEMENT_ARRAY_BUFFER, shuffled, gl.DYNAMIC_DRAW);
  gl.bindVertexArray(null);
  let shown = shuffled;

  // A path: vertices of its own, in the order of time.
  const pathVertices = gl.createVertexArray(), pathBuffer = gl.createBuffer(), pathColours = gl.createBuffer();
  gl.bindVertexArray(pathVertices);
  gl.bindBuffer(gl.ARRAY_BUFFER, pathBuffer);
  gl.enableVertexAttribArray(dots.attribute("place"));
  gl.vertexAttribPointer(dots.attribute("place"), 3, gl.FLOAT, false, 0, 0);
  gl.bindBuffer(gl.ARRAY_BUFFER, pathColours);
  gl.enableVertexAttribArray(dots.attribute("colour"));
  gl.vertexAttribPointer(dots.attribute("colour"), 4, gl.UNSIGNED_BYTE, true, 0, 0);
  gl.bindVertexArray(null);

  const axesOf = ({ azimuth, elevation }) => { // rows: right, up, towards
    const [ca, sa, ce, se] = [Math.cos(azimuth), Math.sin(azimuth), Math.cos(elevation), Math.sin(elevation)];
    return [-sa, ca, 0, -se * ca, -se * sa, ce, ce * ca, ce * sa, se];
  };
  const camera = (width, height, ratio) => {
    const axes = axesOf(view);
    const { pixels, cx, cy } = fitted(width, height, ratio);
    return { axes, pixels: pixels * view.zoom, ratio, width, height, cx: (cx - width / 2) * view.zoom + width * (0.5 + view.x), cy: (cy - height / 2) * view.zoom + height * (0.5 + view.y) };
  };
  // The scale at which the whole box and its labels are in the picture, seen from home.
  const fitted = (width, height, ratio) => {
    const at = { axes: axesOf(home), pixels: 1, cx: 0, cy: 0 }, corners = [];
    for (let k = 0; k < 8; k++) corners.push(screen(at, ...box.extent.map((e, c) => (k >> c & 1 ? e : -e))));
    const [left, right, top, bottom] = [Math.min(...corners.map((c) => c[0])), Math.max(...corners.map((c) => c[0])), Math.min(...corners.map((c) => c[1])), Math.max(...corners.map((c) => c[1]))];
    const margin = 44 * ratio, pixels = Math.max(20, Math.min((width - 2 * margin) / (right - left), (height - 1.5 * margin) / (bottom - top)));
    return { pixels, cx: width / 2 - pixels * (left + right) / 2, cy: height / 2 - pixels * (top + bottom) / 2 };
  };
  const screen = (cam, x, y, z) => { // of normalised coordinates
    const a = cam.axes, depth = a[6] * x + a[7] * y + a[8] * z, near = NC.EYE / Math.max(NC.EYE - depth, 0.05);
    return [cam.cx + (a[0] * x + a[1] * y + a[2] * z) * near * cam.pixels, cam.cy - (a[3] * x + a[4] * y + a[5] * z) * near * cam.pixels, depth];
  };
  const place = (cam, p) => screen(cam, ...p.map((v, k) => (v - box.middle[k]) / box.half));

  const dotSize = () => Math.min(9, Math.max(1.6, 11 - 1.55 * Math.log10(Math.max(state.shown, 10)))) * state.size;

  // ---- while it moves, only as many points as can be drawn in time; at rest, all ----
  const pace = { most: 150000, last: 0 };
  const measure = (now) => {
    const gap = now - pace.last;
    if (state.moving && pace.last && state.drawn) {
      // Towards as many as take 40 ms, in steps that do not swing.
      const share = Math.min(1.25, Math.max(0.25, 40 / gap));
      if (gap > 50 || gap < 35) pace.most = Math.min(4e6, Math.max(15000, Math.min(pace.most, state.drawn) * share));
    }
    pace.last = state.moving ? now : 0;
  };

  const drawPoints = (cam) => {
    const { width: w, height: h } = cam, unit = (name) => NC.rgb(NC.cssColour(name)).map((c) => c / 255);
    gl.viewport(0, 0, w, h), gl.clearColor(0, 0, 0, 0), gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.useProgram(dots.handle), gl.enable(gl.DEPTH_TEST), gl.depthFunc(gl.LEQUAL), gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    const set = (size, ghost) => {
      gl.uniform1f(dots.at("size"), size), gl.uniform4fv(dots.at("ghost"), ghost);
    };
    gl.uniformMatrix3fv(dots.at("axes"), false, NC.columnsOf(cam.axes)), gl.uniform3fv(dots.at("middle"), box.middle);
    gl.uniform1f(dots.at("half_width"), box.half), gl.uniform1f(dots.at("eye"), NC.EYE);
    gl.uniform2f(dots.at("scale"), 2 * cam.pixels / w, 2 * cam.pixels / h);
    gl.uniform2f(dots.at("shift"), 2 * cam.cx / w - 1, 1 - 2 * cam.cy / h);
    gl.uniform3fv(dots.at("paper"), unit("stage"));
    const most = state.moving ? Math.round(pace.most) : n, size = dotSize() * cam.ratio * Math.sqrt(view.zoom);
    gl.bindVertexArray(vertices);
    if (state.shown < n && state.faded) { // the rest stays as a pale cloud behind what is shown
      const pale = Math.min(n - state.shown, 150000, most); // the more there are, the fainter each
      set(Math.max(1, 0.55 * size), [...unit("muted"), Math.min(0.12, Math.max(0.012, 900 / pale))]);
      gl.depthMask(false), gl.enable(gl.BLEND);
      gl.drawElements(gl.POINTS, pale, gl.UNSIGNED_INT, 4 * state.shown);
      gl.depthMask(true), gl.disable(gl.BLEND);
    }
    state.drawn = Math.min(state.shown, most);
    set(size, [0, 0, 0, 0]);
    gl.drawElements(gl.POINTS, state.drawn, gl.UNSIGNED_INT, 0);
    if (state.path && state.path.n > 1) {
      gl.bindVertexArray(pathVertices);
      set(1, [...unit("ink"), 0.3]), gl.enable(gl.BLEND), gl.depthMask(false);
      gl.drawArrays(gl.LINE_STRIP, 0, Math.max(2, state.path.now + 1));
      gl.depthMask(true), gl.disable(gl.BLEND);
    }
    gl.bindVertexArray(null);
  };

  let waiting = false, resting = 0;
  const draw = () => {
    waiting = false;
    const cam = cameraNow();
    NC.drawFrame(backCanvas, cam, { ...box, screen });
    drawPoints(cam);
    NC.drawMarks(frontCanvas, cam, state, place);
    onDraw(state);
  };
  const redraw = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame((now) => { measure(now), draw(); });
  };
  const cameraNow = () => camera(glCanvas.width, glCanvas.height, Math.min(window.devicePixelRatio || 1, 2));
  const api = {
    setMarks(marks) { state.marks = marks, NC.drawMarks(frontCanvas, cameraNow(), state, place); }, // no point is drawn anew
    gl, view, home, state, n, redraw, draw,
    moved() { // a step of a movement: draw what can be drawn, and all as soon as it rests
      state.moving = true;
      clearTimeout(resting), resting = setTimeout(() => { state.moving = false, redraw(); }, 160);
      redraw();
    },
    resize() {
      const changed = [glCanvas, backCanvas, frontCanvas].map(NC.fit).some(Boolean);
      if (changed) draw();
    },
    setColours(values) {
      gl.bindBuffer(gl.ARRAY_BUFFER, colourBuffer), gl.bufferData(gl.ARRAY_BUFFER, values, gl.DYNAMIC_DRAW), redraw();
    },
    setShown(mask) { // those shown come first, in random order; the others behind them
      const order = new Uint32Array(n);
      let first = 0, last = n;
      for (let k = 0; k < n; k++) {
        const i = shuffled[k];
        if (mask[i]) order[first++] = i;
        else order[--last] = i;
      }
      state.shown = first, shown = order;
      gl.bindVertexArray(vertices);
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, indexBuffer), gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, order, gl.DYNAMIC_DRAW);
      gl.bindVertexArray(null), redraw();
    },
    setPath(path) { // {cvs, n, now} or null
      state.path = path;
      if (path) {
        gl.bindBuffer(gl.ARRAY_BUFFER, pathBuffer), gl.bufferData(gl.ARRAY_BUFFER, path.cvs, gl.STATIC_DRAW);
        gl.bindBuffer(gl.ARRAY_BUFFER, pathColours), gl.bufferData(gl.ARRAY_BUFFER, new Uint8Array(4 * path.n), gl.STATIC_DRAW);
      }
      redraw();
    },
    // The box around what is shown, or (all) around everything.
    fit(all) {
      Object.assign(box, NC.boxOf(cvs, n, all ? null : shown.subarray(0, state.shown)));
      Object.assign(view, home), api.moved();
    },
    // The shown point nearest on screen, of those equally near the foremost; null if none is.
    pick(px, py, reach = 12) {
      const cam = camera(glCanvas.clientWidth, glCanvas.clientHeight, 1), a = cam.axes, { middle, half } = box;
      let best = -1, bestScore = Infinity;
      for (let k = 0; k < state.shown; k++) {
        const i = shown[k], x = (cvs[3 * i] - middle[0]) / half, y = (cvs[3 * i + 1] - middle[1]) / half, z = (cvs[3 * i + 2] - middle[2]) / half;
        const depth = a[6] * x + a[7] * y + a[8] * z, s = cam.pixels * NC.EYE / Math.max(NC.EYE - depth, 0.05);
        const dx = cam.cx + (a[0] * x + a[1] * y + a[2] * z) * s - px;
        if (dx > reach || dx < -reach) continue;
        const dy = cam.cy - (a[3] * x + a[4] * y + a[5] * z) * s - py, distance = dx * dx + dy * dy;
        if (distance > reach * reach) continue;
        const score = Math.max(distance, 9) - 12 * depth;
        if (score < bestScore) best = i, bestScore = score;
      }
      return best < 0 ? null : best;
    },
    whereIs(point) { // on the page's pixels
      const cam = camera(glCanvas.clientWidth, glCanvas.clientHeight, 1);
      return place(cam, [cvs[3 * point], cvs[3 * point + 1], cvs[3 * point + 2]]);
    },
  };
  return api;
};

// The box: its back walls with a grid, and an axis with numbers on an outline edge of each direction.
NC.drawFrame = (canvas, cam, { extent, low, high, middle, half, screen }) => {
  const pen = canvas.getContext("2d"), { axes, ratio } = cam, rule = NC.cssColour("rule"), muted = NC.cssColour("muted");
  pen.setTransform(1, 0, 0, 1, 0, 0), pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.lineWidth = ratio, pen.strokeStyle = rule;
  const ticks = low.map((from, k) => {
    const range = high[k] - from || 1, raw = range / 4, power = 10 ** Math.floor(Math.log10(raw));
    const step = power * [1, 2, 5, 10].find((m) => m * power >= raw), found = [];
    for (let t = Math.ceil(from / step); t * step <= high[k]; t++) found.push(t * step);
    return found.map((t) => [(t - middle[k]) / half, NC.number(t)]);
  });
  const corner = (k, a, i, b, j, c) => { const p = [0, 0, 0]; p[k] = a, p[i] = b, p[j] = c; return screen(cam, ...p); };
  const isBack = (k, side) => NC.EYE * axes[6 + k] * side < extent[k];
  for (let k = 0; k < 3; k++) for (const side of [-1, 1]) {
    if (!isBack(k, side)) continue;
    const i = (k + 1) % 3, j = (k + 2) % 3, a = side * extent[k];
    for (const [m, o] of [[i, j], [j, i]]) for (const s of [...ticks[m].map(([t]) => t), -extent[m], extent[m]]) {
      const [x, y] = corner(k, a, m, s, o, -extent[o]), [u, v] = corner(k, a, m, s, o, extent[o]);
      pen.beginPath(), pen.moveTo(x, y), pen.lineTo(u, v), pen.stroke();
    }
  }
  pen.textAlign = "center", pen.textBaseline = "middle", pen.fillStyle = muted;
  const [ox, oy] = screen(cam, 0, 0, 0);
  for (let k = 0; k < 3; k++) {
    const i = (k + 1) % 3, j = (k + 2) % 3;
    let best = null;
    for (const si of [-1, 1]) for (const sj of [-1, 1]) {
      if (isBack(i, si) === isBack(j, sj)) continue;
      const [x, y] = corner(k, 0, i, si * extent[i], j, sj * extent[j]), score = k === 2 ? -x : y;
      if (!best || score > best.score) best = { si, sj, x, y, score };
    }
    if (!best) continue;
    const away = Math.hypot(best.x - ox, best.y - oy) || 1, dx = ratio * (best.x - ox) / away, dy = ratio * (best.y - oy) / away;
    pen.font = `${11 * ratio}px system-ui, sans-serif`;
    for (const [at, text] of ticks[k]) {
      const [x, y] = corner(k, at, i, best.si * extent[i], j, best.sj * extent[j]);
      pen.fillText(text, x + 16 * dx, y + 13 * dy);
    }
    pen.font = `600 ${12 * ratio}px system-ui, sans-serif`;
    pen.fillText(`CV${k + 1}`, best.x + 38 * dx, best.y + 33 * dy);
  }
};

// What lies over the points: the picked ones with their letters, and where a path is now.
NC.drawMarks = (canvas, cam, state, place) => {
  const pen = canvas.getContext("2d"), ratio = cam.ratio, ink = NC.cssColour("ink"), paper = NC.cssColour("paper");
  pen.setTransform(1, 0, 0, 1, 0, 0), pen.clearRect(0, 0, canvas.width, canvas.height);
  const path = state.path;
  if (path && path.n) {
    const accent = NC.cssColour("accent"), from = Math.max(0, path.now - 40);
    pen.strokeStyle = accent, pen.lineWidth = 1.8 * ratio, pen.lineJoin = "round";
    pen.beginPath();
    for (let i = from; i <= path.now; i++) {
      const [x, y] = place(cam, [...path.cvs.subarray(3 * i, 3 * i + 3)]);
      if (i === from) pen.moveTo(x, y);
      else pen.lineTo(x, y);
    }
    pen.stroke();
    for (const { frame } of path.transitions) {
      const [x, y] = place(cam, [...path.cvs.subarray(3 * frame, 3 * frame + 3)]), r = 4.5 * ratio;
      pen.beginPath(), pen.moveTo(x, y - r), pen.lineTo(x + r, y), pen.lineTo(x, y + r), pen.lineTo(x - r, y), pen.closePath();
      pen.fillStyle = paper, pen.strokeStyle = accent, pen.lineWidth = 1.4 * ratio, pen.fill(), pen.stroke();
    }
    const [x, y] = place(cam, [...path.cvs.subarray(3 * path.now, 3 * path.now + 3)]);
    pen.beginPath(), pen.arc(x, y, 6 * ratio, 0, 7), pen.fillStyle = accent, pen.strokeStyle = paper, pen.lineWidth = 2 * ratio, pen.fill(), pen.stroke();
  }
  for (const { cvs, letter, outside } of state.marks) {
    const [x, y] = place(cam, cvs), r = 8 * ratio;
    pen.beginPath(), pen.arc(x, y, r, 0, 7);
    pen.strokeStyle = paper, pen.lineWidth = 4.5 * ratio, pen.stroke();
    pen.strokeStyle = outside ? NC.cssColour("accent") : ink, pen.lineWidth = 2 * ratio, pen.setLineDash(outside ? [4 * ratio, 3 * ratio] : []), pen.stroke(), pen.setLineDash([]);
    pen.font = `700 ${12 * ratio}px system-ui, sans-serif`, pen.textAlign = "left", pen.textBaseline = "middle";
    pen.lineWidth = 3.5 * ratio, pen.strokeStyle = paper, pen.strokeText(letter, x + r + 3 * ratio, y - r);
    pen.fillStyle = outside ? NC.cssColour("accent") : ink, pen.fillText(letter, x + r + 3 * ratio, y - r);
  }
};
