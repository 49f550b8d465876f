// Colours that people with any kind of colour vision tell apart (Okabe and Ito, 2008). Names are
// always beside them.
const HUES = {
  neutral: "#8a8f94", calm: "#b8a13a", happy: "#e69f00", excited: "#f0c000", sad: "#0072b2",
  angry: "#d55e00", frustrated: "#a84800", fear: "#cc79a7", disgust: "#009e73",
  surprise: "#56b4e9",
};

export const hueOf = (label) => HUES[label] ?? "#8a8f94";

const VIRIDIS = [
  [68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141], [39, 173, 129],
  [92, 200, 99], [170, 220, 50], [253, 231, 37],
];

// 256 colours of viridis, which is equally bright in steps for everybody.
export const VIRIDIS_256 = Array.from({ length: 256 }, (_, value) => {
  const place = (value / 255) * (VIRIDIS.length - 1);
  const low = Math.min(Math.floor(place), VIRIDIS.length - 2);
  return VIRIDIS[low].map((part, i) => part + (VIRIDIS[low + 1][i] - part) * (place - low));
});

export const token = (name) =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim();
