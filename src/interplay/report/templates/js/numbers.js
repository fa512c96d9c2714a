// Numbers as the page writes them: the same as interplay.numbers, which wrote the rest.

const MINUS = "\u2212";

function scaleOf(decimals) { // null where the numbers are so large or small as to need a power
  const plain = (number) => {
    if (!Number.isFinite(number)) return "not a number";
    if (number === 0) return "0";
    const size = Math.abs(number);
    const digits = decimals === null
      ? size.toExponential(2).replace(/e([+-])(\d)$/, "e$10$2")
      : size.toFixed(decimals);
    return number < 0 && Number(digits) !== 0 ? MINUS + digits : digits;
  };
  const signed = (number) => {
    const text = plain(number);
    return text.startsWith(MINUS) || text.startsWith("not") || Number(text) === 0 ? text : `+${text}`;
  };
  return { plain, signed, between: (low, high) => `${signed(low)} to ${signed(high)}` };
}

function percent(share) {
  if (share === 0) return "0 %";
  if (Math.abs(share) < 0.001) return "< 0.1 %";
  return `${(100 * share).toFixed(Math.abs(share) >= 0.0995 ? 0 : 1)} %`;
}

function elide(text, width) {
  if (text.length <= width) return text;
  const end = Math.floor(((width - 1) * 9) / 20);
  return `${text.slice(0, width - 1 - end)}…${text.slice(text.length - end)}`;
}

function element(tag, text, cls) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (cls) made.className = cls;
  return made;
}

function drawn(tag, attributes, ...inside) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...inside);
  return made;
}
