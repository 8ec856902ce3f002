"use strict";

const SVG = "http://www.w3.org/2000/svg";
const choice = document.getElementById("question");
const points = document.getElementById("points");
const marks = document.getElementById("marks");
const found = document.getElementById("found");
const about = document.getElementById("about");

function added(parent, name, attributes) {
  const element = parent.appendChild(document.createElementNS(SVG, name));
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

/** Returns the position of a point on the map. */
function place(point) {
  const [x, y] = point.getAttribute("d").slice(1, -2).split(",").map(Number);
  return { x, y };
}

/** Marks the hits of the selected question, the best ones on top. */
function showQuestion() {
  marks.replaceChildren();
  found.replaceChildren();
  const { x, y, hits, classes } = choice.selectedOptions[0].dataset;
  document.getElementById("map").classList.toggle("asked", Boolean(hits));
  if (!hits) return;
  const kinds = classes.split(" ");
  const numbered = hits.split(" ").map((number, at) => [document.getElementById(`p${number}`), kinds[at], at + 1]);
  const known = numbered.filter(([point]) => point);
  for (const [point, kind] of known) {
    const { x: cx, y: cy } = place(point);
    added(marks, "path", { d: `M${x},${y}L${cx},${cy}`, class: `ray ${kind}` });
  }
  added(marks, "path", { d: `M${x},${y}h0`, class: "star" });
  for (const [point, kind, rank] of known.reverse()) {
    const { x, y } = place(point);
    const mark = added(marks, "g", { class: `mark ${kind}`, transform: `translate(${x} ${y})` });
    added(mark, "path", { d: "M0,0h0" });
    added(mark, "text", { "text-anchor": "middle", dy: ".35em" }).textContent = rank;
    mark.addEventListener("pointerenter", () => showPoint(point));
    const item = document.createElement("li");
    item.className = kind;
    item.value = rank;
    describe(item, point);
    item.addEventListener("pointerenter", () => showPoint(point));
    found.prepend(item);
  }
}

/** Writes the title and the start of a passage into `element`. */
function describe(element, point) {
  const [title, ...words] = point.textContent.split("\n");
  const name = document.createElement("b");
  name.textContent = title;
  element.lang = point.getAttribute("lang") ?? "";
  element.replaceChildren(name, " ", words.join(" "));
}

/** Describes a passage and highlights the other passages of its article. */
function showPoint(point) {
  describe(about, point);
  for (const other of points.children) {
    other.classList.toggle("same", other.dataset.a === point.dataset.a);
  }
}

for (const name of ["pointerover", "click"]) {
  points.addEventListener(name, ({ target }) => {
    const point = target.closest("[data-a]");
    if (point) showPoint(point);
  });
}
choice.addEventListener("change", showQuestion);
for (const button of document.querySelectorAll("[data-show]")) {
  button.addEventListener("click", () => {
    choice.value = button.dataset.show;
    showQuestion();
    document.getElementById("passages").scrollIntoView();
  });
}
for (const filter of document.getElementsByName("filter")) {
  filter.addEventListener("change", () => {
    for (const question of document.querySelectorAll(".question")) {
      question.hidden = filter.value !== "all" && question.dataset.kind !== filter.value;
    }
  });
}
if (choice.options.length > 1) {
  choice.selectedIndex = 1;
  showQuestion();
}
