"use strict";
// The explorer's data: packed JSON and arrays unpacked, from the server or from this very file.
const NC = {};

NC.ARRAYS = {
  int8: Int8Array, uint8: Uint8Array, int16: Int16Array, uint16: Uint16Array,
  int32: Int32Array, float32: Float32Array, float64: Float64Array,
};

// The counterpart of packing.py.
NC.unpack = (buffer) => {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const columns = {};
  for (const [name, { dtype, shape, offset }] of Object.entries(header.columns)) {
    const size = shape.reduce((a, b) => a * b, 1);
    columns[name] = new NC.ARRAYS[dtype](buffer, 4 + length + offset, size);
    columns[name].shape = shape;
  }
  return { header, columns };
};

// Several structures, unpacked, as objects of their own.
NC.structuresOf = ({ header, columns }) => header.items.map((item, i) => {
  const part = (name, size) => columns[name].subarray(i * size, (i + 1) * size);
  const nAtoms = columns.positions.shape[1], nBins = columns.rdf.shape[1];
  return {
    ...item, nAtoms,
    positions: part("positions", 3 * nAtoms), environment: part("environment", nAtoms),
    neighbours: part("neighbours", nAtoms), rdf: part("rdf", nBins), view: part("view", 9),
  };
});

// Everything from the server, structures kept once fetched.
NC.serverSource = () => {
  const kept = new Map(), bands = new Map();
  const ask = async (path, options) => {
    let answer;
    try {
      answer = await fetch(`/api/${path}`, options);
    } catch {
      throw new Error("The server does not answer: is `nanochart explore` still running?");
    }
    if (answer.ok) return answer;
    let reason = `${answer.status} ${answer.statusText}`;
    try { reason = (await answer.json()).error || reason; } catch { /* no JSON: the status stands */ }
    throw new Error(reason);
  };
  const packed = async (path, options) => NC.unpack(await (await ask(path, options)).arrayBuffer());
  return {
    isStatic: false,
    points: () => packed("points"),
    environments: () => packed("environments"),
    words: () => packed("words"),
    wordsProgress: async () => (await packed("words-progress")).header,
    trajectory: async () => (await ask("trajectory")).text(),
    async band(family) {
      if (!bands.has(family)) bands.set(family, (await packed(`band?family=${family}`)).columns.band);
      return bands.get(family);
    },
    async structures(points) {
      const missing = [...new Set(points)].filter((i) => !kept.has(i));
      for (let k = 0; k < missing.length; k += 128) {
        const part = missing.slice(k, k + 128);
        const found = NC.structuresOf(await packed(`structures?points=${part.join(",")}`));
        found.forEach((one, j) => kept.set(part[j], one));
      }
      const wanted = points.map((i) => kept.get(i));
      while (kept.size > 3000) kept.delete(kept.keys().next().value); // the oldest go
      return wanted;
    },
    async place(text) {
      const body = new Blob([text], { type: "text/plain" });
      return NC.structuresOf(await packed("place", {
        method: "POST", body, headers: { "Content-Type": "text/plain" },
      }));
    },
  };
};

// Everything from the page itself: all points, some structures.
NC.staticSource = async (text) => {
  const bytes = Uint8Array.from(atob(text.trim()), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const { header, columns } = NC.unpack(await new Response(stream).arrayBuffer());
  const take = (prefix) => Object.fromEntries(Object.entries(columns)
    .filter(([name]) => name.startsWith(prefix)).map(([name, v]) => [name.slice(prefix.length), v]));
  const all = new Map();
  NC.structuresOf({ header: { items: header.items }, columns: take("structures.") })
    .forEach((one) => all.set(one.point, one));
  const points = take("points.");
  if (points.cvs_steps) { // written in 65,535 steps of each range, to keep the file small
    const { low, step } = header.cvs_scale;
    points.cvs = Float32Array.from(points.cvs_steps, (v, k) => low[k % 3] + v * step[k % 3]);
  }
  const bands = columns.bands, nBins = header.rdf_grid.length;
  const place = new Map(header.families.map((one, k) => [one.id, k]));
  return {
    isStatic: true,
    embedded: [...all.keys()],
    points: async () => ({ header, columns: points }),
    environments: async () => ({ header: { names: header.environment_names }, columns: take("counts.") }),
    words: async () => ({
      header: { texts: header.texts, done: header.n_distinct, total: header.n_distinct },
      columns: { index: columns.words },
    }),
    wordsProgress: async () => ({ done: header.n_distinct, total: header.n_distinct }),
    trajectory: async () => "",
    band: async (family) => bands.subarray(3 * nBins * place.get(family), 3 * nBins * (place.get(family) + 1)),
    structures: async (wanted) => wanted.map((i) => all.get(i) || null),
    place: async () => {
      throw new Error("This file cannot place structures: that needs the network and its weights. " +
        "Open the run with `nanochart explore` and drop the file there.");
    },
  };
};
