"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const { frame, columns, values, shapes } = data;
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const TILE = 256;
  const ROWS_AROUND = 15; // beyond those in sight
  const ROWS_PRINTED = 60;
  const REACH = 5; // pixels beside a small landslide that still hit it

  // ---- Shapes: rings of absolute coordinates in pixels of level frame.zoom, relative to frame.origin

  function unpack(packed) {
    return packed.map((rings) => {
      const box = [Infinity, Infinity, -Infinity, -Infinity];
      const whole = rings.map((steps) => {
        const ring = new Float64Array(steps.length);
        let x = 0, y = 0;
        for (let i = 0; i < steps.length; i += 2) {
          ring[i] = x += steps[i];
          ring[i + 1] = y += steps[i + 1];
          box[0] = Math.min(box[0], x); box[1] = Math.min(box[1], y);
          box[2] = Math.max(box[2], x); box[3] = Math.max(box[3], y);
        }
        return ring;
      });
      return { rings: whole, box };
    });
  }

  function inside(shape, x, y) {
    let odd = false;
    for (const ring of shape.rings) {
      for (let i = 0, j = ring.length - 2; i < ring.length; j = i, i += 2) {
        if ((ring[i + 1] > y) !== (ring[j + 1] > y)
          && x < ((ring[j] - ring[i]) * (y - ring[i + 1])) / (ring[j + 1] - ring[i + 1]) + ring[i]) odd = !odd;
      }
    }
    return odd;
  }

  const slides = unpack(shapes);
  const outline = unpack(data.outline);
  const analysed = data.analysed && unpack(data.analysed);

  // ---- Map

  const crs = frame.mercator ? L.CRS.EPSG3857 : L.CRS.Simple;
  const place = (x, y) => crs.pointToLatLng(L.point(x + frame.origin[0], y + frame.origin[1]), frame.zoom);
  const boundsOf = ([left, top, right, bottom]) => L.latLngBounds(place(left, bottom), place(right, top));
  const home = boundsOf(frame.box);
  const map = L.map("map", {
    crs, minZoom: frame.shallowest - 2, maxZoom: frame.native + 3, zoomSnap: 0.25, zoomDelta: 0.5, wheelPxPerZoomLevel: 90,
    attributionControl: false, maxBounds: home.pad(1), zoomAnimation: !calm, fadeAnimation: false, inertia: !calm,
  });
  map.fitBounds(home);
  if (frame.mercator) L.control.scale({ imperial: false, maxWidth: 160 }).addTo(map);

  const grid = { tileSize: TILE, noWrap: true, keepBuffer: 1, updateWhenZooming: false };
  const names = ["scene", "probability", "unknown", "slides"];
  names.forEach((name, order) => { map.createPane(name).style.zIndex = 200 + order; });

  const Imagery = L.GridLayer.extend({
    createTile(at, done) {
      const text = this.options.images[`${at.z}/${at.x}/${at.y}`];
      const image = document.createElement(text ? "img" : "div");
      if (text) {
        image.alt = "";
        image.onload = () => done(null, image);
        image.src = text;
      } else setTimeout(() => done(null, image));
      return image;
    },
  });

  // Tiles that are drawn: only what they touch is looked at, so that 100,000 landslides move as one does.
  const Drawing = L.GridLayer.extend({
    createTile(at) {
      const tile = document.createElement("canvas");
      const ratio = Math.min(window.devicePixelRatio || 1, 2);
      tile.width = tile.height = TILE * ratio;
      const pen = tile.getContext("2d");
      const scale = 2 ** (at.z - frame.zoom);
      const view = {
        scale, left: at.x * TILE - frame.origin[0] * scale, top: at.y * TILE - frame.origin[1] * scale,
      };
      pen.scale(ratio, ratio);
      this.options.draw(pen, view);
      return tile;
    },
  });

  const touches = (box, { scale, left, top }, margin) =>
    box[0] * scale - left < TILE + margin && box[2] * scale - left > -margin
    && box[1] * scale - top < TILE + margin && box[3] * scale - top > -margin;

  function trace(pen, shape, { scale, left, top }) {
    for (const ring of shape.rings) {
      pen.moveTo(ring[0] * scale - left, ring[1] * scale - top);
      for (let i = 2; i < ring.length; i += 2) pen.lineTo(ring[i] * scale - left, ring[i + 1] * scale - top);
      pen.closePath();
    }
  }

  const colours = data.classes;

  function drawSlides(pen, view) {
    const paths = data.colours.map(() => []);
    slides.forEach((shape, number) => { if (touches(shape.box, view, 4)) paths[colours[number]].push(shape); });
    pen.lineJoin = "round";
    for (const casing of [true, false]) {
      paths.forEach((found, colour) => {
        pen.beginPath();
        for (const shape of found) {
          const [x0, y0, x1, y1] = shape.box;
          // What is smaller than a dot is a dot.
          if (Math.max(x1 - x0, y1 - y0) * view.scale < 3) {
            pen.rect((x0 + x1) / 2 * view.scale - view.left - 1, (y0 + y1) / 2 * view.scale - view.top - 1, 2, 2);
          } else trace(pen, shape, view);
        }
        pen.strokeStyle = casing ? "rgba(20,10,0,.6)" : data.colours[colour];
        pen.lineWidth = casing ? 3.6 : 1.7;
        pen.stroke();
      });
    }
  }

  function hatch() {
    const stamp = document.createElement("canvas");
    stamp.width = stamp.height = 8;
    const pen = stamp.getContext("2d");
    pen.fillStyle = "rgba(40,46,52,.34)";
    pen.fillRect(0, 0, 8, 8);
    pen.strokeStyle = "rgba(255,255,255,.55)";
    pen.lineWidth = 1;
    pen.beginPath();
    for (const shift of [-8, 0, 8]) { pen.moveTo(shift, 8); pen.lineTo(shift + 8, 0); }
    pen.stroke();
    return stamp;
  }
  const stamp = hatch();

  function drawUnknown(pen, view) {
    pen.fillStyle = pen.createPattern(stamp, "repeat");
    pen.beginPath();
    for (const shape of [...outline, ...analysed]) if (touches(shape.box, view, 2)) trace(pen, shape, view);
    pen.fill("evenodd");
  }

  const layers = {};
  for (const raster of data.rasters) {
    layers[raster.name] = new Imagery({
      ...grid, pane: raster.name, images: raster.images, minNativeZoom: raster.shallowest, maxNativeZoom: raster.deepest,
      minZoom: -99, maxZoom: 99,
    });
  }
  if (analysed) layers.unknown = new Drawing({ ...grid, pane: "unknown", draw: drawUnknown, minZoom: -99, maxZoom: 99 });
  layers.slides = new Drawing({ ...grid, pane: "slides", draw: drawSlides, minZoom: -99, maxZoom: 99 });

  for (const name of names) {
    const box = byId(`show-${name}`);
    if (!box) continue;
    const toggle = () => { if (box.checked) layers[name].addTo(map); else layers[name].remove(); };
    box.addEventListener("change", toggle);
    toggle();
  }
  byId("whole").addEventListener("click", () => map.fitBounds(home, { animate: !calm }));

  const Pointer = L.Control.extend({
    options: { position: "bottomright" },
    onAdd() {
      const box = L.DomUtil.create("div", "place");
      map.on("mousemove", ({ latlng }) => {
        box.textContent = frame.mercator
          ? `${latlng.lat.toFixed(5)}, ${((latlng.lng + 540) % 360 - 180).toFixed(5)}`
          : `column ${Math.floor(latlng.lng)}, row ${Math.floor(-latlng.lat)}`;
      });
      map.on("mouseout", () => { box.textContent = ""; });
      return box;
    },
  });
  new Pointer().addTo(map);

  // ---- Choosing a landslide

  let chosen = -1;
  let ring = null;

  const formats = columns.map(({ digits }) =>
    digits === null ? null : new Intl.NumberFormat("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }));
  function shown(column, number) {
    const value = values[column][number];
    if (value === null) return "–";
    if (formats[column] === null) return value ? "yes" : "no";
    return columns[column].name === "id" ? String(value) : formats[column].format(value);
  }
  const nameOf = (number) => `Landslide ${shown(0, number)}`;

  function element(tag, text, parent) {
    const made = document.createElement(tag);
    if (text !== null) made.textContent = text;
    if (parent) parent.append(made);
    return made;
  }

  function tell(number) {
    const box = byId("details");
    box.replaceChildren();
    element("h3", nameOf(number), box);
    const list = element("dl", null, box);
    columns.forEach((column, index) => {
      if (index === 0 || values[index][number] === null) return;
      const pair = element("div", null, list);
      element("dt", column.label, pair);
      element("dd", shown(index, number) + (column.unit ? ` ${column.unit}` : ""), pair);
    });
  }

  function choose(number, { go = false, scroll = false, focus = false } = {}) {
    chosen = number;
    const shape = slides[number];
    if (ring) ring.remove();
    const rings = shape.rings.map((flat) => Array.from({ length: flat.length / 2 }, (_, i) => place(flat[2 * i], flat[2 * i + 1])));
    ring = L.polyline(rings.map((line) => [...line, line[0]]), { color: "#00e5ff", weight: 3, interactive: false }).addTo(map);
    if (go) map.fitBounds(boundsOf(shape.box), { padding: [60, 60], maxZoom: frame.native + 1, animate: !calm });
    if (scroll) reveal(number);
    render();
    if (focus) focusRow();
    tell(number);
  }

  map.on("click", ({ latlng }) => {
    if (!map.hasLayer(layers.slides)) return;
    const at = crs.latLngToPoint(latlng, frame.zoom);
    const [x, y] = [at.x - frame.origin[0], at.y - frame.origin[1]];
    const reach = REACH * 2 ** (frame.zoom - map.getZoom());
    const near = ({ box }) => x > box[0] - reach && x < box[2] + reach && y > box[1] - reach && y < box[3] + reach;
    const found = slides.map((_, number) => number).filter((number) => near(slides[number]));
    const hit = found.find((number) => inside(slides[number], x, y)) ?? found[0];
    if (hit !== undefined) choose(hit, { scroll: true });
  });

  // ---- Table: only the rows in sight exist

  const view = byId("rows");
  const body = view.querySelector("tbody");
  const head = view.querySelector("thead tr");
  const table = view.querySelector("table");
  let order = slides.map((_, number) => number);
  let place_in_order = [];
  let sorted = { column: 0, down: false };
  let height = 32;
  let printing = false;
  let there = { first: 0, last: 0 };

  const spacer = (rows) => {
    const row = document.createElement("tr");
    row.className = "space";
    row.setAttribute("aria-hidden", "true");
    const cell = element("td", null, row);
    cell.colSpan = columns.length;
    cell.style.height = `${rows * height}px`;
    return row;
  };

  function rowOf(index) {
    const number = order[index];
    const row = document.createElement("tr");
    row.dataset.index = index;
    row.setAttribute("aria-rowindex", index + 2);
    columns.forEach((_, column) => element("td", shown(column, number), row));
    return row;
  }

  function mark() {
    for (const row of body.querySelectorAll("tr[data-index]")) {
      const index = Number(row.dataset.index);
      row.tabIndex = order[index] === chosen || (chosen < 0 && index === 0) ? 0 : -1;
      row.setAttribute("aria-selected", order[index] === chosen);
    }
  }

  // Rows that are there stay, so that none goes away under a click.
  function render(anew = false) {
    const top = Math.floor(view.scrollTop / height);
    const bottom = Math.min(order.length, top + Math.ceil(view.clientHeight / height));
    if (anew || top < there.first || bottom > there.last) {
      const focused = body.contains(document.activeElement);
      const first = printing ? 0 : Math.max(0, top - ROWS_AROUND);
      const last = Math.min(order.length, printing ? ROWS_PRINTED : bottom + ROWS_AROUND);
      const rows = [];
      if (first > 0) rows.push(spacer(first));
      for (let index = first; index < last; index += 1) rows.push(rowOf(index));
      if (last < order.length && !printing) rows.push(spacer(order.length - last));
      body.replaceChildren(...rows);
      there = { first, last };
      mark();
      if (focused) focusRow();
    } else mark();
  }

  const focusRow = () => body.querySelector('tr[aria-selected="true"]')?.focus({ preventScroll: true });

  function reveal(number) {
    const top = place_in_order[number] * height;
    const room = view.clientHeight - head.offsetHeight;
    if (top < view.scrollTop || top + height > view.scrollTop + room) view.scrollTop = Math.max(0, top - room / 2);
  }

  function sort(column, down) {
    sorted = { column, down };
    const key = values[column];
    const sign = down ? -1 : 1;
    order.sort((a, b) => {
      if (key[a] === null || key[b] === null) return (key[a] === null) - (key[b] === null) || a - b;
      return sign * (key[a] - key[b]) || a - b;
    });
    order.forEach((number, index) => { place_in_order[number] = index; });
    head.querySelectorAll("th").forEach((cell, index) => {
      cell.setAttribute("aria-sort", index !== column ? "none" : down ? "descending" : "ascending");
    });
    view.scrollTop = 0;
    render(true);
  }

  columns.forEach((column, index) => {
    const cell = element("th", null, head);
    cell.scope = "col";
    const button = element("button", column.label, cell);
    button.type = "button";
    if (column.unit) {
      button.append(" ");
      element("small", column.unit, button);
    }
    // Of sizes one wants the largest first, of numbers the first.
    button.addEventListener("click", () => sort(index, sorted.column === index ? !sorted.down : index > 0));
  });
  table.setAttribute("aria-rowcount", slides.length + 1);
  body.addEventListener("click", ({ target }) => {
    const row = target.closest("tr[data-index]");
    if (row) choose(order[Number(row.dataset.index)], { go: true, focus: true });
  });
  body.addEventListener("keydown", (event) => {
    const now = chosen < 0 ? Number(event.target.dataset.index) : place_in_order[chosen];
    const page = Math.max(1, Math.floor(view.clientHeight / height) - 2);
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -order.length, End: order.length };
    if (event.key in moves) {
      const step = chosen < 0 && event.key === "ArrowDown" ? 0 : moves[event.key];
      choose(order[Math.max(0, Math.min(order.length - 1, now + step))], { scroll: true, focus: true });
    } else if (event.key === "Enter" || event.key === " ") {
      choose(order[now], { go: true, focus: true });
    } else return;
    event.preventDefault();
  });
  let waiting = false;
  view.addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; render(); });
  });
  new ResizeObserver(() => render()).observe(view);

  sort(0, false);
  const sample = body.querySelector("tr[data-index]");
  if (sample) height = sample.getBoundingClientRect().height || height;
  const largest = columns.findIndex((column) => column.name === "area_m2");
  if (largest >= 0) sort(largest, true);
  else render(true);

  const count = byId("count");
  const usual = count.textContent;
  window.addEventListener("beforeprint", () => {
    printing = true;
    if (order.length > ROWS_PRINTED) count.textContent = `${usual} The first ${ROWS_PRINTED} are printed.`;
    render(true);
  });
  window.addEventListener("afterprint", () => { printing = false; count.textContent = usual; render(true); });
})();
