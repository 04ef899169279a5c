// Reads the marks of the built-in application out of a video as it is shown; server/sample/src/marks.rs says what they are.
// Runs inside a page, so everything it needs is in this one function. It must never know what is measured.

/**
 * Looks at every picture that a video shows, until the function that it returns is called. `seen` gets { painted_ms, count, x,
 * y, shown_ms, received_ms, decode_ms, width, height } for each, times in milliseconds since 1970 by the page's clock,
 * `received_ms` when the last packet of the picture had come (null: not known); null: its marks cannot be read.
 */
export const watchMarks = (video, seen) => {
  const CELLS = 64;
  const ROW_SHARE = 20 / 720;
  const MASK_48 = 0xffff_ffff_ffffn;
  const value = (bits) => {
    const number = bits >> 16n;
    const word = (at) => (number >> BigInt(at)) & 0xffffn;
    const check = (0x5eedn + word(0) * 3n + word(16) * 5n + word(32) * 7n) & 0xffffn;
    return (bits & 0xffffn) === check ? number : null;
  };
  // The middle of each cell in the plane of brightness, so that what smears at the edges does not count.
  const readRow = (bytes, layout, wide, y) => {
    let bits = 0n;
    for (let cell = 0; cell < CELLS; cell += 1) {
      const at = layout.offset + y * layout.stride + Math.floor((cell + 0.5) * wide);
      bits = (bits << 1n) | (bytes[at] > 127 ? 1n : 0n);
    }
    return value(bits);
  };
  const read = async (frame, shown_ms, facts) => {
    const { width, height } = frame.visibleRect;
    const tall = height * ROW_SHARE;
    const strip = Math.max(2, 2 * Math.ceil(tall));
    const rect = { x: frame.visibleRect.x, y: frame.visibleRect.y, width, height: strip };
    const bytes = new Uint8Array(frame.allocationSize({ rect }));
    const [layout] = await frame.copyTo(bytes, { rect });
    frame.close();
    const wide = width / CELLS;
    const time = readRow(bytes, layout, wide, Math.floor(tall / 2));
    const input = readRow(bytes, layout, wide, Math.floor(tall * 1.5));
    if (time === null || input === null) {
      seen(null);
      return;
    }
    // The upper 16 of 64 bits are not carried: they are those of this moment.
    const painted = (BigInt(Math.round(shown_ms * 1000)) & ~MASK_48) | time;
    seen({
      painted_ms: Number(painted) / 1000,
      count: Number(input >> 32n),
      x: Number((input >> 16n) & 0xffffn),
      y: Number(input & 0xffffn),
      shown_ms,
      received_ms: facts.receiveTime === undefined ? null : performance.timeOrigin + facts.receiveTime,
      decode_ms: (facts.processingDuration ?? 0) * 1000,
      width,
      height,
    });
  };
  let stopped = false;
  const look = (now, facts) => {
    if (stopped) return;
    const shown_ms = performance.timeOrigin + performance.now();
    video.requestVideoFrameCallback(look);
    read(new VideoFrame(video), shown_ms, facts).catch(() => seen(null));
  };
  video.requestVideoFrameCallback(look);
  return () => { stopped = true; };
};
