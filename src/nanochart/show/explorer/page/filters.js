"use strict";
// What is shown: properties of the points, and the filters on them.

// Every property that can be coloured or filtered by: values, name, unit, and labels where it is one
// of some kinds. Counted atoms and words come later and are added then.
NC.properties = (header, columns) => {
  const { n_points: n, classes, families, temperatures } = header, dark = NC.isDark();
  const groups = [...new Set(families.map((one) => one.group || "no words yet"))];
  const groupColours = ["#EE9A00", "#0072B2", "#CC3311", "#009E73", "#7A5195", "#8b9097", "#F4A6C8", "#56B4E9"];
  const most = families.reduce((high, one) => Math.max(high, one.id), 0), byFamily = (of, none) => () => {
    const table = new Int16Array(most + 1).fill(none), values = new Int16Array(n);
    families.forEach((one, k) => { table[one.id] = of(one, k); });
    for (let i = 0; i < n; i++) values[i] = columns.family[i] >= 0 ? table[columns.family[i]] : none;
    return values;
  };
  const filled = (Kind, of) => () => {
    const values = new Kind(n);
    for (let i = 0; i < n; i++) values[i] = of(i);
    return values;
  };
  const timesSeen = () => {
    const times = new Int32Array(n), values = new Int32Array(n);
    for (let i = 0; i < n; i++) times[columns.stands_for[i]]++;
    for (let i = 0; i < n; i++) values[i] = times[columns.stands_for[i]];
    return values;
  };
  const kelvin = (i) => (columns.temperature[i] < 0 ? NaN : temperatures[columns.temperature[i]]);
  const kinds = (name, make, labels, colours) => NC.lazily({ name, labels, colours, isKind: true }, make);
  const measured = (name, unit, make, more = {}) => NC.lazily({ name, unit, ...more }, make);
  return {
    class: kinds("class", () => columns.cluster_class, classes.map((one) => one.name), classes.map((one) => (dark ? one.dark : one.light))),
    family: kinds("family", byFamily((_, k) => k, families.length), [...families.map((one) => `${one.id} ${one.name}`), "none"], [...families.map((one) => one.colour), header.no_family]),
    group: kinds("group of families", byFamily((one) => groups.indexOf(one.group || "no words yet"), groups.length), [...groups, "none"],
      [...groups.map((_, k) => groupColours[k % groupColours.length]), header.no_family]),
    energy: measured("energy above the lowest", "eV", () => columns.energy),
    temperature: measured("temperature", "K", filled(Float32Array, kelvin)),
    error: measured("reconstruction error", "", () => columns.error),
    seen: measured("times seen", "", timesSeen, { isLog: true }),
    time: measured("time, cycle", "", () => columns.time),
    ...Object.fromEntries([0, 1, 2].map((k) => [`cv${k + 1}`, measured(`CV${k + 1}`, "", filled(Float32Array, (i) => columns.cvs[3 * i + k]))])),
  };
};
// Values made when somebody looks at them: a million points have more properties than patience.
NC.lazily = (property, make) => Object.defineProperty(property, "values", {
  configurable: true, enumerable: true,
  get() {
    const value = make();
    Object.defineProperty(property, "values", { value, enumerable: true });
    return value;
  },
});

NC.rangeOf = (property) => {
  if (!property.range) {
    let low = Infinity, high = -Infinity;
    for (const v of property.values) { if (v < low) low = v; if (v > high) high = v; }
    property.range = [low, high];
  }
  return property.range;
};

// The colour of every point (n × 4 bytes) by a property.
NC.coloursOf = (property, n) => {
  const colours = new Uint8Array(4 * n).fill(255), { values } = property;
  if (property.isKind) {
    const table = property.colours.map(NC.rgb);
    for (let i = 0; i < n; i++) {
      const c = table[values[i]];
      colours[4 * i] = c[0], colours[4 * i + 1] = c[1], colours[4 * i + 2] = c[2];
    }
    return colours;
  }
  const [low, high] = NC.rangeOf(property), scale = property.isLog ? (v) => Math.log(Math.max(v, 1e-12)) : (v) => v;
  const from = scale(low), width = scale(high) - from || 1, steps = Array.from({ length: 256 }, (_, k) => NC.shade(k / 255));
  for (let i = 0; i < n; i++) {
    const c = steps[Math.round(255 * Math.min(1, Math.max(0, (scale(values[i]) - from) / width)))] || [128, 128, 128];
    colours[4 * i] = c[0], colours[4 * i + 1] = c[1], colours[4 * i + 2] = c[2];
  }
  return colours;
};

