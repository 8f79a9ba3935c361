// The table: only the rows in sight exist. The details of the landslide that is chosen.
const ROWS_AROUND = 15; // beyond those in sight
const ROWS_PRINTED = 60;

let chosen = -1;
const view = byId("rows");
const body = view.querySelector("tbody");
const head = view.querySelector("thead tr");
const table = view.querySelector("table");
const everything = byId("all-columns");
let order = slides.map((_, number) => number); // of those that the filters show
let placeInOrder = []; // undefined for those that they don't
let sorted = { column: 0, down: false };
let height = 32;
let printing = false;
let there = { first: 0, last: 0 };

// Others are in the details, and in the table when it is asked to be wide.
const inTable = () => columns.map((_, index) => index).filter((index) => everything.checked || columns[index].main);

function tell(number) {
  const box = byId("details");
  box.replaceChildren();
  if (number < 0) return;
  element("h3", nameOf(number), box);
  const list = element("dl", null, box);
  const add = (label, text) => {
    const pair = element("div", null, list);
    element("dt", label, pair);
    element("dd", text, pair);
  };
  columns.forEach((column, index) => {
    if (column.name === "id" || values[index][number] === null) return;
    add(column.label, shown(index, number) + (column.unit ? ` ${column.unit}` : ""));
  });
  for (const { label, texts } of data.texts) if (texts[number]) add(label, texts[number]);
}

function choose(number, { go = false, scroll = false, focus = false } = {}) {
  chosen = number;
  ringAround(number);
  if (number >= 0 && go) goTo(number);
  if (number >= 0 && scroll) reveal(number);
  render();
  if (focus) focusRow();
  tell(number);
  ask(number);
}

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
  for (const column of inTable()) element("td", shown(column, number), row).classList.toggle("word", "words" in columns[column]);
  return row;
}

// One row can be reached by Tab: the one that is chosen, or, where that isn't here, the first in sight.
function mark() {
  const rows = [...body.querySelectorAll("tr[data-index]")];
  const numberOf = (row) => order[Number(row.dataset.index)];
  const top = Math.ceil(view.scrollTop / height);
  const reached = rows.find((row) => numberOf(row) === chosen)
    ?? rows.find((row) => Number(row.dataset.index) >= top) ?? rows.at(-1);
  for (const row of rows) {
    row.tabIndex = row === reached ? 0 : -1;
    row.setAttribute("aria-selected", numberOf(row) === chosen);
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

const focusRow = () => body.querySelector('tr[tabindex="0"]')?.focus({ preventScroll: true });

function reveal(number) {
  if (placeInOrder[number] === undefined) return;
  const top = placeInOrder[number] * height;
  const room = view.clientHeight - head.offsetHeight;
  if (top < view.scrollTop || top + height > view.scrollTop + room) view.scrollTop = Math.max(0, top - room / 2);
}

function countPlaces() {
  placeInOrder = [];
  order.forEach((number, index) => { placeInOrder[number] = index; });
  table.setAttribute("aria-rowcount", order.length + 1);
}

function sort(column, down) {
  sorted = { column, down };
  const key = values[column];
  const sign = down ? -1 : 1;
  order = slides.map((_, number) => number).filter((number) => visible[number]);
  order.sort((a, b) => {
    if (key[a] === null || key[b] === null) return (key[a] === null) - (key[b] === null) || a - b;
    return sign * (key[a] - key[b]) || a - b;
  });
  countPlaces();
  view.scrollTop = 0;
  headings();
  render(true);
}

function headings() {
  const focused = Number(head.querySelector("button:focus")?.dataset.column ?? -1);
  head.replaceChildren();
  for (const index of inTable()) {
    const { label, unit, name } = columns[index];
    const cell = element("th", null, head);
    cell.scope = "col";
    cell.classList.toggle("word", "words" in columns[index]);
    cell.setAttribute("aria-sort", index !== sorted.column ? "none" : sorted.down ? "descending" : "ascending");
    const button = element("button", label, cell);
    button.type = "button";
    button.dataset.column = index;
    if (unit) {
      button.append(" ");
      element("small", unit, button);
    }
    // Of sizes one wants the largest first, of numbers the first, and what nobody has looked at.
    const usual = name !== "id" && name !== "status";
    button.addEventListener("click", () => sort(index, sorted.column === index ? !sorted.down : usual));
    if (index === focused) button.focus({ preventScroll: true });
  }
}

everything.addEventListener("change", () => { headings(); render(true); });

body.addEventListener("click", ({ target }) => {
  const row = target.closest("tr[data-index]");
  if (row) choose(order[Number(row.dataset.index)], { go: true, focus: true });
});
body.addEventListener("keydown", (event) => {
  const now = Number(event.target.dataset.index);
  if (Number.isNaN(now) || event.ctrlKey || event.altKey || event.metaKey) return;
  const page = Math.max(1, Math.floor(view.clientHeight / height) - 2);
  const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -order.length, End: order.length };
  if (event.key in moves) {
    const step = order[now] !== chosen && event.key === "ArrowDown" ? 0 : moves[event.key];
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

window.addEventListener("beforeprint", () => { printing = true; render(true); say(); });
window.addEventListener("afterprint", () => { printing = false; render(true); say(); });
