// A line at the pointer, and the text of the nearest mark beside the chart. The table below has the same numbers.

const SVG = "http://www.w3.org/2000/svg";

export function followPointer(figure) {
  const svg = figure.querySelector("svg.chart");
  const words = figure.querySelector("output");
  const marks = [...(svg?.querySelectorAll(".mark") ?? [])].map((mark) => ({
    mark,
    x: Number(mark.getAttribute("cx")),
    title: mark.querySelector("title")?.textContent ?? "",
  }));
  if (!words || !marks.length) return;
  const hair = document.createElementNS(SVG, "line");
  hair.setAttribute("class", "hair");
  hair.setAttribute("y1", "0");
  hair.setAttribute("y2", String(svg.viewBox.baseVal.height));
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
    const nearest = marks.reduce((best, one) => (Math.abs(one.x - x) < Math.abs(best.x - x) ? one : best));
    hair.setAttribute("x1", String(nearest.x));
    hair.setAttribute("x2", String(nearest.x));
    svg.append(hair);
    words.textContent = nearest.title;
  });
  svg.addEventListener("pointerleave", () => hair.remove());
}
