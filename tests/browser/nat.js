// A NAT that keeps its ports (RFC 4787: endpoint-independent mapping and filtering), for one UDP port behind it: what that
// one sends to the server outside gets the NAT's port, and whoever sends there reaches it.

import { createSocket } from 'node:dgram';

const bound = () => new Promise((resolve) => {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1', () => resolve(socket));
});

/** In front of a server's port. `port`: of the server, for who is behind the NAT; `outer`: where that one is seen. */
export const nat = async (server) => {
  const [inner, outer] = [await bound(), await bound()];
  const ways = new Map();
  let behind = null;
  inner.on('message', (data, { port }) => {
    behind = port;
    outer.send(data, server, '127.0.0.1');
  });
  outer.on('message', async (data, { port, address }) => {
    if (behind === null) return;
    if (port === server) {
      inner.send(data, behind, '127.0.0.1');
      return;
    }
    const from = `${address}:${port}`;
    if (!ways.has(from)) {
      ways.set(from, bound().then((way) => {
        way.on('message', (back) => outer.send(back, port, address));
        return way;
      }));
    }
    (await ways.get(from)).send(data, behind, '127.0.0.1');
  });
  return {
    port: inner.address().port,
    outer: outer.address().port,
    close: async () => {
      inner.close();
      outer.close();
      for (const way of ways.values()) (await way).close();
    },
  };
};
