// Which landslides are shown, what a person says of them, and the files that carry it away. Nothing leaves by itself.
const KEY = `landslide:${data.identity}`;
const REVIEWER = "landslide:reviewer";
const { confidence, status, area_m2: area, id, new: novelty } = columnOf;

// ---- Filters

const choices = { confidence: new Set(), status: new Set() };

function offer(name, words, there, falling) {
  const place = byId(`filter-${name}`);
  [...words.entries()].sort(([one], [other]) => (falling ? other - one : one - other)).forEach(([code, text]) => {
    if (!there.has(code)) return;
    const label = element("label", null, place);
    const box = element("input", null, label);
    box.type = "checkbox";
    box.checked = true;
    box.dataset.code = code;
    label.append(text);
    choices[name].add(code);
    box.addEventListener("change", () => {
      if (box.checked) choices[name].add(code); else choices[name].delete(code);
      sift();
    });
  });
}
offer("confidence", columns[confidence].words, new Set(values[confidence]), true);
offer("status", columns[status].words, new Set(statuses.keys()), false);

const bounds = [byId("area-from"), byId("area-to")];
const newOnly = byId("new-only");
byId("filter-area").hidden = area === undefined;
byId("filter-new").hidden = novelty === undefined;

function passes(number) {
  if (!choices.confidence.has(values[confidence][number]) || !choices.status.has(values[status][number])) return false;
  if (newOnly.checked && novelty !== undefined && values[novelty][number] !== 1) return false;
  const size = area === undefined ? null : values[area][number];
  return bounds.every(({ value }, end) => value === "" || (size !== null && (end ? size <= value : size >= value)));
}

// What is there keeps its order, so that nothing jumps while somebody decides.
function sift(anew = true) {
  slides.forEach((_, number) => { visible[number] = passes(number); });
  if (anew) sort(sorted.column, sorted.down);
  else {
    order = order.filter((number) => visible[number]);
    countPlaces();
    render(true);
  }
  layers.slides.redraw();
  say();
}

const few = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
function say() {
  const all = slides.length;
  let text = `${order.length < all ? `${order.length.toLocaleString("en")} of ` : ""}${all.toLocaleString("en")} shown`;
  if (area !== undefined && order.length) {
    const total = order.reduce((sum, number) => sum + (values[area][number] ?? 0), 0);
    text += `, ${few.format(total / 1e4)} ha`;
  }
  if (printing && order.length > ROWS_PRINTED) text += `. The first ${ROWS_PRINTED} are printed`;
  byId("count").textContent = `${text}.`;
}

for (const box of bounds) box.addEventListener("input", () => sift());
newOnly.addEventListener("change", () => sift());
byId("no-filters").addEventListener("click", () => {
  for (const box of bounds) box.value = "";
  newOnly.checked = false;
  for (const name of Object.keys(choices)) {
    for (const box of byId(`filter-${name}`).querySelectorAll("input")) {
      box.checked = true;
      choices[name].add(Number(box.dataset.code));
    }
  }
  sift();
});

// ---- Decisions, by the number of the landslide; the browser keeps them under the inventory's own name

const codes = Object.fromEntries(statuses.map(([name], code) => [name, code]));
const asked = [...values[status]]; // what the inventory says
const answers = byId("answers");
const note = byId("note");
const reviewer = byId("reviewer");
const times = new Map();
for (const number of values[id]) times.set(number, (times.get(number) ?? 0) + 1);
// A number that none or two have names none of them.
const nameable = (number) => values[id][number] !== null && times.get(values[id][number]) === 1;
const numberOf = new Map(slides.map((_, number) => [String(values[id][number]), number]));
let said = {};
let kept = true;
const done = []; // what can be taken back

const isText = (value) => typeof value === "string";
const sound = (one) => one && Object.hasOwn(codes, one.status) && isText(one.note) && isText(one.reviewer) && isText(one.reviewed_at);

function load() {
  said = {};
  try {
    for (const [number, one] of Object.entries(JSON.parse(localStorage.getItem(KEY) ?? "{}"))) {
      if (sound(one)) said[number] = one;
    }
    reviewer.value = localStorage.getItem(REVIEWER) ?? reviewer.value;
  } catch { kept = false; }
  apply();
}

function keep() {
  try {
    if (Object.keys(said).length) localStorage.setItem(KEY, JSON.stringify(said)); else localStorage.removeItem(KEY);
    localStorage.setItem(REVIEWER, reviewer.value);
    kept = true;
  } catch { kept = false; }
  tally();
}

function apply() {
  asked.forEach((code, number) => {
    const own = nameable(number) ? said[values[id][number]] : undefined;
    values[status][number] = own ? codes[own.status] : code;
  });
  tally();
}

function tally() {
  const count = Object.keys(said).length;
  let text = count === 0 ? "No decisions yet" : `${count.toLocaleString("en")} decision${count === 1 ? "" : "s"}`;
  if (count && !kept) text += "; this browser keeps none of them, so save them before you close the page";
  byId("decided").textContent = `${text}.`;
  for (const button of document.querySelectorAll("#csv, #geojson")) button.disabled = count === 0;
}

const inFile = (number, which) => data.reviews[number]?.[which] ?? "";

