"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const plots = [];
const HEIGHT = 190; // pixels of a chart
const marked = {time: null, best: data.best}; // steps, drawn in every chart

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const stroke = (name) => () => colour(name);

// The slider through time: the newest pictures are in the page, the earlier ones in its data.
const slider = document.getElementById("time");
if (slider) {
  const images = [...document.querySelectorAll("img[data-tile]")].sort((a, b) => a.dataset.tile - b.dataset.tile);
  const newest = images.map((image) => image.src);
  const show = () => {
    const moment = data.moments[slider.value];
    const addresses = moment.addresses.length ? moment.addresses : newest;
    images.forEach((image, i) => { image.src = addresses[i]; });
    const text = `step ${moment.step.toLocaleString("en")}`;
    document.getElementById("moment").textContent = text;
    slider.setAttribute("aria-valuetext", text);
    marked.time = moment.step;
    plots.forEach((plot) => plot.redraw(false));
  };
  slider.addEventListener("input", show);
  show();
}

// The curves: zoomed together.
const whole = document.getElementById("whole");

function zoom(min, max) {
  for (const plot of plots) {
    const {min: before, max: until} = plot.scales.x;
    if (before !== min || until !== max) plot.setScale("x", {min, max});
  }
}

function range() {
  const steps = data.charts.flatMap((chart) => [chart.steps[0], chart.steps[chart.steps.length - 1]]);
  const [min, max] = [Math.min(...steps), Math.max(...steps)];
  return min < max ? [min, max] : [min - 1, max + 1];
}

function drawMarks(plot) {
  const {ctx, bbox} = plot;
  for (const [name, dash, colourName] of [["best", [], "--accent"], ["time", [4, 4], "--quiet"]]) {
    const {min, max} = plot.scales.x;
    if (marked[name] === null || marked[name] < min || marked[name] > max) continue;
    const x = plot.valToPos(marked[name], "x", true);
    ctx.save();
    ctx.strokeStyle = colour(colourName);
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash(dash.map((length) => length * devicePixelRatio));
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.restore();
  }
}

// uPlot listens to mice alone; across a curve, a finger is one. Up and down, it scrolls the page.
function heedFingers(plot) {
  const as = {pointerdown: "mousedown", pointermove: "mousemove", pointerup: "mouseup", pointercancel: "mouseup"};
  for (const [pointer, mouse] of Object.entries(as)) {
    plot.over.addEventListener(pointer, (event) => {
      if (event.pointerType === "mouse") return;
      const {clientX, clientY} = event;
      plot.over.dispatchEvent(new MouseEvent(mouse, {clientX, clientY, movementX: 1, bubbles: true}));
    });
  }
}

function draw(holder) {
  const chart = data.charts[holder.dataset.chart];
  const [first, last] = range();
  const axis = {stroke: stroke("--quiet"), grid: {stroke: stroke("--line"), width: 1}, ticks: {show: false}, font: "12px system-ui, sans-serif"};
  const lines = Object.entries(chart.lines).map(([label], i) => ({
    label,
    stroke: stroke(`--line-${i % 6}`),
    width: 1.5,
    points: {size: 5, fill: stroke("--card"), show: chart.steps.length < 60},
    spanGaps: data.spanGaps,
    value: (_, value) => (value == null ? "" : value.toPrecision(4)),
  }));
  const plot = new uPlot({
    width: holder.clientWidth || 320,
    height: HEIGHT,
    scales: {x: {time: false, min: first, max: last}},
    axes: [{...axis, size: 28, values: (_, ticks) => ticks.map((tick) => tick.toLocaleString("en"))}, {...axis, size: 46}],
    series: [{value: (_, step) => (step == null ? "" : `at step ${step.toLocaleString("en")}`)}, ...lines],
    cursor: {y: false, points: {size: 6, width: 0, fill: (_, i) => colour(`--line-${(i - 1) % 6}`)}, drag: {x: true, y: false, dist: 8}, bind: {dblclick: () => () => zoom(...range())}},
    hooks: {
      setScale: [(self, key) => {
        if (key !== "x" || !plots.includes(self)) return;
        const {min, max} = self.scales.x;
        whole.hidden = min === first && max === last;
        zoom(min, max);
      }],
      draw: [drawMarks],
    },
  }, [chart.steps, ...Object.values(chart.lines)], holder);
  heedFingers(plot);
  new ResizeObserver(() => holder.clientWidth && plot.setSize({width: holder.clientWidth, height: HEIGHT})).observe(holder);
  plots.push(plot);
}

document.querySelectorAll("[data-chart]").forEach(draw);
whole?.addEventListener("click", () => zoom(...range()));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plots.forEach((plot) => plot.redraw(false)));
