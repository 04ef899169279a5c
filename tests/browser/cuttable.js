// A way to a port of this computer that can be cut.

import { connect, createServer } from 'node:net';

/** A way to the port `to`: `port` of its own, `open()` how many go over it, `cut()` ends them all, `close()` the way. */
export const cuttable = (to) => new Promise((made) => {
  const open = new Set();
  const way = createServer({ noDelay: true }, (near) => {
    const far = connect({ port: to, host: '127.0.0.1', noDelay: true });
    for (const [one, other] of [[near, far], [far, near]]) {
      open.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        open.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  const cut = () => {
    for (const one of open) one.destroy();
    // They are told of it later; who waits for new ones must not count these.
    open.clear();
  };
  way.listen(0, '127.0.0.1', () => made({
    port: way.address().port,
    open: () => open.size / 2,
    cut,
    close: () => {
      way.close();
      cut();
    },
  }));
});
