"use strict";
(() => {
  // Tables: a click, Enter or Space on a heading sorts by it; again, the other way round.
  const compare = (a, b) => {
    const one = a.dataset.order, other = b.dataset.order;
    if (one === undefined || other === undefined) {
      return one === other ? 0 : one === undefined ? 2 : -2; // what has no value stays last
    }
    const difference = Number(one) - Number(other);
    return Number.isNaN(difference) ? one.localeCompare(other) : difference;
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      head.querySelector("button").addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        heads.forEach((other) => other.setAttribute("aria-sort", "none"));
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const body = table.tBodies[0];
        const missing = (row) => row.cells[column].dataset.order === undefined;
        const rows = [...body.rows].sort((a, b) => {
          const found = compare(a.cells[column], b.cells[column]);
          return up || missing(a) || missing(b) ? found : -found;
        });
        body.append(...rows);
      });
    });
  }

  const box = document.getElementById("comparable");
  if (box) {
    box.addEventListener("change", () => {
      document.getElementById("compared").classList.toggle("only", box.checked);
    });
  }

  // Figures: a click shows one in its own size; Escape closes.
  const dialog = document.getElementById("large");
  for (const button of document.querySelectorAll(".enlarge")) {
    button.addEventListener("click", () => {
      const from = button.querySelector("img"), to = dialog.querySelector("img");
      to.src = from.src;
      to.alt = from.alt;
      dialog.showModal();
    });
  }

  // Embeddings: drawn when they come into sight, one picture for each experiment.
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const traces = (item, label, flat) => {
    const [x, y, z] = item.points;
    const type = flat ? "scatter" : "scatter3d";
    const size = flat ? 5 : 2.5;
    const pick = (rows, values) => (rows ? rows.map((row) => values[row]) : values);
    const trace = (rows, marker, more) => ({
      type, mode: "markers", x: pick(rows, x), y: pick(rows, y),
      ...(flat ? {} : { z: pick(rows, z) }),
      marker: { size, opacity: 0.85, line: { width: 0 }, ...marker }, ...more,
    });
    if (label.classes) {
      return label.classes.map((name, code) => {
        const rows = [];
        label.codes.forEach((value, row) => { if (value === code) rows.push(row); });
        return trace(rows, { color: label.colors[code] }, { name, hoverinfo: "name" });
      });
    }
    const bar = { title: { text: label.name, side: "right" }, thickness: 12, len: 0.8 };
    const [cmin, cmax] = label.range || [undefined, undefined];
    return [trace(null, {
      color: label.values, colorscale: label.scale, showscale: true, colorbar: bar,
      ...(label.range ? { cmin, cmax } : {}),
    }, { text: label.values.map(String), hovertemplate: `${label.name}: %{text}<extra></extra>` })];
  };
  const draw = (viewer, data) => {
    const plot = viewer.querySelector(".plot");
    const item = data[Number(viewer.querySelector(".which").value)];
    const label = item.labels[Number(viewer.querySelector(".colour").value)];
    const flat = item.points.length < 3;
    const ink = color("--ink"), line = color("--line");
    const axis = (place) => ({
      title: { text: `Latent ${place}` }, color: ink, gridcolor: line, zerolinecolor: line,
      showspikes: false, showbackground: false, nticks: 4,
    });
    const axes = flat
      ? { xaxis: axis(1), yaxis: { ...axis(2), scaleanchor: "x" } }
      : { scene: { aspectmode: "data", camera: { eye: { x: 1.5, y: 1.5, z: 1 } }, xaxis: axis(1), yaxis: axis(2), zaxis: axis(3) } };
    const layout = {
      ...axes, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: ink, family: "sans-serif" }, margin: { l: flat ? 50 : 0, r: 0, t: 10, b: flat ? 45 : 0 },
      showlegend: Boolean(label.classes), uirevision: viewer.querySelector(".which").value,
      legend: { itemsizing: "constant", title: { text: label.name } },
    };
    plot.setAttribute("aria-label", `${item.title}, coloured by ${label.name}`);
    viewer.querySelector(".caption").textContent = item.caption;
    const options = { responsive: true, displaylogo: false, displayModeBar: false };
    return Plotly.react(plot, traces(item, label, flat), layout, options).then(() => {
      viewer.dataset.drawn = "yes";
    });
  };
  const start = (viewer) => {
    const data = JSON.parse(document.getElementById(viewer.dataset.source).textContent);
    const which = viewer.querySelector(".which"), colour = viewer.querySelector(".colour");
    const offer = () => {
      const before = colour.selectedOptions[0] && colour.selectedOptions[0].textContent;
      const names = data[Number(which.value)].labels.map((label) => label.name);
      colour.replaceChildren(...names.map((name, place) => new Option(name, String(place))));
      colour.value = String(Math.max(0, names.indexOf(before)));
    };
    offer();
    which.addEventListener("change", () => { offer(); draw(viewer, data); });
    colour.addEventListener("change", () => draw(viewer, data));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw(viewer, data));
    draw(viewer, data);
  };
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) {
        seen.unobserve(entry.target);
        start(entry.target);
      }
    }
  }, { rootMargin: "200px" });
  document.querySelectorAll(".viewer").forEach((viewer) => seen.observe(viewer));
})();
