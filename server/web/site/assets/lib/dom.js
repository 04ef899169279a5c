// Making elements, without markup in strings: text can never become markup.

const SVG = 'http://www.w3.org/2000/svg';

const fillIn = (element, attributes, children) => {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
};

/** An element: `h('a', { href: '#/', onclick: go }, 'text', child)`; null attributes and children are left out. */
export const h = (tag, attributes, ...children) => fillIn(document.createElement(tag), attributes, children);

/** An element of SVG. */
export const s = (tag, attributes, ...children) => fillIn(document.createElementNS(SVG, tag), attributes, children);

/** Puts other children into an element. */
export const put = (element, ...children) => {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined
    && child !== false));
  return element;
};

let lastId = 0;

/** An id that no other element has. */
export const newId = (prefix) => {
  lastId += 1;
  return `${prefix}-${lastId}`;
};

// Outlines of 24 by 24.
const ICONS = {
  play: 'M8 5.5v13l10.5-6.5z',
  calendar: 'M4.5 6.5h15v13h-15zM4.5 10.5h15M8.5 4v4M15.5 4v4',
  key: 'M14.5 9.5a4 4 0 1 1-8 0a4 4 0 0 1 8 0zM13.4 12.3l6.1 6.2M16.5 15.5l-2 2',
  copy: 'M9 9h10v11H9zM15 9V4.5H5V15h4',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  left: 'M14.5 5.5L8 12l6.5 6.5',
  right: 'M9.5 5.5L16 12l-6.5 6.5',
  clock: 'M12 4a8 8 0 1 0 0 16a8 8 0 0 0 0-16zM12 8v4.5l3 2',
  alert: 'M12 4.5L21 19.5H3zM12 10v4.5M12 17v.3',
  open: 'M13 5h6v6M19 5l-8.5 8.5M10 6H5v13h13v-5',
  plus: 'M12 5v14M5 12h14',
};

/** A small picture beside words; it says nothing by itself. */
export const icon = (name) => s('svg', {
  class: 'icon', viewBox: '0 0 24 24', 'aria-hidden': 'true', focusable: 'false',
}, s('path', { d: ICONS[name] }));
