"use strict";
// Small things for WebGL2 and for turning: programs, matrices as rows (right, up, towards), colours.

NC.program = (gl, vertex, fragment) => {
  const program = gl.createProgram();
  for (const [kind, text] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, `#version 300 es\nprecision highp float;\n${text}`);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS))
    throw new Error(gl.getProgramInfoLog(program) || "the shaders do not link");
  const places = new Map();
  return {
    handle: program,
    at(name) {
      if (!places.has(name)) places.set(name, gl.getUniformLocation(program, name));
      return places.get(name);
    },
    attribute: (name) => gl.getAttribLocation(program, name),
  };
};

// A context that can be read back (pictures, tests); null where the browser has none.
NC.context = (canvas, antialias) => canvas.getContext("webgl2", {
  preserveDrawingBuffer: true, antialias, premultipliedAlpha: true,
});

NC.rgb = (hex) => [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16));

// Matrices: nine numbers, the rows are where right, up and towards the viewer point to.
NC.turnedBy = (m, dx, dy, dz = 0) => {
  const [ca, sa, cb, sb, cc, sc] = [Math.cos(dx), Math.sin(dx), Math.cos(dy), Math.sin(dy), Math.cos(dz), Math.sin(dz)];
  const about = [ // about the screen's up, then its right, then the line of sight
    [ca, 0, sa, 0, 1, 0, -sa, 0, ca], [1, 0, 0, 0, cb, -sb, 0, sb, cb], [cc, -sc, 0, sc, cc, 0, 0, 0, 1],
  ];
  return about.reduce((rest, one) => NC.product(one, rest), m);
};
NC.product = (a, b) => {
  const c = new Array(9).fill(0);
  for (let i = 0; i < 3; i++) for (let j = 0; j < 3; j++) for (let k = 0; k < 3; k++) c[3 * i + j] += a[3 * i + k] * b[3 * k + j];
  return c;
};
// GLSL wants columns.
NC.columnsOf = (m) => [m[0], m[3], m[6], m[1], m[4], m[7], m[2], m[5], m[8]];

// Viridis, at nine stops (matplotlib, CC0), between them straight lines.
NC.VIRIDIS = ["#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725"].map(NC.rgb);
NC.shade = (share) => {
  const t = Math.min(Math.max(share, 0), 1) * (NC.VIRIDIS.length - 1), k = Math.min(Math.floor(t), NC.VIRIDIS.length - 2);
  return NC.VIRIDIS[k].map((v, c) => v + (t - k) * (NC.VIRIDIS[k + 1][c] - v));
};

NC.isDark = () => matchMedia("(prefers-color-scheme: dark)").matches;
NC.cssColour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

NC.fit = (canvas) => { // to its place on the page; true if that changed
  const ratio = Math.min(window.devicePixelRatio || 1, 2);
  const width = Math.max(1, Math.round(canvas.clientWidth * ratio)), height = Math.max(1, Math.round(canvas.clientHeight * ratio));
  if (canvas.width === width && canvas.height === height) return false;
  canvas.width = width, canvas.height = height;
  return true;
};

NC.element = (tag, properties = {}, ...children) => {
  const { dataset, ...rest } = properties, made = document.createElement(tag);
  Object.assign(made, rest);
  Object.assign(made.dataset, dataset || {});
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
};
NC.number = (value, digits = 4) => (Number.isFinite(value) ? String(Number(value.toPrecision(digits))).replace("-", "−") : "–");
NC.count = (value) => value.toLocaleString("en");
