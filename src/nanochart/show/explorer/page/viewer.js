"use strict";
// Clusters in the hand: spheres as quads, each pixel with its own depth, lit from the upper left.
// Several structures share one canvas, a tile each, and turn together.

NC.TILT = NC.turnedBy([1, 0, 0, 0, 1, 0, 0, 0, 1], 0.42, 0.3); // seen a little from above and aside

NC.viewer = (canvas, palette) => {
  const gl = NC.context(canvas, true);
  if (!gl) throw new Error("This browser has no WebGL2, which the explorer needs.");
  const VERTEX = `
    in vec2 corner; in vec3 centre; in vec4 tint; uniform mat3 axes; uniform vec2 scale; uniform float radius, far, cut;
    out vec2 at; out vec4 colour; out float z;
    void main() {
      vec3 p = axes * centre; at = corner * 1.03; colour = tint; z = p.z;
      gl_Position = p.z > cut ? vec4(9.0) : vec4((p.xy + at * radius) * scale, 0.0, 1.0); }`;
  const FRAGMENT = `
    in vec2 at; in vec4 colour; in float z; uniform float radius, far; uniform vec3 paper; out vec4 ink;
    void main() {
      float r = dot(at, at), h = sqrt(max(0.0, 1.0 - r)), soft = fwidth(r);
      float edge = 1.0 - smoothstep(1.0 - soft, 1.0 + soft, r);
      if (edge <= 0.0) discard;
      float depth = z + radius * h;
      gl_FragDepth = clamp(0.5 - 0.45 * depth / far, 0.0, 1.0);
      vec3 light = normalize(vec3(-0.4, 0.5, 0.85)), normal = vec3(at, h);
      float lit = 0.46 + 0.56 * max(0.0, dot(normal, light));
      float glint = pow(max(0.0, dot(reflect(-light, normal), vec3(0.0, 0.0, 1.0))), 24.0) * 0.16;
      lit *= mix(1.0, 0.5, smoothstep(0.8, 1.0, r));
      vec3 c = colour.rgb * lit + glint;
      c = mix(c, paper, 0.34 * clamp(0.5 - 0.5 * depth / far, 0.0, 1.0));
      float a = edge * colour.a;
      ink = vec4(c * a, a); }`;
  const balls = NC.program(gl, VERTEX, FRAGMENT), array = gl.createVertexArray();
  gl.bindVertexArray(array);
  gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1, -1, 1, -1, -1, 1, 1, 1]), gl.STATIC_DRAW);
  gl.enableVertexAttribArray(balls.attribute("corner")), gl.vertexAttribPointer(balls.attribute("corner"), 2, gl.FLOAT, false, 0, 0);
  const atoms = gl.createBuffer();
  gl.bindBuffer(gl.ARRAY_BUFFER, atoms);
  for (const [name, size, offset] of [["centre", 3, 0], ["tint", 4, 12]]) {
    const where = balls.attribute(name);
    gl.enableVertexAttribArray(where), gl.vertexAttribPointer(where, size, gl.FLOAT, false, 28, offset), gl.vertexAttribDivisor(where, 1);
  }
  gl.bindVertexArray(null);

  const state = { structures: [], turn: NC.TILT, zoom: 1, x: 0, y: 0, mode: "environment", cut: 1, clarity: 1, ball: 0.5 };
  const environment = palette.map((one) => NC.rgb(one.colour).map((c) => c / 255));
  const FULL_SHELL = 12;
  const colourOf = {
    environment: (s, i) => environment[s.environment[i]],
    neighbours: (s, i) => NC.shade((s.neighbours[i] - 3) / (FULL_SHELL - 3)).map((c) => c / 255),
    distance: (s, i) => NC.shade(1 - radiusOf(s, i) / s.reach).map((c) => c / 255),
    plain: () => [0.93, 0.8, 0.46],
  };
  const radiusOf = (s, i) => Math.hypot(s.positions[3 * i], s.positions[3 * i + 1], s.positions[3 * i + 2]);
  const headOf = (tile) => (state.structures.length > 1 ? 0.16 * Math.min(tile.w, tile.h) / 2 : 0); // room for a label
  const tiles = () => { // in pixels of the canvas, y from below
    const k = Math.max(1, state.structures.length), { width, height } = canvas;
    let columns = 1, best = 0;
    for (let c = 1; c <= k; c++) {
      const size = Math.min(width / c, height / Math.ceil(k / c));
      if (size > best) best = size, columns = c;
    }
    const rows = Math.ceil(k / columns), w = Math.floor(width / columns), h = Math.floor(height / rows);
    return Array.from({ length: k }, (_, i) => ({ x: (i % columns) * w, y: height - (Math.floor(i / columns) + 1) * h, w, h }));
  };
  const frameOf = (s, tile) => {
    const radius = (s.bond_length || 2.8) * state.ball;
    const far = Math.max(...state.structures.map((one) => one.reach)) + radius;
    const pixels = 0.5 * Math.min(tile.w, tile.h) / far * state.zoom * (state.structures.length > 1 ? 0.8 : 0.96);
    return { radius, far, pixels, axes: NC.product(state.turn, s.view) };
  };
  const depths = (s, axes) => Float32Array.from({ length: s.nAtoms }, (_, i) => axes[6] * s.positions[3 * i] + axes[7] * s.positions[3 * i + 1] + axes[8] * s.positions[3 * i + 2]);
  // The slider runs from "all" (1) through the centre (0) to the far side (−1).
  const cutAt = (s, radius) => (state.cut >= 1 ? Infinity : state.cut * (s.reach + radius) + (state.cut > -1 ? 0.6 * radius : 0));

  const drawOne = (s, tile, paper) => {
    const { radius, far, pixels, axes } = frameOf(s, tile), z = depths(s, axes);
    const seeThrough = (i) => s.neighbours[i] < FULL_SHELL && state.clarity < 1;
    const order = [...z.keys()].sort((a, b) => seeThrough(a) - seeThrough(b) || z[a] - z[b]);
    const values = new Float32Array(7 * s.nAtoms);
    order.forEach((i, k) => {
      values.set(s.positions.subarray(3 * i, 3 * i + 3), 7 * k);
      values.set([...colourOf[state.mode](s, i), seeThrough(i) ? state.clarity : 1], 7 * k + 3);
    });
    const solid = order.filter((i) => !seeThrough(i)).length;
    gl.viewport(tile.x, tile.y - headOf(tile), tile.w, tile.h), gl.scissor(tile.x, tile.y, tile.w, tile.h);
    gl.useProgram(balls.handle), gl.bindVertexArray(array);
    gl.bindBuffer(gl.ARRAY_BUFFER, atoms), gl.bufferData(gl.ARRAY_BUFFER, values, gl.DYNAMIC_DRAW);
    gl.uniformMatrix3fv(balls.at("axes"), false, NC.columnsOf(axes)), gl.uniform3fv(balls.at("paper"), paper);
    gl.uniform2f(balls.at("scale"), 2 * pixels / tile.w, 2 * pixels / tile.h);
    gl.uniform1f(balls.at("radius"), radius), gl.uniform1f(balls.at("far"), far);
    gl.uniform1f(balls.at("cut"), Math.min(cutAt(s, radius), 1e6));
    gl.enable(gl.BLEND);
    if (solid) gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, solid);
    if (solid < s.nAtoms) {
      gl.depthMask(state.clarity > 0.6); // nearly opaque ones hide one another
      for (const [name, size, offset] of [["centre", 3, 0], ["tint", 4, 12]])
        gl.vertexAttribPointer(balls.attribute(name), size, gl.FLOAT, false, 28, 28 * solid + offset);
      gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, s.nAtoms - solid);
      for (const [name, size, offset] of [["centre", 3, 0], ["tint", 4, 12]])
        gl.vertexAttribPointer(balls.attribute(name), size, gl.FLOAT, false, 28, offset);
      gl.depthMask(true);
    }
    gl.bindVertexArray(null);
  };
  const draw = () => {
    waiting = false;
    gl.disable(gl.SCISSOR_TEST), gl.clearColor(0, 0, 0, 0), gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.enable(gl.SCISSOR_TEST), gl.enable(gl.DEPTH_TEST), gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    const paper = NC.rgb(NC.cssColour("stage")).map((c) => c / 255);
    tiles().forEach((tile, k) => state.structures[k] && drawOne(state.structures[k], tile, paper));
  };
  let waiting = false;
  const redraw = () => { if (!waiting) waiting = true, requestAnimationFrame(draw); };
  const api = {
    state, redraw, draw,
    tiles: () => tiles().map(({ x, y, w, h }) => {
      const k = canvas.clientWidth / canvas.width;
      return { left: x * k, top: (canvas.height - y - h) * k, width: w * k, height: h * k };
    }),
    show(structures) {
      for (const s of structures) s.reach ??= Math.max(...Array.from({ length: s.nAtoms }, (_, i) => radiusOf(s, i)));
      state.structures = structures;
      redraw();
    },
    resize() { if (NC.fit(canvas)) draw(); },
    // Which atom of which structure is under a place of the canvas.
    atomAt(px, py) {
      const k = canvas.width / canvas.clientWidth, x = px * k, y = canvas.height - py * k;
      const place = tiles().findIndex((t) => x >= t.x && x < t.x + t.w && y >= t.y && y < t.y + t.h), s = state.structures[place];
      if (!s) return null;
      const tile = tiles()[place], { radius, pixels, axes } = frameOf(s, tile), z = depths(s, axes), limit = cutAt(s, radius);
      const u = (x - tile.x - tile.w / 2) / pixels, v = (y - tile.y + headOf(tile) - tile.h / 2) / pixels;
      let best = null, height = -Infinity;
      for (let i = 0; i < s.nAtoms; i++) {
        const p = s.positions.subarray(3 * i, 3 * i + 3);
        const dx = axes[0] * p[0] + axes[1] * p[1] + axes[2] * p[2] - u, dy = axes[3] * p[0] + axes[4] * p[1] + axes[5] * p[2] - v, rest = radius * radius - dx * dx - dy * dy;
        if (rest > 0 && z[i] <= limit && z[i] + Math.sqrt(rest) > height) height = z[i] + Math.sqrt(rest), best = i;
      }
      return best === null ? null : { structure: s, atom: best, distance: radiusOf(s, best) };
    },
  };
  NC.hands(canvas, {
    rotate: (dx, dy) => { state.turn = NC.turnedBy(state.turn, 0.009 * dx, 0.009 * dy), redraw(); },
    pan: (dx) => { state.turn = NC.turnedBy(state.turn, 0, 0, -0.009 * dx), redraw(); },
    zoom: (factor) => { state.zoom = Math.min(8, Math.max(0.4, state.zoom * factor)), redraw(); },
    reset: () => { state.turn = NC.TILT, state.zoom = 1, redraw(); },
    hover: (x, y) => api.onHover?.(x, y, api.atomAt(x, y)),
    leave: () => api.onHover?.(0, 0, null),
  });
  return api;
};
