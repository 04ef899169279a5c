// Where things are: the picture in its box, a pointer in the picture, and how far a wheel went. Pure.

/** The largest box of the picture's shape inside another, centred: what "object-fit: contain" shows. */
export const letterbox = (box, picture) => {
  if (!(picture.width > 0 && picture.height > 0 && box.width > 0 && box.height > 0)) {
    return { left: box.left ?? 0, top: box.top ?? 0, width: box.width, height: box.height };
  }
  const scale = Math.min(box.width / picture.width, box.height / picture.height);
  const width = picture.width * scale;
  const height = picture.height * scale;
  return {
    left: (box.left ?? 0) + (box.width - width) / 2,
    top: (box.top ?? 0) + (box.height - height) / 2,
    width,
    height,
  };
};

const share = (value) => (Number.isFinite(value) ? Math.min(1, Math.max(0, value)) : 0);

/** A point of the page as shares of the picture, 0 to 1; one outside is at the nearest edge. */
export const placeIn = (shown, x, y) => ({
  x: share((x - shown.left) / shown.width),
  y: share((y - shown.top) / shown.height),
});

/** A notch of a wheel. Windows and X11 have said 120 since the first wheels. */
const NOTCH = 120;
/** Pixels of a notch: what Chromium and Firefox tell for most mice. */
const NOTCH_PIXELS = 100;
/** Lines of a notch. */
const NOTCH_LINES = 3;

const perUnit = (mode) => {
  if (mode === 1) return NOTCH / NOTCH_LINES;
  if (mode === 2) return NOTCH;
  return NOTCH / NOTCH_PIXELS;
};

/** Keeps what is less than a whole: small steps of a touch pad add up. */
export class Remainder {
  constructor() {
    this.x = 0;
    this.y = 0;
  }

  /** Adds, and takes the whole part away. */
  add(dx, dy) {
    this.x += dx;
    this.y += dy;
    const whole = { dx: Math.trunc(this.x), dy: Math.trunc(this.y) };
    this.x -= whole.dx;
    this.y -= whole.dy;
    return whole;
  }

  clear() {
    this.x = 0;
    this.y = 0;
  }
}

/** How far a wheel event went, in 1/120 of a notch, not whole. */
export const wheelUnits = ({ deltaX, deltaY, deltaMode, wheelDeltaX = 0, wheelDeltaY = 0 }) => {
  // Whole notches of a mouse are told by the old numbers in all that have them; pixels depend on the system.
  if ((wheelDeltaX !== 0 || wheelDeltaY !== 0) && wheelDeltaX % NOTCH === 0 && wheelDeltaY % NOTCH === 0) {
    return { dx: -wheelDeltaX, dy: -wheelDeltaY };
  }
  const factor = perUnit(deltaMode);
  return { dx: deltaX * factor, dy: deltaY * factor };
};

// The bits of `MouseEvent.buttons`, in the order of the wire's numbers: left, middle, right, back, forward.
const BITS = [1, 4, 2, 8, 16];

/** Which buttons changed between two readings of `MouseEvent.buttons`: { number, isDown }, releases first. */
export const buttonsChanged = (before, after) => BITS
  .map((bit, number) => ({ number, isDown: (after & bit) !== 0, isNew: (before & bit) !== (after & bit) }))
  .filter(({ isNew }) => isNew)
  .map(({ number, isDown }) => ({ number, isDown }))
  .sort((a, b) => Number(a.isDown) - Number(b.isDown));
