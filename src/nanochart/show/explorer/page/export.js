"use strict";
// Out of the page: structures as extended XYZ, for chemiscope, tables, pictures.

NC.MOST_EXPORTED = 2000; // structures in one file; the page says so where there are more

NC.save = (name, content, type) => {
  const link = NC.element("a", { download: name, href: URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type })) });
  document.body.append(link), link.click(), link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
};

// info: what is known of each structure beside its positions, {name: number, text or boolean}.
NC.extxyz = (structures, symbols) => structures.map(({ structure: s, info }) => {
  const value = (v) => (typeof v === "boolean" ? (v ? "T" : "F") : typeof v === "number" ? String(v) : `"${String(v).replaceAll('"', "'")}"`);
  const comment = Object.entries(info).map(([name, v]) => `${name}=${value(v)}`).join(" ");
  const lines = Array.from({ length: s.nAtoms }, (_, i) =>
    [symbols[i], ...[0, 1, 2].map((k) => s.positions[3 * i + k].toFixed(6)), s.environment[i], s.neighbours[i]].join(" "));
  return `${s.nAtoms}\nProperties=species:S:1:pos:R:3:environment:I:1:neighbours:I:1 ${comment} pbc="F F F"\n${lines.join("\n")}\n`;
}).join("");

// The input format of chemiscope: structures, and properties of structures and atoms.
NC.chemiscope = (structures, header) => {
  const axis = (s, k) => Array.from({ length: s.nAtoms }, (_, i) => Number(s.positions[3 * i + k].toFixed(4)));
  const names = Object.keys(structures[0]?.info || {});
  const properties = Object.fromEntries(names.map((name) => [name, {
    target: "structure", values: structures.map(({ info }) => (typeof info[name] === "boolean" ? String(info[name]) : info[name])),
    ...(name.startsWith("energy") ? { units: "eV" } : name === "temperature" ? { units: "K" } : {}),
  }]));
  const ofAtoms = (column, as) => ({ target: "atom", values: structures.flatMap(({ structure }) => [...structure[column]].map(as)) });
  properties.environment = ofAtoms("environment", (code) => header.environments[code].name);
  properties.neighbours = ofAtoms("neighbours", Number);
  return JSON.stringify({
    meta: { name: `${header.name}: ${header.title}`, description: "Structures and chart coordinates, written by the nanochart explorer." },
    structures: structures.map(({ structure: s }) => ({ size: s.nAtoms, names: header.symbols, x: axis(s, 0), y: axis(s, 1), z: axis(s, 2) })),
    properties,
    settings: { target: "structure", map: { x: { property: "cv1" }, y: { property: "cv2" }, z: { property: "cv3" }, color: { property: "energy_above_lowest" } } },
  });
};

// Canvases over one another, with the page's ground and a line of words below.
NC.picture = (canvases, caption) => new Promise((done) => {
  const sheet = NC.element("canvas"), [first] = canvases, ratio = Math.min(window.devicePixelRatio || 1, 2), strip = 26 * ratio;
  sheet.width = first.width, sheet.height = first.height + strip;
  const pen = sheet.getContext("2d");
  pen.fillStyle = NC.cssColour("stage"), pen.fillRect(0, 0, sheet.width, sheet.height);
  for (const canvas of canvases) pen.drawImage(canvas, 0, 0);
  pen.fillStyle = NC.cssColour("muted"), pen.font = `${12 * ratio}px system-ui, sans-serif`, pen.textBaseline = "middle";
  pen.fillText(caption, 10 * ratio, first.height + strip / 2, sheet.width - 20 * ratio);
  sheet.toBlob(done, "image/png");
});

// The buttons of the menu; of a page without a server only the embedded structures can be had.
NC.exportButtons = (page, { takeStructures, embeddedPoints }) => {
  const { header, columns, n, source, filters, properties, attempt, cloud, viewer } = page, ladder = header.temperatures;
  const at = (id) => document.getElementById(id);
  const infoOf = (s) => ({
    name: s.name, class: header.classes[s.cluster_class].name, family: s.family, cv1: s.cvs[0], cv2: s.cvs[1], cv3: s.cvs[2], inside: s.inside, reconstruction_error: s.error,
    ...(s.point === undefined ? {} : {
      energy: header.lowest_energy + columns.energy[s.point], energy_above_lowest: columns.energy[s.point],
      temperature: columns.temperature[s.point] >= 0 ? ladder[columns.temperature[s.point]] : -1, row: columns.row[s.point],
    }),
  });
  const exported = async () => {
    let list = page.kept.length ? page.list() : null;
    if (!list) {
      const points = [];
      for (let i = 0; i < n; i++) if (filters.mask[i] && (!source.isStatic || embeddedPoints.has(i))) points.push(i);
      if (points.length > NC.MOST_EXPORTED) throw new Error(`${NC.count(points.length)} structures are shown; filter to at most ${NC.count(NC.MOST_EXPORTED)}, or keep those you want. Nothing was written.`);
      list = await takeStructures(points);
    }
    if (!list.length) throw new Error("No structure is shown: nothing was written.");
    return list.map((s) => ({ structure: s, info: infoOf(s) }));
  };
  const stem = `${header.name}`;
  const exporters = {
    extxyz: async () => NC.save(`${stem}.extxyz`, NC.extxyz(await exported(), header.symbols), "text/plain"),
    chemiscope: async () => NC.save(`${stem}-chemiscope.json`, NC.chemiscope(await exported(), header), "application/json"),
    table: async () => {
      const lines = ["row,cv1,cv2,cv3,class,family,energy_eV,temperature_K,error,inside"];
      for (let i = 0; i < n; i++) if (filters.mask[i]) lines.push([columns.row[i], ...columns.cvs.subarray(3 * i, 3 * i + 3), header.classes[columns.cluster_class[i]].name, columns.family[i],
        (header.lowest_energy + columns.energy[i]).toFixed(5), columns.temperature[i] >= 0 ? ladder[columns.temperature[i]] : "", columns.error[i], columns.inside[i]].join(","));
      NC.save(`${stem}-points.csv`, `${lines.join("\n")}\n`, "text/csv");
    },
    chart: async () => { cloud.draw(); NC.save(`${stem}-chart.png`, await NC.picture([at("chart-back"), at("chart"), at("chart-front")], `${stem}, ${header.title}: ${at("count").textContent}, by ${properties[page.colourBy].name}`)); },
    structure: async () => {
      if (!page.current) throw new Error("No structure is shown: nothing was written.");
      viewer.draw(), NC.save(`${stem}-structure.png`, await NC.picture([at("atoms")], page.list().map((s, k) => `${NC.LETTERS[k]} ${s.name}`).join("   ")));
    },
  };
  for (const button of document.querySelectorAll("[data-export]")) button.addEventListener("click", () => { at("export").open = false, attempt(exporters[button.dataset.export]); });
};