// Filters: kinds that are shown alone, ranges, switches, words. Each has a text for its chip.
NC.filters = (properties, columns, n) => {
  const state = { kinds: new Map(), ranges: new Map(), distinct: false, domain: "", words: null, search: "" };
  const mask = new Uint8Array(n);
  const tests = () => {
    const found = [];
    for (const [name, chosen] of state.kinds) if (chosen.size) {
      const { values, labels } = properties[name], table = labels.map((_, k) => chosen.has(k));
      found.push((i) => table[values[i]]);
    }
    for (const [name, [low, high]] of state.ranges) {
      const { values } = properties[name];
      found.push((i) => values[i] >= low && values[i] <= high);
    }
    if (state.distinct) found.push((i) => columns.stands_for[i] === i);
    if (state.domain !== "") { const wanted = Number(state.domain); found.push((i) => columns.inside[i] === wanted); }
    if (state.words) found.push((i) => state.words[i]);
    return found;
  };
  return {
    state, mask,
    apply() {
      let count = 0;
      mask.fill(1);
      for (const test of tests()) for (let i = 0; i < n; i++) if (mask[i] && !test(i)) mask[i] = 0;
      for (let i = 0; i < n; i++) count += mask[i];
      return count;
    },
    isolate(name, kind, add) {
      const chosen = state.kinds.get(name) || new Set(), only = chosen.has(kind) && (add || chosen.size === 1);
      const next = add ? new Set(chosen) : new Set(only ? [] : [kind]);
      if (add) next[only ? "delete" : "add"](kind);
      state.kinds.set(name, next);
    },
    clear() { state.kinds.clear(), state.ranges.clear(), Object.assign(state, { distinct: false, domain: "", words: null, search: "" }); },
    // [text, function that takes it away] of every filter in force
    chips() {
      const found = [];
      for (const [name, chosen] of state.kinds) for (const kind of chosen)
        found.push([`${properties[name].name} ${properties[name].labels[kind]}`, () => { chosen.delete(kind); }]);
      for (const [name, [low, high]] of state.ranges) {
        const { name: text, unit } = properties[name];
        found.push([`${text} ${low === high ? NC.number(low) : `${NC.number(low)} to ${NC.number(high)}`} ${unit}`, () => state.ranges.delete(name)]);
      }
      if (state.distinct) found.push(["distinct only", () => { state.distinct = false; }]);
      if (state.domain !== "") found.push([state.domain === "1" ? "inside the domain" : "outside the domain", () => { state.domain = ""; }]);
      if (state.search) found.push([`“${state.search}”`, () => { state.search = "", state.words = null; }]);
      return found;
    },
  };
};

// Which points' words hold every term; where a structure is not told yet, its family's words stand.
NC.searched = (text, { header, columns, told }) => {
  const terms = text.toLowerCase().split(/\s+/).filter(Boolean), holds = (words) => terms.every((term) => words.includes(term));
  const n = header.n_points, found = new Uint8Array(n);
  const className = header.classes.map((one) => one.name.toLowerCase());
  const family = new Map(header.families.map((one) => [one.id, `${one.name} ${one.words} ${one.group}`.toLowerCase()]));
  if (!told) {
    const verdicts = new Map();
    for (let i = 0; i < n; i++) {
      const key = 64 * columns.family[i] + columns.cluster_class[i];
      if (!verdicts.has(key)) verdicts.set(key, holds(`${family.get(columns.family[i]) || ""} ${className[columns.cluster_class[i]]}`) ? 1 : 0);
      found[i] = verdicts.get(key);
    }
    return found;
  }
  const verdicts = told.texts.map(([name, sentence]) => (holds(`${name} ${sentence}`.toLowerCase()) ? 1 : 0));
  for (let i = 0; i < n; i++) {
    const k = told.index[i];
    found[i] = k < 0 ? 0 : verdicts[k];
  }
  return found;
};
