"use strict";
// Two drawings in SVG: RDFs over the band of a family, and fractions against temperature.

NC.svg = (tag, properties = {}, ...children) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(properties)) made.setAttribute(name, value);
  made.append(...children);
  return made;
};
NC.axisTicks = (low, high, count = 5) => {
  const raw = (high - low) / count || 1, power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 5, 10].find((m) => m * power >= raw), found = [];
  for (let t = Math.ceil(low / step - 1e-9); t * step <= high + 1e-9 * step; t++) found.push(t * step);
  return found;
};

// lines: [{rdf, colour, letter}]; band: 3 × n_bins or null, with its colour.
NC.drawRdf = (root, { grid, lines, band, bandColour }) => {
  const width = Math.max(240, root.clientWidth), height = 150, left = 34, right = 8, top = 8, bottom = 28, n = grid.length;
  const most = Math.max(1e-6, ...lines.flatMap(({ rdf }) => [...rdf]), ...(band ? [...band.subarray(2 * n, 3 * n)] : []));
  const x = (r) => left + (width - left - right) * (r - grid[0]) / (grid[n - 1] - grid[0] || 1);
  const y = (v) => height - bottom - (height - top - bottom) * v / (1.05 * most);
  const trace = (values) => [...values].map((v, k) => `${k ? "L" : "M"}${x(grid[k]).toFixed(1)} ${y(v).toFixed(1)}`).join("");
  const svg = NC.svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Radial distribution function over the band of the family" });
  for (const t of NC.axisTicks(grid[0], grid[n - 1], 6)) svg.append(
    NC.svg("line", { x1: x(t), x2: x(t), y1: height - bottom, y2: height - bottom + 3, class: "axis" }),
    NC.svg("text", { x: x(t), y: height - bottom + 14, class: "tick", "text-anchor": "middle" }, NC.number(t)));
  for (const t of NC.axisTicks(0, most, 3)) svg.append(NC.svg("text", { x: left - 5, y: y(t) + 3.5, class: "tick", "text-anchor": "end" }, NC.number(t, 2)));
  svg.append(NC.svg("line", { x1: left, x2: width - right, y1: y(0), y2: y(0), class: "axis" }),
    NC.svg("text", { x: width - right, y: height - 2, class: "tick", "text-anchor": "end" }, "distance, Å"),
    NC.svg("text", { x: left, y: height - 2, class: "tick" }, "RDF, Å⁻¹"));
  if (band) {
    const under = [...band.subarray(0, n)].map((v, k) => [x(grid[k]), y(v)]).reverse();
    const d = trace(band.subarray(2 * n, 3 * n)) + under.map(([a, b]) => `L${a.toFixed(1)} ${b.toFixed(1)}`).join("") + "Z";
    svg.append(NC.svg("path", { d, fill: bandColour, "fill-opacity": 0.3, class: "band" }),
      NC.svg("path", { d: trace(band.subarray(n, 2 * n)), fill: "none", stroke: bandColour, "stroke-width": 1, "stroke-dasharray": "3 2" }));
  }
  for (const { rdf, dash } of lines) svg.append(NC.svg("path", { d: trace(rdf), class: "trace", "stroke-dasharray": dash || "none" }));
  root.replaceChildren(svg);
};

// Stacked shares: shares[k] (n_temperatures) of group k with its colour; where points are few the
// shares are what they are. picked: [lowest, highest] K, or null.
NC.drawPopulations = (root, { temperatures, shares, colours, names, picked, onPick }) => {
  const width = Math.max(280, root.clientWidth), height = root.clientHeight || 130, left = 38, right = 10, top = 6, bottom = 20, n = temperatures.length;
  const low = temperatures[0], high = temperatures[n - 1], only = n === 1;
  const x = (t) => (only ? left + (width - left - right) / 2 : left + (width - left - right) * (t - low) / (high - low));
  const y = (v) => top + (height - top - bottom) * (1 - v);
  const svg = NC.svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Fractions against temperature", class: shares.length > 15 ? "many" : "" });
  const below = new Float64Array(n);
  shares.forEach((share, k) => {
    const upper = share.map((v, i) => below[i] + v);
    const edge = only ? [x(low) - 20, x(low) + 20] : null;
    const points = (values) => (only ? edge.map((a) => [a, y(values[0])]) : [...values].map((v, i) => [x(temperatures[i]), y(v)]));
    const d = `M${[...points(upper), ...points(below).reverse()].map(([a, b]) => `${a.toFixed(1)} ${b.toFixed(1)}`).join("L")}Z`;
    svg.append(NC.svg("path", { d, fill: colours[k], class: "area" }, NC.svg("title", {}, names[k])));
    upper.forEach((v, i) => { below[i] = v; });
  });
  for (const t of [0, 0.5, 1]) svg.append(NC.svg("text", { x: left - 5, y: y(t) + 3.5, class: "tick", "text-anchor": "end" }, `${100 * t} %`));
  for (const t of NC.axisTicks(low, high, 6)) svg.append(NC.svg("text", { x: x(t), y: height - 5, class: "tick", "text-anchor": "middle" }, NC.number(t)));
  if (picked) {
    const [a, b] = picked.map(x);
    svg.append(NC.svg("rect", { x: Math.min(a, b) - 3, y: top - 3, width: Math.abs(b - a) + 6, height: height - top - bottom + 6, class: "picked" }));
  }
  const nearest = (event) => {
    const box = svg.getBoundingClientRect(), at = (event.clientX - box.left) * width / box.width;
    return temperatures.reduce((best, t, k) => (Math.abs(x(t) - at) < Math.abs(x(temperatures[best]) - at) ? k : best), 0);
  };
  let from = null;
  svg.addEventListener("pointerdown", (event) => { from = nearest(event), svg.setPointerCapture(event.pointerId); });
  svg.addEventListener("pointerup", (event) => {
    if (from === null) return;
    const to = nearest(event);
    onPick(Math.min(from, to), Math.max(from, to)), from = null;
  });
  root.replaceChildren(svg);
};
