// What the page holds, and what all its parts ask: shapes, texts, which landslides are shown, and in which class.
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const { frame, columns, values, statuses } = data;
const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
const TILE = 256;
const columnOf = Object.fromEntries(columns.map(({ name }, index) => [name, index]));

function element(tag, text, parent) {
  const made = document.createElement(tag);
  if (text !== null) made.textContent = text;
  if (parent) parent.append(made);
  return made;
}

// Rings of absolute coordinates in pixels of level frame.zoom, relative to frame.origin.
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

const slides = unpack(data.shapes);
const visible = slides.map(() => true); // as the filters say

const statusOf = (number) => statuses[values[columnOf.status][number]][0];
const classOf = (number) => (statusOf(number) === "not_landslide" ? data.rejected : data.classes[number]);

const formats = columns.map(({ digits }) =>
  digits === null ? null : new Intl.NumberFormat("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }));
function shown(column, number) {
  const value = values[column][number];
  if (value === null) return "–";
  if (columns[column].words) return columns[column].words[value];
  if (formats[column] === null) return value ? "yes" : "no";
  return columns[column].name === "id" ? String(value) : formats[column].format(value);
}
const nameOf = (number) => `Landslide ${shown(columnOf.id, number)}`;