function ask(number) {
  const can = number >= 0 && nameable(number);
  for (const control of answers.querySelectorAll("button[data-status], input")) control.disabled = !can;
  byId("nameless").hidden = number < 0 || can;
  note.value = can ? said[values[id][number]]?.note ?? inFile(number, 0) : "";
  for (const button of answers.querySelectorAll("button[data-status]")) {
    button.setAttribute("aria-pressed", number >= 0 && statusOf(number) === button.dataset.status);
  }
  byId("back").disabled = done.length === 0;
}

function set(number, one) {
  const name = String(values[id][number]);
  if (one) said[name] = one; else delete said[name];
  values[status][number] = one ? codes[one.status] : asked[number];
  keep();
}

const now = () => `${new Date().toISOString().slice(0, 19)}Z`;

function decide(answer) {
  const number = chosen;
  if (number < 0 || !nameable(number)) return;
  const focus = body.contains(document.activeElement);
  const next = nextOne(number);
  done.push([number, said[values[id][number]]]);
  set(number, { status: answer, note: note.value.trim(), reviewer: reviewer.value.trim(), reviewed_at: now() });
  sift(false);
  choose(next ?? number, { go: next !== undefined, scroll: true, focus });
}

/** The next in the table that nobody has looked at, from the top again after the last. */
function nextOne(number) {
  const from = (placeInOrder[number] ?? -1) + 1;
  return [...order.slice(from), ...order.slice(0, from)].find((one) =>
    one !== number && statusOf(one) === "unreviewed" && nameable(one));
}

function takeBack() {
  if (!done.length) return;
  const [number, before] = done.pop();
  set(number, before);
  sift();
  choose(number, { go: true, scroll: true, focus: body.contains(document.activeElement) });
}

note.addEventListener("change", () => {
  if (chosen < 0 || !nameable(chosen) || !(note.value.trim() || said[values[id][chosen]])) return;
  const before = said[values[id][chosen]];
  done.push([chosen, before]);
  set(chosen, {
    status: statusOf(chosen), note: note.value.trim(), reviewer: reviewer.value.trim(), reviewed_at: now(),
  });
  ask(chosen);
});
note.addEventListener("keydown", ({ key }) => { if (key === "Enter") note.blur(); });
reviewer.addEventListener("change", keep);
for (const button of answers.querySelectorAll("button[data-status]")) {
  button.addEventListener("click", () => decide(button.dataset.status));
}
byId("back").addEventListener("click", takeBack);
byId("next").addEventListener("click", () => step());
function step() {
  const next = nextOne(chosen);
  if (next !== undefined) choose(next, { go: true, scroll: true, focus: body.contains(document.activeElement) });
}

const keys = { a: "landslide", r: "not_landslide", u: "unsure" };
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("input:not([type=checkbox])")) return;
  const key = event.key.toLowerCase();
  if (key in keys) decide(keys[key]);
  else if (key === "z") takeBack();
  else if (key === "n") step();
  else return;
  event.preventDefault();
});

// Another tab with the same inventory writes to the same place.
window.addEventListener("storage", ({ key }) => {
  if (key !== KEY) return;
  load();
  sift();
  ask(chosen);
});

// ---- Files

const FIELDS = ["id", "status", "note", "reviewer", "reviewed_at", "lon", "lat"];

function decisions() {
  return Object.entries(said).map(([name, one]) => {
    const number = numberOf.get(name);
    const at = (column) => (number === undefined || columnOf[column] === undefined ? null : values[columnOf[column]][number]);
    return { id: Number(name), ...one, lon: at("lon"), lat: at("lat") };
  });
}

/** Where it lies: its centre, or that of its outline; null where the map is no map of the earth. */
function spot({ id: name, lon, lat }) {
  if (lon !== null && lat !== null) return { type: "Point", coordinates: [lon, lat] };
  const number = numberOf.get(String(name));
  if (number === undefined || !frame.mercator) return null;
  const [x0, y0, x1, y1] = slides[number].box;
  const { lng, lat: north } = place((x0 + x1) / 2, (y0 + y1) / 2).wrap();
  return { type: "Point", coordinates: [Number(lng.toFixed(6)), Number(north.toFixed(6))] };
}

function save(text, kind, ending) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: kind }));
  link.download = `${data.name}-decisions.${ending}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

const quoted = (value) => {
  const text = value === null ? "" : String(value);
  return /[",;\t\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

byId("csv").addEventListener("click", () => {
  const lines = decisions().map((one) => FIELDS.map((name) => quoted(one[name])).join(","));
  save([FIELDS.join(","), ...lines, ""].join("\r\n"), "text/csv", "csv");
});
byId("geojson").addEventListener("click", () => {
  const features = decisions().map((one) => ({
    type: "Feature",
    properties: one,
    geometry: spot(one),
  }));
  save(JSON.stringify({ type: "FeatureCollection", features }), "application/geo+json", "geojson");
});

// ---- All of it together

load();
sort(id, false);
const sample = body.querySelector("tr[data-index]");
if (sample) height = sample.getBoundingClientRect().height || height;
if (area !== undefined) sort(area, true);
say();
ask(-1);
