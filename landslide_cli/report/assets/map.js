// The map: imagery, what nobody looked at, and landslides.
const REACH = 5; // pixels beside a small landslide that still hit it

const outline = unpack(data.outline);
const analysed = data.analysed && unpack(data.analysed);

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

function drawSlides(pen, view) {
  const paths = data.colours.map(() => []);
  slides.forEach((shape, number) => {
    if (visible[number] && touches(shape.box, view, 4)) paths[classOf(number)].push(shape);
  });
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
byId("whole").addEventListener("click", () => fit(home));

// Leaflet drops what is asked of it while it zooms; whoever decides quickly would be left behind.
let zooming = false;
let wanted = null;
map.on("zoomanim", () => { zooming = true; });
map.on("zoomend", () => {
  zooming = false;
  const go = wanted;
  wanted = null;
  if (go) go();
});
function fit(bounds, options = {}) {
  const go = () => map.fitBounds(bounds, { animate: !calm, ...options });
  if (zooming) wanted = go; else go();
}

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

let ring = null;
function ringAround(number) {
  if (ring) ring.remove();
  ring = null;
  if (number < 0) return;
  const rings = slides[number].rings.map((flat) =>
    Array.from({ length: flat.length / 2 }, (_, i) => place(flat[2 * i], flat[2 * i + 1])));
  ring = L.polyline(rings.map((line) => [...line, line[0]]), { color: "#00e5ff", weight: 3, interactive: false }).addTo(map);
}

const goTo = (number) => fit(boundsOf(slides[number].box), { padding: [60, 60], maxZoom: frame.native + 1 });

map.on("click", ({ latlng }) => {
  if (!map.hasLayer(layers.slides)) return;
  const at = crs.latLngToPoint(latlng, frame.zoom);
  const [x, y] = [at.x - frame.origin[0], at.y - frame.origin[1]];
  const reach = REACH * 2 ** (frame.zoom - map.getZoom());
  const near = ({ box }) => x > box[0] - reach && x < box[2] + reach && y > box[1] - reach && y < box[3] + reach;
  const found = slides.map((_, number) => number).filter((number) => visible[number] && near(slides[number]));
  const hit = found.find((number) => inside(slides[number], x, y)) ?? found[0];
  if (hit !== undefined) choose(hit, { scroll: true });
});
