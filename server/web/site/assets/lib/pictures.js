// An application's picture: which address may be shown, and what is drawn where there is none. Pure.

const SCENE = { width: 320, height: 180 };

/** The address of a picture if it lies on this site, else null: the pages ask nothing of other hosts. */
export const ownPicture = (picture, origin) => {
  if (!picture) return null;
  try {
    const address = new URL(picture, `${origin}/`);
    return address.origin === origin ? address.pathname + address.search : null;
  } catch {
    return null;
  }
};

/** A number from a name, the same every time (FNV-1a, 32 bits). */
export const hash = (name) => {
  let value = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) value = Math.imul(value ^ byte, 0x01000193) >>> 0;
  return value;
};

// One hill's outline: a smooth line through a few heights that depend on the number.
const hill = (seed, base, swing) => {
  const steps = 4;
  const heights = Array.from({ length: steps + 1 }, (_, i) => base - ((seed >>> (i * 5)) % 32) / 31 * swing);
  const step = SCENE.width / steps;
  let path = `M0 ${SCENE.height}V${heights[0].toFixed(1)}`;
  for (let i = 1; i <= steps; i += 1) {
    const middle = ((i - 0.5) * step).toFixed(1);
    path += `C${middle} ${heights[i - 1].toFixed(1)} ${middle} ${heights[i].toFixed(1)} ${i * step} ${heights[i].toFixed(1)}`;
  }
  return `${path}V${SCENE.height}Z`;
};

/** A quiet scene for a name: colours, a disc in the sky and three hills, always the same for the same name. */
export const scene = (name) => {
  const seed = hash(name);
  const hue = seed % 360;
  const near = (hue + 40) % 360;
  return {
    ...SCENE,
    sky: `hsl(${hue} 42% 80%)`,
    disc: { x: 60 + ((seed >>> 9) % 200), y: 42 + ((seed >>> 17) % 30), r: 22, fill: `hsl(${near} 75% 92%)` },
    hills: [
      { d: hill(hash(`${name}1`), 125, 45), fill: `hsl(${hue} 34% 66%)` },
      { d: hill(hash(`${name}2`), 150, 40), fill: `hsl(${hue} 36% 48%)` },
      { d: hill(hash(`${name}3`), 172, 32), fill: `hsl(${hue} 40% 32%)` },
    ],
  };
};
