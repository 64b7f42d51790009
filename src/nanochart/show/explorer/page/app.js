"use strict";
// The page put together: state in one place, every part told when it changes.
(async () => {
  const at = (id) => document.getElementById(id), { element: make } = NC;
  const trouble = (error) => { at("trouble").textContent = error.message || String(error), at("trouble").hidden = false; };
  const calm = () => { at("trouble").hidden = true; };
  const attempt = async (work) => { try { const done = await work(); calm(); return done; } catch (error) { trouble(error); return null; } };
  addEventListener("unhandledrejection", (event) => { event.preventDefault(), trouble(event.reason); });

  const embedded = at("data");
  let source, data;
  try {
    source = embedded ? await NC.staticSource(embedded.textContent) : NC.serverSource();
    data = await source.points();
  } catch (error) {
    at("count").textContent = "";
    return trouble(error);
  }
  const { header, columns } = data, n = header.n_points;
  const families = new Map(header.families.map((one) => [one.id, one]));
  const nameOf = (id) => (families.has(id) ? `${id} ${families.get(id).name}` : "no family");
  at("title").textContent = `${header.name}`;
  at("title").title = header.title, document.title = `${header.name} · ${header.title} · nanochart`;
  const properties = NC.properties(header, columns), filters = NC.filters(properties, columns, n);
  // What several parts of the page look at: the structures kept and the current one, the words.
  const page = { header, columns, n, source, families, nameOf, filters, properties, attempt, kept: [], current: null, told: null, colourBy: "class" };

  let cloud, viewer;
  try {
    cloud = NC.cloud({ glCanvas: at("chart"), backCanvas: at("chart-back"), frontCanvas: at("chart-front"), cvs: columns.cvs, onDraw: tellDrawn });
    viewer = NC.viewer(at("atoms"), header.environments);
  } catch (error) { return trouble(error); }

  function tellDrawn(state) {
    const few = state.drawn < state.shown;
    at("drawn").textContent = few ? `While it moves: ${NC.count(state.drawn)} of ${NC.count(state.shown)} points, a random sample` : `${NC.count(state.shown)} points, all drawn`;
    at("chart").dataset.drawn = state.drawn;
  }

  Object.assign(page, { cloud, viewer });
  const card = NC.card(page, {
    select: (point) => select(point), show: () => show(),
    isolateFamily: (id) => isolate("family", header.families.findIndex((one) => one.id === id), false),
  });

  // ---- filters, colours, legend ----
  const paint = () => cloud.setColours(NC.coloursOf(properties[page.colourBy], n));
  const refresh = () => {
    const shown = filters.apply(), { state } = filters;
    cloud.setShown(filters.mask);
    at("count").textContent = shown === n ? `${NC.count(n)} structures` : shown ? `${NC.count(shown)} of ${NC.count(n)} structures` : "Nothing matches these filters";
    at("distinct").checked = state.distinct, at("domain").value = state.domain;
    if (document.activeElement !== at("search")) at("search").value = state.search;
    const chips = filters.chips().map(([text, away]) => {
      const chip = make("button", { type: "button", title: `Take away: ${text}` }, text);
      chip.addEventListener("click", () => { away(), syncTemperature(), refresh(); });
      return chip;
    });
    if (chips.length > 1) {
      const all = make("button", { type: "button", className: "all" }, "clear all");
      all.addEventListener("click", clearAll), chips.push(all);
    }
    at("chips").replaceChildren(...chips);
    drawLegend(), drawFamilies(), drawPopulations();
  };
  const clearAll = () => { filters.clear(), at("search").value = "", at("search-state").textContent = "", syncTemperature(), refresh(); };
  const countsOf = (property) => {
    const counts = new Int32Array(property.labels.length);
    for (let i = 0; i < n; i++) if (filters.mask[i]) counts[property.values[i]]++;
    return counts;
  };
  const present = (property) => (property.present ??= (() => { const has = new Uint8Array(property.labels.length); for (const v of property.values) has[v] = 1; return has; })());
  const drawLegend = () => {
    const property = properties[page.colourBy], legend = at("legend");
    if (!property.isKind) {
      const [low, high] = NC.rangeOf(property), ramp = make("div", { className: "ramp" });
      ramp.style.background = `linear-gradient(to right, ${NC.VIRIDIS.map((c) => `rgb(${c})`).join(",")})`;
      const log = property.isLog ? " (log)" : "";
      return legend.replaceChildren(ramp, make("div", { className: "ends" },
        make("span", {}, NC.number(low)), make("span", {}, `${property.unit}${log}`), make("span", {}, NC.number(high))));
    }
    const chosen = filters.state.kinds.get(page.colourBy) || new Set(), counts = countsOf(property);
    legend.replaceChildren(...property.labels.flatMap((label, kind) => {
      if (!present(property)[kind]) return [];
      const dot = make("i", { className: "dot" });
      dot.style.background = property.colours[kind];
      const entry = make("button", { type: "button", title: label, dataset: { kind } }, dot, make("span", {}, label), make("small", {}, NC.count(counts[kind])));
      entry.setAttribute("aria-pressed", chosen.has(kind)), entry.classList.toggle("off", chosen.size > 0 && !chosen.has(kind));
      entry.addEventListener("click", (event) => isolate(page.colourBy, kind, event.shiftKey || event.ctrlKey || event.metaKey));
      return [entry];
    }));
  };
  const refocused = (root, change) => { // redrawn buttons keep the keyboard's place
    const place = [...root.querySelectorAll("button")].indexOf(document.activeElement);
    change();
    if (place >= 0) root.querySelectorAll("button")[place]?.focus({ preventScroll: true });
  };
  const isolate = (name, kind, add) => refocused(at(name === "family" ? "families" : "legend"), () => { filters.isolate(name, kind, add), refresh(); });
  const familyRows = header.families.map((one, k) => {
    const dot = make("i", { className: "dot" });
    dot.style.background = one.colour;
    const name = make("button", { type: "button", title: `${one.words || one.name}${one.stability === null ? "" : ` Stable: ${Math.round(100 * one.stability)} %.`}` }, `${one.id} ${one.name}`);
    const look = make("button", { type: "button", className: "look", title: "Its structures nearest to the centre, side by side" }, "look");
    look.setAttribute("aria-label", `Look at family ${one.id}`);
    const row = make("div", { className: "family", role: "listitem" }, dot, name, look, make("small"));
    row.setAttribute("role", "listitem");
    name.addEventListener("click", (event) => isolate("family", k, event.shiftKey || event.ctrlKey || event.metaKey));
    look.addEventListener("click", () => lookAt(one.id));
    return row;
  });
  at("families").replaceChildren(...familyRows), at("family-count").textContent = NC.count(familyRows.length);
  const drawFamilies = () => {
    const counts = countsOf(properties.family), chosen = filters.state.kinds.get("family") || new Set(), all = cloud.state.shown === n;
    familyRows.forEach((row, k) => {
      const one = header.families[k];
      row.lastChild.textContent = `${all ? "" : `${NC.count(counts[k])} of `}${NC.count(one.snapshots)}${all ? `, ${NC.count(one.size)} distinct` : ""}`;
      row.classList.toggle("on", chosen.has(k)), row.classList.toggle("off", !counts[k]);
      row.querySelector("button").setAttribute("aria-pressed", chosen.has(k));
    });
  };

  // ---- temperature ----
  const ladder = header.temperatures, slider = at("temperature");
  slider.max = ladder.length - 1;
  const perTemperature = new Int32Array(ladder.length);
  for (const t of columns.temperature) if (t >= 0) perTemperature[t]++;
  const pickedTemperatures = () => {
    const range = filters.state.ranges.get("temperature");
    if (!range) return null;
    const inside = ladder.map((t, k) => [t, k]).filter(([t]) => t >= range[0] && t <= range[1]).map(([, k]) => k);
    return inside.length ? [inside[0], inside[inside.length - 1]] : null;
  };
  function syncTemperature() {
    const picked = pickedTemperatures();
    slider.value = picked && picked[0] === picked[1] ? picked[0] : -1;
    at("temperature-now").textContent = picked ? (picked[0] === picked[1] ? `${NC.number(ladder[picked[0]])} K` : `${NC.number(ladder[picked[0]])}–${NC.number(ladder[picked[1]])} K`) : "all";
    slider.setAttribute("aria-valuetext", at("temperature-now").textContent);
  }
  const pickTemperature = (first, last) => {
    const picked = pickedTemperatures();
    if (first < 0 || (picked && picked[0] === first && picked[1] === last)) filters.state.ranges.delete("temperature");
    else filters.state.ranges.set("temperature", [Math.fround(ladder[first]), Math.fround(ladder[last])]);
    syncTemperature(), refresh();
  };
  slider.addEventListener("input", () => { filters.state.ranges.delete("temperature"), pickTemperature(Number(slider.value), Number(slider.value)); });
  const shareCache = new Map();
  const sharesBy = (name) => { // of all snapshots of a temperature, whatever is filtered
    if (shareCache.has(name)) return shareCache.get(name);
    const { values, labels } = properties[name], shares = labels.map(() => new Array(ladder.length).fill(0));
    for (let i = 0; i < n; i++) { const t = columns.temperature[i]; if (t >= 0) shares[values[i]][t] += 1 / perTemperature[t]; }
    shareCache.set(name, shares);
    return shares;
  };
  const drawPopulations = () => {
    const name = properties[page.colourBy].isKind ? page.colourBy : "class", property = properties[name], chosen = filters.state.kinds.get(name) || new Set(), shares = sharesBy(name);
    const kinds = shares.map((_, k) => k).filter((k) => shares[k].some((v) => v > 0));
    const faint = NC.cssColour("rule"), seen = ladder.map((_, t) => t).filter((t) => perTemperature[t]); // some may be empty
    if (!seen.length) return at("populations").replaceChildren();
    NC.drawPopulations(at("populations"), {
      temperatures: seen.map((t) => ladder[t]), shares: kinds.map((k) => seen.map((t) => shares[k][t])), names: kinds.map((k) => property.labels[k]),
      colours: kinds.map((k) => (chosen.size && !chosen.has(k) ? faint : property.colours[k])), picked: filters.state.ranges.get("temperature") || null, onPick: (a, b) => pickTemperature(seen[a], seen[b]),
    });
  };

  // ---- structures in the viewer ----
  page.list = () => [...page.kept, ...(page.current && !page.kept.includes(page.current) ? [page.current] : [])].slice(0, 8);
  const takeStructures = async (points) => {
    const found = await source.structures(points);
    return points.map((point, k) => {
      if (!found[k]) return null;
      const s = found[k], i = point;
      return { ...s, point, cvs: [...columns.cvs.subarray(3 * i, 3 * i + 3)], family: columns.family[i], inside: Boolean(columns.inside[i]), error: columns.error[i] };
    });
  };
  const embeddedPoints = new Set(source.embedded || []);
  let asked = 0;
  const select = (point) => attempt(async () => {
    const number = ++asked;
    let use = point, instead = null;
    if (source.isStatic && !embeddedPoints.has(point)) { // the file holds some structures of each family
      const cvs = columns.cvs.subarray(3 * point, 3 * point + 3);
      const [[distance, other]] = NC.nearest(columns.cvs, cvs, 1, (i) => embeddedPoints.has(i));
      use = other, instead = { point, distance };
    }
    const [structure] = await takeStructures([use]);
    if (number !== asked) return; // another was picked meanwhile
    page.current = { ...structure, instead };
    show();
  });
  const lookAt = (id) => attempt(async () => {
    const one = families.get(id);
    const accept = (i) => columns.family[i] === id && columns.stands_for[i] === i && (!source.isStatic || embeddedPoints.has(i));
    const members = NC.nearest(columns.cvs, one.centre, 6, accept).map(([, i]) => i);
    if (!members.length) throw new Error(`No structure of family ${id} is in this file.`);
    const number = ++asked, found = await takeStructures(members);
    if (number !== asked) return;
    page.kept = found, page.current = found[0], show();
  });
  const show = () => {
    const list = page.list();
    viewer.show(list);
    at("viewer-empty").hidden = list.length > 0, at("keep").disabled = !page.current || page.kept.includes(page.current) || page.kept.length >= 7, at("clear-kept").hidden = !page.kept.length;
    cloud.setMarks(list.map((s, k) => ({ cvs: s.cvs, letter: NC.LETTERS[k], outside: s.inside === false })));
    card.labels(), card.atomLegend(), card.about(), card.rdf(), card.near();
  };
  // ---- hands on the chart ----
  let hovering = 0;
  const tip = at("tip");
  const hover = (x, y) => {
    cancelAnimationFrame(hovering);
    hovering = requestAnimationFrame(() => {
      const i = cloud.pick(x, y, 9);
      if (i === null) return void (tip.hidden = true);
      const name = page.told && page.told.index[i] >= 0 ? page.told.texts[page.told.index[i]][0] : header.classes[columns.cluster_class[i]].name;
      tip.replaceChildren(make("b", {}, name), `${header.classes[columns.cluster_class[i]].name}, family ${nameOf(columns.family[i])}, lowest + ${columns.energy[i].toFixed(3)} eV`);
      tip.hidden = false;
      const [px, py] = cloud.whereIs(i), stage = at("stage");
      tip.style.transform = `translate(${Math.max(4, Math.min(px + 14, stage.clientWidth - tip.offsetWidth - 4))}px, ${Math.max(4, py - tip.offsetHeight - 10)}px)`;
    });
  };
  const hide = () => { cancelAnimationFrame(hovering), tip.hidden = true; };
  NC.hands(at("chart"), {
    rotate: (dx, dy) => {
      cloud.view.azimuth -= 0.008 * dx, cloud.view.elevation = Math.max(-1.57, Math.min(1.57, cloud.view.elevation + 0.008 * dy));
      hide(), cloud.moved();
    },
    pan: (dx, dy) => { cloud.view.x += dx / at("chart").clientWidth, cloud.view.y += dy / at("chart").clientHeight, hide(), cloud.moved(); },
    zoom: (factor) => { cloud.view.zoom = Math.min(60, Math.max(0.3, cloud.view.zoom * factor)), hide(), cloud.moved(); },
    reset: () => { hide(), cloud.fit(true); },
    hover, leave: hide,
    click: (x, y, event) => {
      const found = cloud.pick(x, y, event.type === "keydown" ? 200 : event.pointerType === "touch" ? 24 : 12);
      if (found !== null) select(found);
    },
  });
  viewer.onHover = (x, y, found) => {
    at("atom-tip").hidden = !found;
    if (found) at("atom-tip").textContent = `atom ${found.atom}: ${header.environments[found.structure.environment[found.atom]].name}, ${found.structure.neighbours[found.atom]} neighbours, ${found.distance.toFixed(2)} Å from the centre`;
  };

  // ---- controls ----
  const fillSelects = () => {
    const entries = Object.entries(properties), value = at("colour-by").value || page.colourBy;
    at("colour-by").replaceChildren(...entries.map(([key, { name }]) => make("option", { value: key }, name))), at("colour-by").value = value;
    at("range-property").replaceChildren(...entries.filter(([, p]) => !p.isKind).map(([key, { name }]) => make("option", { value: key }, name)));
    suggestRange();
  };
  const suggestRange = () => {
    const [low, high] = NC.rangeOf(properties[at("range-property").value]);
    at("range-low").placeholder = NC.number(low, 3), at("range-high").placeholder = NC.number(high, 3), at("range-low").value = at("range-high").value = "";
  };
  at("colour-by").addEventListener("change", () => { page.colourBy = at("colour-by").value, paint(), drawLegend(), drawPopulations(); });
  at("range-property").addEventListener("change", suggestRange);
  at("range").addEventListener("submit", (event) => {
    event.preventDefault();
    const name = at("range-property").value, [low, high] = NC.rangeOf(properties[name]), given = (id, rest) => (at(id).value === "" ? rest : Number(at(id).value));
    filters.state.ranges.set(name, [given("range-low", low), given("range-high", high)]), syncTemperature(), refresh();
  });
  at("distinct").addEventListener("change", () => { filters.state.distinct = at("distinct").checked, refresh(); });
  at("domain").addEventListener("change", () => { filters.state.domain = at("domain").value, refresh(); });
  at("dot-size").addEventListener("input", () => { cloud.state.size = Number(at("dot-size").value), cloud.redraw(); });
  at("reset-chart").addEventListener("click", () => cloud.fit(true));
  at("fit-shown").addEventListener("click", () => cloud.fit(false));
  at("atom-colour").addEventListener("change", () => { viewer.state.mode = at("atom-colour").value, viewer.redraw(), card.atomLegend(); });
  const section = at("auto-cut");
  const cut = (value) => { viewer.state.cut = value, at("cut").value = value, section.setAttribute("aria-pressed", false), viewer.redraw(); };
  at("cut").addEventListener("input", () => cut(Number(at("cut").value)));
  section.addEventListener("click", () => {
    const on = section.getAttribute("aria-pressed") !== "true";
    viewer.state.turn = on ? [1, 0, 0, 0, 1, 0, 0, 0, 1] : NC.TILT;
    cut(on ? 0 : 1), section.setAttribute("aria-pressed", on);
  });
  at("clarity").addEventListener("input", () => { viewer.state.clarity = Number(at("clarity").value), viewer.redraw(); });
  at("ball").addEventListener("input", () => { viewer.state.ball = Number(at("ball").value), viewer.redraw(); });
  const keep = () => { if (page.current && !page.kept.includes(page.current) && page.kept.length < 7) page.kept = [...page.kept, page.current], show(); };
  at("keep").addEventListener("click", keep);
  at("clear-kept").addEventListener("click", () => { page.kept = [], show(); });

  // ---- search in words ----
  let typing = 0;
  const search = () => {
    const { state } = filters, text = at("search").value.trim();
    state.search = text, state.words = text ? NC.searched(text, { header, columns, told: page.told }) : null;
    at("search-state").textContent = text && !page.told ? `In the families’ words; those of the structures are being told${telling}` : "";
    refresh();
  };
  at("search").addEventListener("input", () => { clearTimeout(typing), typing = setTimeout(search, 180); });
  let telling = "";
  const readWords = async () => {
    const { header: words, columns: { index } } = await source.words();
    page.told = { texts: words.texts, index };
    if (filters.state.search) search();
    if (page.current) card.near();
    at("search").dataset.told = "yes";
  };
  const awaitWords = async () => {
    for (;;) {
      const { done, total } = await source.wordsProgress();
      if (done >= total) return readWords();
      telling = ` (${Math.floor(100 * done / total)} %)`;
      if (filters.state.search && !page.told) at("search-state").textContent = `In the families’ words; those of the structures are being told${telling}`;
      await new Promise((later) => setTimeout(later, 1500));
    }
  };

  // ---- paths and dropped files ----
  const player = NC.player({
    cloud, nameOf,
    onFrame: (path, i) => { if (path.points && !(source.isStatic && !embeddedPoints.has(path.points[i]))) follow(path.points[i]); },
  });
  let following = false, next = null;
  const follow = async (point) => { // one structure at a time; of those that came meanwhile the last
    next = point;
    if (following) return;
    following = true;
    while (next !== null) { const now = next; next = null; await select(now); }
    following = false;
  };
  const walkers = new Map();
  const byWalker = columns.walker.some((w) => w >= 0), paths = byWalker ? columns.walker : columns.temperature;
  for (const w of paths) if (w >= 0) walkers.set(w, (walkers.get(w) || 0) + 1);
  at("path-of").append(...[...walkers].filter(([, k]) => k > 1).sort((a, b) => a[0] - b[0]).map(([w]) =>
    make("option", { value: w }, byWalker ? `replica ${w}` : `replica at ${NC.number(ladder[w])} K`)));
  at("path-of").addEventListener("change", () => {
    if (at("path-of").value === "") return player.open(null);
    const wanted = Number(at("path-of").value), points = [];
    paths.forEach((w, i) => { if (w === wanted) points.push(i); });
    player.open(NC.pathOfPoints(`replica ${wanted}`, points, columns));
  });
  const openTable = (text, name) => { player.open(NC.pathOfTable(text, name)); };
  const LARGEST = 8e6; // bytes of structures that the server takes
  const takeFile = (file) => attempt(async () => {
    if (/\.csv$/i.test(file.name)) return openTable(await file.text(), file.name);
    if (file.size > LARGEST) throw new Error(`${file.name} is larger than ${LARGEST / 1e6} MB: project it with nanochart project, and drop its table.`);
    const found = await source.place(await file.text());
    const placed = found.map((s) => ({ ...s, file: file.name }));
    page.kept = placed.slice(0, 6), page.current = placed[0], show();
    const { frames } = placed[0];
    if (frames > page.kept.length) at("drawn").textContent = `${page.kept.length} of the ${frames} frames of ${file.name} are shown; project larger files with nanochart project`;
  });
  const hint = at("drop-hint");
  addEventListener("dragover", (event) => { event.preventDefault(), hint.hidden = false; });
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) hint.hidden = true; });
  addEventListener("drop", (event) => {
    event.preventDefault(), hint.hidden = true;
    if (event.dataTransfer.files[0]) takeFile(event.dataTransfer.files[0]);
  });
  at("file").addEventListener("change", () => { if (at("file").files[0]) takeFile(at("file").files[0]), at("file").value = ""; });

  NC.exportButtons(page, { takeStructures, embeddedPoints });
  document.addEventListener("click", (event) => { for (const menu of document.querySelectorAll(".menu[open]")) if (!menu.contains(event.target)) menu.open = false; });

  addEventListener("keydown", (event) => {
    const typingIn = /^(input|select|textarea)$/i.test(event.target.tagName) && event.target.type !== "range";
    if (event.key === "Escape") { for (const menu of document.querySelectorAll(".menu[open]")) menu.open = false; document.activeElement?.blur?.(), clearAll(); }
    if (typingIn || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/") event.preventDefault(), at("search").focus();
    else if (event.key === "k") keep();
    else if (event.key === "c") section.click();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    Object.assign(properties, NC.properties(header, columns)), paint(), refresh(), show();
  });
  new ResizeObserver(() => { cloud.resize(), viewer.resize(), card.labels(); }).observe(at("stage"));
  new ResizeObserver(() => { viewer.resize(), card.labels(); }).observe(at("viewer"));
  new ResizeObserver(() => drawPopulations()).observe(at("populations"));

  fillSelects(), syncTemperature(), paint(), cloud.resize(), viewer.resize(), refresh();
  NC.parts = { cloud, viewer }; // for benchmarks and the console
  document.documentElement.dataset.ready = "yes";

  // ---- what may come after the first picture ----
  attempt(async () => { const table = await source.trajectory(); if (table) openTable(table, "the trajectory"); });
  attempt(async () => {
    const counts = await source.environments();
    for (const name of counts.header.names) if (counts.columns[name]) properties[`count:${name}`] = { name, unit: "", values: counts.columns[name] };
    fillSelects();
  });
  attempt(awaitWords);
})();
