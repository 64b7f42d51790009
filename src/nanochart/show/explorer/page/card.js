"use strict";
// What is told of the structure in the viewer: labels, legend of its atoms, words and numbers, RDF,
// and what lies nearest to it on the chart.

NC.LETTERS = "ABCDEFGH";

// The nearest points of the chart that are accepted: [distance, point], the nearest first.
NC.nearest = (cvs, place, count, accept) => {
  const best = [], n = cvs.length / 3;
  for (let i = 0; i < n; i++) {
    if (!accept(i)) continue;
    const d = (cvs[3 * i] - place[0]) ** 2 + (cvs[3 * i + 1] - place[1]) ** 2 + (cvs[3 * i + 2] - place[2]) ** 2;
    if (best.length === count && d >= best[count - 1][0]) continue;
    let k = best.findIndex(([other]) => other > d);
    if (k < 0) k = best.length;
    best.splice(k, 0, [d, i]);
    if (best.length > count) best.pop();
  }
  return best.map(([d, i]) => [Math.sqrt(d), i]);
};

NC.card = (page, { select, show, isolateFamily }) => {
  const { header, columns, n, source, families, nameOf, viewer, attempt } = page, { element: make } = NC;
  const at = (id) => document.getElementById(id), ladder = header.temperatures;
  const labels = () => {
    const list = page.list();
    at("labels").replaceChildren(...viewer.tiles().flatMap((tile, k) => {
      const s = list[k];
      if (!s || list.length < 2) return [];
      const label = make("span", { title: s.name }, `${NC.LETTERS[k]} `, make("small", {}, s.name));
      Object.assign(label.style, { left: `${tile.left}px`, top: `${tile.top}px`, maxWidth: `${tile.width - 22}px` });
      const away = make("button", { type: "button" }, "×");
      away.setAttribute("aria-label", `Put ${NC.LETTERS[k]} away`);
      Object.assign(away.style, { left: `${tile.left + tile.width - 22}px`, top: `${tile.top}px` });
      away.addEventListener("click", () => { page.kept = page.kept.filter((one) => one !== s); if (page.current === s) page.current = page.kept[page.kept.length - 1] || null; show(); });
      return [label, away];
    }));
  };
  const atomLegend = () => {
    const list = page.list(), { mode } = viewer.state;
    const entry = (colour, text) => { const dot = make("i", { className: "dot" }); dot.style.background = colour; return make("span", {}, dot, text); };
    if (!list.length || mode === "plain") return at("atom-legend").replaceChildren();
    if (mode !== "environment") {
      const stops = mode === "neighbours" ? [3, 6, 9, 12].map((k) => [`rgb(${NC.shade((k - 3) / 9)})`, `${k}${k === 12 ? " or more" : ""} neighbours`]) : [[`rgb(${NC.shade(0)})`, "outermost"], [`rgb(${NC.shade(1)})`, "centre"]];
      return at("atom-legend").replaceChildren(...stops.map(([c, t]) => entry(c, t)));
    }
    const counts = header.environments.map(() => 0);
    for (const s of list) for (const code of s.environment) counts[code]++;
    at("atom-legend").replaceChildren(...header.environments.filter(({ code }) => counts[code]).map(({ code, name, colour }) => entry(colour, list.length > 1 ? name : `${name} ${counts[code]}`)));
  };
  const seenAt = (point) => {
    const rep = columns.stands_for[point], at_ = [];
    for (let i = 0; i < n; i++) if (columns.stands_for[i] === rep) at_.push(columns.temperature[i]);
    const ts = at_.filter((t) => t >= 0).map((t) => ladder[t]);
    return { times: at_.length, low: Math.min(...ts), high: Math.max(...ts) };
  };
  const about = () => {
    const s = page.current, root = at("about");
    if (!s) return root.replaceChildren();
    const list = make("dl"), add = (term, value, wide) => list.append(make("dt", {}, term), make("dd", { className: wide ? "span" : "" }, value));
    const dot = (colour) => { const i = make("i", { className: "dot" }); i.style.background = colour; return i; };
    const cls = header.classes[s.cluster_class], flags = [];
    add("class", make("span", {}, dot(NC.isDark() ? cls.dark : cls.light), ` ${cls.name}`));
    const mean = s.neighbours.reduce((a, b) => a + b, 0) / s.nAtoms;
    add("neighbours", mean.toFixed(2));
    if (s.point !== undefined) {
      const i = s.point, times = seenAt(i);
      add("energy", `${NC.number(header.lowest_energy + columns.energy[i], 8)} eV`), add("above lowest", `${columns.energy[i].toFixed(3)} eV`);
      add("temperature", columns.temperature[i] >= 0 ? `${NC.number(ladder[columns.temperature[i]])} K` : "–");
      add("seen", times.times === 1 ? "once" : `${NC.count(times.times)} times${Number.isFinite(times.low) ? `, ${NC.number(times.low)}–${NC.number(times.high)} K` : ""}`);
    }
    add("error", `${NC.number(s.error, 3)}`), add("domain", s.inside ? "inside" : "outside");
    const family = s.family >= 0 ? make("button", { type: "button", className: "look" }, `${nameOf(s.family)}`) : "none";
    if (s.family >= 0) family.addEventListener("click", () => isolateFamily(s.family));
    add("family", family, true), add("chart", s.cvs.map((v) => NC.number(v, 4)).join(", "), true);
    if (s.point !== undefined) add("row", `${NC.count(columns.row[s.point])} of the landscape`, true);
    if (s.file) flags.push(`${s.file}, frame ${s.frame}: placed as it is, not quenched. A hot snapshot belongs on this chart only after a quench.`);
    if (!s.inside) flags.push(`Outside the chart’s domain: it was trained on nothing like this (its error may be up to ${NC.number(header.largest_error, 3)}), and its place means little.`);
    if (s.instead) flags.push(`This file holds some structures of each family. Row ${NC.count(columns.row[s.instead.point])} is not among them; this is the nearest that is, ${NC.number(s.instead.distance, 3)} away on the chart.`);
    root.replaceChildren(make("h2", {}, s.name), make("p", {}, s.sentence), ...flags.map((text) => make("p", { className: "flag" }, text)), list);
  };
  const rdf = () => attempt(async () => {
    const list = page.list(), s = page.current;
    if (!s) return at("rdf").replaceChildren(), void (at("rdf-note").textContent = "");
    const band = s.family >= 0 && families.has(s.family) ? await source.band(s.family) : null;
    if (s !== page.current) return;
    const others = list.filter((one) => one !== s);
    NC.drawRdf(at("rdf"), { grid: header.rdf_grid, band, bandColour: families.get(s.family)?.colour || header.no_family, lines: [...others.map(({ rdf }) => ({ rdf, dash: "1 2" })), { rdf: s.rdf }] });
    at("rdf-note").textContent = `RDF of ${list.length > 1 ? NC.LETTERS[list.indexOf(s)] : "this structure"}${band ? `; shaded: 5 to 95 % of family ${s.family}, dashed its median` : ""}${others.length ? "; dotted: the others" : ""}.`;
  });
  const near = () => {
    if (!page.current || source.isStatic) return at("near").replaceChildren();
    const rep = page.current.point === undefined ? -1 : columns.stands_for[page.current.point];
    const found = NC.nearest(columns.cvs, page.current.cvs, 5, (i) => columns.stands_for[i] === i && i !== rep);
    at("near").replaceChildren(make("h2", {}, "Nearest on the chart"), ...found.map(([distance, i]) => {
      const cls = header.classes[columns.cluster_class[i]], dot = make("i", { className: "dot" });
      dot.style.background = NC.isDark() ? cls.dark : cls.light;
      const name = page.told && page.told.index[i] >= 0 ? page.told.texts[page.told.index[i]][0] : cls.name;
      const entry = make("button", { type: "button" }, dot, make("span", { title: name }, name), make("small", {}, `${columns.energy[i].toFixed(2)} eV, ${NC.number(distance, 2)} away`));
      entry.addEventListener("click", () => select(i));
      return entry;
    }));
  };
  return { labels, atomLegend, about, rdf, near };
};
